import type { Language, Title } from '../i18n/language';
import { address, type Server } from './server';

export interface Rejected {
  /** Is 0 for the file as a whole. */
  line: number;
  column: string;
  value: string;
  reason: string;
  reasons: Title;
}

export interface Column {
  name: string;
  sample: string[];
  attribute: string | null;
  title: Title;
}

export interface Preview {
  upload: string;
  parts: string[];
  file: string;
  format: string;
  encoding: string | null;
  dataset: { id: string; title: Title } | null;
  type: string | null;
  types: Readonly<Record<string, number>>;
  columns: Column[];
  attributes: { name: string; title: Title }[];
  key: string[];
  rows: number;
  rejected: number;
  entities: Record<string, unknown>[];
  rejects: Rejected[];
}

export type JobState = 'running' | 'done' | 'failed' | 'undone';

export interface Job {
  job: string;
  state: JobState;
  file: string;
  type: string;
  types: Readonly<Record<string, number>>;
  total: number;
  read: number;
  written: number;
  unchanged: number;
  rejected: number;
  /** Counts values that a person had corrected and that the import left alone. */
  kept: number;
  rejects: Rejected[];
  gone: { id: string; name: string }[];
  retired: number;
  /** Lists entities that an undo left alone since they had changed again. */
  left: string[];
  started: string;
  ended: string | null;
  error: string | null;
}

export type Mapping = Readonly<Record<string, string | null>>;
export type ExportFormat = 'csv' | 'geojson' | 'xlsx';

const base = '/apps/imports';

/** Sends a file; the server reads it and says what it would become. Nothing is written yet. */
export const upload = (server: Server, file: File, part: number) =>
  server.ask<Preview>(`${base}/uploads`, {
    method: 'POST',
    query: { tenant: server.tenant, part },
    headers: { 'X-File-Name': encodeURIComponent(file.name), 'Content-Type': 'application/octet-stream' },
    body: file,
  });

/** Says what the columns become; answers the preview that follows from it. */
export const correct = (server: Server, id: string, type: string | null, columns: Mapping) =>
  server.ask<Preview>(`${base}/uploads/${id}/mapping`, {
    method: 'PUT',
    query: { tenant: server.tenant },
    json: { type, columns },
  });

/** Begins to write; nothing that is gone from the file is deleted without consent. */
export const run = (server: Server, id: string) =>
  server.ask<{ job: string }>(`${base}/uploads/${id}/run`, {
    method: 'POST',
    query: { tenant: server.tenant },
    json: { retire: false },
  });

export const readJob = (server: Server, job: string, signal?: AbortSignal) =>
  server.ask<Job>(`${base}/jobs/${job}`, { query: { tenant: server.tenant }, signal });

export const readJobs = (server: Server, signal?: AbortSignal) =>
  server.ask<Job[]>(`${base}/jobs`, { query: { tenant: server.tenant }, signal });

export const undo = (server: Server, job: string) =>
  server.ask<Job>(`${base}/jobs/${job}/undo`, { method: 'POST', query: { tenant: server.tenant } });

export const retire = (server: Server, job: string, ids: readonly string[]) =>
  server.ask<Job>(`${base}/jobs/${job}/retire`, { method: 'POST', query: { tenant: server.tenant }, json: { ids } });

export const reportAddress = (server: Server, job: string) =>
  address(`${base}/jobs/${job}/report.csv`, { tenant: server.tenant });

export const exportAddress = (server: Server, type: string, format: ExportFormat, lang: Language) =>
  address(`${base}/export`, { type, format, lang, tenant: server.tenant });
