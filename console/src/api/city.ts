import type { Title } from '../i18n/language';
import type { Server } from './server';

export interface Layer {
  type: string;
  title: Title;
  count: number;
  color: string;
  icon: string;
  /** Says how its entities are drawn: `point`, `line`, `area`; none are not on the map. */
  shapes: readonly string[];
}

export interface LayerGroup {
  field: string;
  title: Title;
  layers: Layer[];
}

export interface Hit {
  id: string;
  type: string;
  name: string;
  address: string | null;
  lon: number | null;
  lat: number | null;
}

export interface Background {
  id: string;
  title: Title;
  tiles: string;
  attribution: string;
  minzoom?: number;
  maxzoom?: number;
}

export type Extent = [west: number, south: number, east: number, north: number];

export interface Agent {
  id: string;
  title: Title;
  state: string;
  received: number;
  written: number;
  rejected: number;
  spooled: number;
  last_error: string | null;
  last_error_at: string | null;
  last_message_at: string | null;
  troubles: Readonly<Record<string, string>>;
  profiles: readonly { id: string; title: Title }[];
}

export interface Reject {
  at: string;
  source: string;
  payload: string;
  reason: string;
}

export const readLayers = (server: Server, signal?: AbortSignal) =>
  server.ask<LayerGroup[]>('/apps/map/layers', { query: { tenant: server.tenant }, signal });

export const readExtent = (server: Server, signal?: AbortSignal) =>
  server.ask<Extent | null>('/apps/map/extent', { query: { tenant: server.tenant }, signal });

export const readBackgrounds = async (server: Server, signal?: AbortSignal) =>
  (await server.ask<{ backgrounds: Background[] }>('/apps/map/settings', { signal })).backgrounds;

export const search = (server: Server, text: string, signal?: AbortSignal) =>
  server.ask<Hit[]>('/apps/map/search', { query: { text, limit: 20, tenant: server.tenant }, signal });

export const readTenants = (server: Server, signal?: AbortSignal) => server.ask<string[]>('/api/tenants', { signal });

export const readAgents = (server: Server, signal?: AbortSignal) => server.ask<Agent[]>('/api/agents', { signal });

export const readRejects = (server: Server, agent: string, signal?: AbortSignal) =>
  server.ask<Reject[]>(`/api/agents/${encodeURIComponent(agent)}/rejects`, { query: { limit: 50 }, signal });

/** Hands the token to the server once, so that the stream and the tiles may carry it as a cookie. */
export async function openSession(token: string): Promise<Response> {
  return fetch('/api/session', {
    method: 'POST',
    headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ token }),
  });
}
