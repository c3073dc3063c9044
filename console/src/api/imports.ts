import type { Title } from '../i18n/language';
import type { Server } from './server';

export interface Rejected {
  line: number | null;
  column: string | null;
  value: string | null;
  reason: string;
}

export interface Column {
  name: string;
  sample: string[];
  attribute: string | null;
  title?: Title;
}

export interface Preview {
  upload: string;
  file: string;
  format: string;
  encoding: string | null;
  dataset: { id: string; title: Title } | null;
  type: string | null;
  columns: Column[];
  attributes: { name: string; title: Title }[];
  key: string[];
  rows: number;
  entities: Record<string, unknown>[];
  rejects: Rejected[];
}

export type JobState = 'running' | 'done' | 'failed' | 'undone';

export interface Job {
  job: string;
  state: JobState;
  file: string;
  type: string | null;
  total: number;
  read: number;
  written: number;
  unchanged: number;
  rejected: number;
  rejects: Rejected[];
  gone: { id: string; name: string }[];
  started: string;
  ended: string | null;
}

export type Mapping = Readonly<Record<string, string | null>>;

const base = '/apps/imports';

/** Sends a file; the server reads it and says what it would become. Nothing is written yet. */
export const upload = (server: Server, file: File, signal?: AbortSignal) =>
  server.ask<Preview>(`${base}/uploads`, {
    method: 'POST',
    query: { tenant: server.tenant },
    headers: { 'X-File-Name': encodeURIComponent(file.name), 'Content-Type': 'application/octet-stream' },
    body: file,
    signal,
  });

export const correct = (server: Server, id: string, type: string, columns: Mapping) =>
  server.ask<Preview>(`${base}/uploads/${id}/mapping`, {
    method: 'PUT',
    query: { tenant: server.tenant },
    json: { type, columns },
  });

export const run = (server: Server, id: string) =>
  server.ask<{ job: string }>(`${base}/uploads/${id}/run`, {
    method: 'POST',
    query: { tenant: server.tenant },
    json: { retire: false },
  });

export const readJob = async (server: Server, job: string, signal?: AbortSignal): Promise<Job> => ({
  ...(await server.ask<Job>(`${base}/jobs/${job}`, { query: { tenant: server.tenant }, signal })),
  job,
});

export const readJobs = (server: Server, signal?: AbortSignal) =>
  server.ask<Job[]>(`${base}/jobs`, { query: { tenant: server.tenant }, signal });

export const undo = (server: Server, job: string) =>
  server.send(`${base}/jobs/${job}/undo`, { method: 'POST', query: { tenant: server.tenant } });

export const retire = (server: Server, job: string, ids: readonly string[]) =>
  server.send(`${base}/jobs/${job}/retire`, { method: 'POST', query: { tenant: server.tenant }, json: { ids } });

export const reportPath = (job: string) => `${base}/jobs/${job}/report.csv`;
export const exportPath = `${base}/export`;
