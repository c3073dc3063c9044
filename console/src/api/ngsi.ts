import type { Geometry } from 'geojson';
import type { Server } from './server';

/** Is one instance of an attribute in the normalized representation (NGSI-LD 4.5). */
export interface Instance {
  type: string;
  value?: unknown;
  object?: string | string[];
  languageMap?: Record<string, string | string[]>;
  json?: unknown;
  vocab?: string | string[];
  unitCode?: string;
  observedAt?: string;
  createdAt?: string;
  modifiedAt?: string;
  datasetId?: string;
  editedBy?: Instance;
  [sub: string]: unknown;
}

export type AttributeValue = Instance | Instance[];

export interface Entity {
  id: string;
  type: string | string[];
  createdAt?: string;
  modifiedAt?: string;
  scope?: string | string[];
  [attribute: string]: unknown;
}

export interface Page {
  entities: Entity[];
  count: number;
}

export type Sample = [value: unknown, at: string];

const reserved = new Set(['id', 'type', '@context', 'createdAt', 'modifiedAt', 'expiresAt', 'scope', 'deletedAt']);

/** Tells whether a value is an attribute's instance rather than plain data. */
export function isInstance(value: unknown): value is Instance {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && typeof (value as Instance).type === 'string';
}

/** Lists an entity's attributes with all their instances, the one without datasetId first. */
export function attributesOf(entity: Entity): [name: string, instances: Instance[]][] {
  const found: [string, Instance[]][] = [];
  for (const [name, value] of Object.entries(entity)) {
    if (reserved.has(name)) continue;
    const instances = (Array.isArray(value) ? value : [value]).filter(isInstance);
    if (instances.length > 0) found.push([name, instances]);
  }
  return found;
}

/** Returns the type that an entity is drawn and titled by: its first. */
export function mainType(entity: Pick<Entity, 'type'>): string {
  return (Array.isArray(entity.type) ? entity.type[0] : entity.type) ?? '';
}

/** Returns the first instance of an attribute. */
export function instanceOf(entity: Entity, name: string): Instance | undefined {
  const value = entity[name];
  const first: unknown = Array.isArray(value) ? value[0] : value;
  return isInstance(first) ? first : undefined;
}

/** Returns an entity's place. */
export function geometryOf(entity: Entity): Geometry | null {
  const value = instanceOf(entity, 'location')?.value;
  return typeof value === 'object' && value !== null && 'type' in value ? (value as Geometry) : null;
}

const path = (id: string) => `/ngsi-ld/v1/entities/${encodeURIComponent(id)}`;

/** Reads an entity, with the times of its attributes. */
export async function readEntity(server: Server, id: string, signal?: AbortSignal): Promise<Entity> {
  return server.ask<Entity>(path(id), { query: { options: 'sysAttrs' }, signal });
}

/** Reads a page of a type's entities and how many there are; `q` is in the standard's query language. */
export async function readPage(
  server: Server,
  query: { type: string; q?: string | undefined; limit: number; offset: number; pick?: string },
  signal?: AbortSignal,
): Promise<Page> {
  const response = await server.send('/ngsi-ld/v1/entities', {
    query: { ...query, count: true, options: 'sysAttrs' },
    signal,
  });
  const entities = (await response.json()) as Entity[];
  return { entities, count: Number(response.headers.get('NGSILD-Results-Count') ?? entities.length) };
}

/** Overwrites one attribute of an entity. */
export async function writeAttribute(server: Server, id: string, name: string, value: AttributeValue): Promise<void> {
  await server.send(`${path(id)}/attrs`, { method: 'POST', json: { [name]: value } });
}

/** Says which part of an attribute's history is asked for. */
export interface Past {
  id: string;
  attribute: string;
  since: Date;
  /** Is the clock that counts: when it was observed, or when it was written. */
  clock: 'observedAt' | 'modifiedAt';
  last?: number;
}

/** Reads an attribute's values, oldest first. */
export async function readSamples(server: Server, past: Past, signal?: AbortSignal): Promise<Sample[]> {
  const entity = await readHistory(server, past, 'temporalValues', signal);
  const lists = [entity[past.attribute] ?? []].flat() as { values?: Sample[] }[];
  return lists.flatMap((one) => one.values ?? []).sort((a, b) => a[1].localeCompare(b[1]));
}

/** Reads an attribute's instances with all they carry (author, unit), newest first. */
export async function readInstances(server: Server, past: Past, signal?: AbortSignal): Promise<Instance[]> {
  const entity = await readHistory(server, past, 'sysAttrs', signal);
  const instances = ([entity[past.attribute] ?? []].flat() as unknown[]).filter(isInstance);
  const time = (instance: Instance) => instance[past.clock] ?? timeOf(instance);
  return instances.sort((a, b) => time(b).localeCompare(time(a)));
}

/** Returns when an instance was true: observed, else written. */
export function timeOf(instance: Instance): string {
  return instance.observedAt ?? instance.modifiedAt ?? instance.createdAt ?? '';
}

async function readHistory(server: Server, past: Past, options: string, signal?: AbortSignal): Promise<Entity> {
  return server.ask<Entity>(`/ngsi-ld/v1/temporal/entities/${encodeURIComponent(past.id)}`, {
    query: {
      timerel: 'after', timeAt: past.since.toISOString(), timeproperty: past.clock, attrs: past.attribute,
      lastN: past.last, options,
    },
    signal,
  });
}
