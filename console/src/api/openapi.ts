import { Problem } from './problem';
import { address, type Server } from './server';

/** Is what is tried out written to: a tenant of its own, so that the town's data stays as it is. */
export const sandbox = 'sandbox';

interface Schema {
  $ref?: string;
  type?: string;
  enum?: readonly string[];
  examples?: readonly unknown[];
}

export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header';
  required?: boolean;
  description: string;
  schema: Schema;
  example?: unknown;
}

interface Content {
  content?: Readonly<Record<string, { schema: Schema }>>;
}

interface Described {
  tags: readonly string[];
  operationId: string;
  summary: string;
  description: string;
  parameters: readonly Parameter[];
  requestBody?: Content;
  responses: Readonly<Record<string, Content & { description: string }>>;
}

export interface OpenApi {
  tags: readonly { name: string; description: string }[];
  paths: Readonly<Record<string, Readonly<Record<string, Described>>>>;
  components: { schemas: Readonly<Record<string, Schema>> };
}

export interface Operation extends Described {
  method: string;
  path: string;
  /** Is the body's example as text, or null for an operation without a body. */
  body: string | null;
  /** Is true for an answer that never ends. */
  endless: boolean;
}

export interface Exchange {
  status: number;
  /** Is how long the answer took, in milliseconds. */
  took: number;
  headers: readonly (readonly [string, string])[];
  body: string;
}

/** Reads the server's own description of its interface, in a language. */
export function readOpenApi(server: Server, lang: string, signal?: AbortSignal): Promise<OpenApi> {
  return server.ask<OpenApi>('/openapi.json', { query: { lang }, signal });
}

function follow(document: OpenApi, schema: Schema): Schema {
  const name = schema.$ref?.replace('#/components/schemas/', '');
  return (name && document.components.schemas[name]) || schema;
}

/** Lists the operations of a tag in the order of the document. */
export function operationsOf(document: OpenApi, tag: string): Operation[] {
  const found: Operation[] = [];
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, described] of Object.entries(methods)) {
      if (!described.tags.includes(tag)) continue;
      const schema = described.requestBody?.content?.['application/json']?.schema
        ?? Object.values(described.requestBody?.content ?? {})[0]?.schema;
      const [example] = schema ? (follow(document, schema).examples ?? []) : [];
      found.push({
        ...described, path, method: method.toUpperCase(),
        body: schema ? JSON.stringify(example ?? {}, null, 2) : null,
        endless: Object.values(described.responses).some(({ content }) => content && 'text/event-stream' in content),
      });
    }
  }
  return found;
}

/** Tells whether an operation is about what was typed: its words, its address, its method. */
export function isAbout(operation: Operation, typed: string): boolean {
  const text = `${operation.method} ${operation.path} ${operation.summary} ${operation.description}`.toLowerCase();
  return typed.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

/** Is what the user filled in: a parameter's name → its text; empty ones are not sent. */
export type Filled = Readonly<Record<string, string>>;

/** Names the parameters that say whose data is meant; they always say the sandbox here. */
export const tenantNames: readonly string[] = ['NGSILD-Tenant', 'tenant'];

/** Writes the address of a request; a path parameter left empty keeps its name, so that the server says what lacks. */
export function targetOf(operation: Operation, filled: Filled): string {
  const path = operation.path.replace(/\{(\w+)\}/g, (whole, name: string) =>
    filled[name] ? encodeURIComponent(filled[name]) : encodeURIComponent(whole));
  const query = operation.parameters.filter((one) => one.in === 'query').map(({ name }) => [name, filled[name]] as const);
  return address(path, Object.fromEntries(query));
}

/** Lists the headers that the user filled in, with those that the body needs. */
export function headersOf(operation: Operation, filled: Filled, body: string | null): Record<string, string> {
  const given = operation.parameters.filter((one) => one.in === 'header' && filled[one.name]);
  const linked = body?.includes('"@context"') ? 'application/ld+json' : 'application/json';
  return {
    ...Object.fromEntries(given.map(({ name }) => [name, filled[name] ?? ''])),
    ...(body === null ? {} : { 'Content-Type': linked }),
  };
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/** Writes a request as a command for a terminal; `locked` when the server wants a token. */
export function curlOf(
  origin: string, operation: Operation, filled: Filled, body: string | null, { locked = false }: { locked?: boolean } = {},
): string {
  const parts = ['curl', operation.endless ? '-N' : '-i'];
  if (operation.method !== 'GET') parts.push('-X', operation.method);
  parts.push(quoted(origin + targetOf(operation, filled)));
  for (const [name, value] of Object.entries(headersOf(operation, filled, body))) parts.push('-H', quoted(`${name}: ${value}`));
  if (locked) parts.push('-H', '"Authorization: Bearer $TOKEN"');
  if (body !== null) parts.push('-d', quoted(body));
  return parts.join(' ');
}

/** Sends a request and tells all of its answer, whatever its status. */
export async function exchange(server: Server, operation: Operation, filled: Filled, body: string | null): Promise<Exchange> {
  const begun = performance.now();
  const response = await server.raw(targetOf(operation, filled), {
    method: operation.method, headers: headersOf(operation, filled, body), ...(body === null ? {} : { text: body }),
  });
  const text = await response.text();
  const took = performance.now() - begun;
  return { status: response.status, took, headers: [...response.headers], body: pretty(text) };
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** Fills the sandbox with the examples of the document; what is there stays. */
export async function fillSandbox(server: Server, document: OpenApi): Promise<void> {
  const [examples] = document.components.schemas['EntityList']?.examples ?? [];
  await server.send('/ngsi-ld/v1/entityOperations/upsert', {
    method: 'POST', json: examples, query: { options: 'update' }, headers: { 'NGSILD-Tenant': sandbox },
  });
}

/** Deletes all entities of the sandbox; one that was never written to is empty already. */
export async function emptySandbox(server: Server): Promise<void> {
  try {
    await server.send('/ngsi-ld/v1/entities', {
      method: 'DELETE', query: { type: '*', local: true }, headers: { 'NGSILD-Tenant': sandbox },
    });
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 404) throw error;
  }
}
