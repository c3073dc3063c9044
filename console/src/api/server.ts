import { Problem, problemFrom, problemOf } from './problem';

type Query = Readonly<Record<string, string | number | boolean | null | undefined>>;

interface Request {
  method?: string;
  query?: Query;
  json?: unknown;
  body?: Blob;
  text?: string;
  headers?: Readonly<Record<string, string>>;
  signal?: AbortSignal | undefined;
}

/** Writes a path with its query; what is empty or undefined is left out. */
export function address(path: string, query: Query = {}): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== '');
  if (pairs.length === 0) return path;
  return `${path}?${new URLSearchParams(pairs.map(([key, value]) => [key, String(value)]))}`;
}

/** Speaks HTTP to the server for one tenant, with the token if there is one. */
export class Server {
  readonly tenant: string;
  readonly token: string | null;
  readonly #language: () => string;
  readonly #refused: () => void;

  /** `language` is asked at each request; `refused` is told when the server wants a token. */
  constructor(tenant: string, token: string | null, { language, refused }: { language: () => string; refused: () => void }) {
    this.tenant = tenant;
    this.token = token;
    this.#language = language;
    this.#refused = refused;
  }

  /** Lists the headers that every request to this server carries. */
  get headers(): Record<string, string> {
    const language = { 'Accept-Language': this.#language() };
    return this.token ? { ...language, Authorization: `Bearer ${this.token}` } : language;
  }

  /** Sends a request as it is, to no tenant but the one in `headers`, and returns its answer whatever the status. */
  async raw(path: string, { method = 'GET', query, json, body, text, headers, signal }: Request = {}): Promise<Response> {
    try {
      return await fetch(address(path, query), {
        method,
        headers: { ...this.headers, ...headers },
        body: json === undefined ? (text ?? body ?? null) : JSON.stringify(json),
        signal: signal ?? null,
        credentials: 'same-origin',
      });
    } catch (error) {
      if (error instanceof DOMException && error.name === 'AbortError') throw error;
      throw problemOf(error);
    }
  }

  /** Sends a request to the tenant; raises Problem for every answer that is not a success. */
  async send(path: string, request: Request = {}): Promise<Response> {
    const headers: Record<string, string> = {};
    if (path.startsWith('/ngsi-ld/') && this.tenant) headers['NGSILD-Tenant'] = this.tenant;
    if (request.json !== undefined) headers['Content-Type'] = 'application/json';
    const response = await this.raw(path, { ...request, headers: { ...headers, ...request.headers } });
    if (response.ok) return response;
    if (response.status === 401) this.#refused();
    throw await problemFrom(response);
  }

  /** Sends a request and reads the answer as JSON; `T` is what the route promises. */
  async ask<T>(path: string, request: Request = {}): Promise<T> {
    const response = await this.send(path, request);
    try {
      return (await response.json()) as T;
    } catch (error) {
      if (error instanceof SyntaxError) throw new Problem(502, '', error.message);
      throw error;
    }
  }
}
