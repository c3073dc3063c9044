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

/** Is a number that an attribute had at a time, or over a period: its mean, least and greatest of `count` values. */
export interface Sample {
  at: number;
  value: number;
  low: number;
  high: number;
  count: number;
}

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

/** Reads an attribute's numbers, oldest first. */
export async function readSamples(server: Server, past: Past, signal?: AbortSignal): Promise<Sample[]> {
  const entity = await readHistory(server, past, { options: 'temporalValues' }, signal);
  const lists = [entity[past.attribute] ?? []].flat() as { values?: [unknown, string][] }[];
  return samplesOf(lists.flatMap((one) => one.values ?? []));
}

/** Turns values with their times into samples, oldest first; what is no number is left out. */
export function samplesOf(values: readonly (readonly [unknown, string])[]): Sample[] {
  return values
    .flatMap(([value, at]) =>
      typeof value === 'number' ? [{ at: Date.parse(at), value, low: value, high: value, count: 1 }] : [])
    .sort((a, b) => a.at - b.at);
}

type Periods = readonly (readonly [value: number, start: string, end: string])[];

/** Reads the mean, least and greatest of an attribute's numbers over each period (ISO 8601), oldest first. */
export async function readPeriods(server: Server, past: Past, period: string, signal?: AbortSignal): Promise<Sample[]> {
  const entity = await readHistory(
    server,
    past,
    { options: 'aggregatedValues', aggrMethods: 'avg,min,max,totalCount', aggrPeriodDuration: period },
    signal,
  );
  return periodsOf(([entity[past.attribute] ?? []].flat() as Partial<Record<Aggregate, Periods>>[])[0] ?? {});
}

type Aggregate = 'avg' | 'min' | 'max' | 'totalCount';

/** Joins the lists of an aggregated attribute by their periods; each sample stands in its period's middle. */
export function periodsOf(found: Readonly<Partial<Record<Aggregate, Periods>>>): Sample[] {
  const byStart = (name: Aggregate) => new Map((found[name] ?? []).map(([value, start]) => [start, value]));
  const [lows, highs, counts] = [byStart('min'), byStart('max'), byStart('totalCount')];
  return (found.avg ?? [])
    .map(([value, start, end]) => ({
      at: (Date.parse(start) + Date.parse(end)) / 2,
      value,
      low: lows.get(start) ?? value,
      high: highs.get(start) ?? value,
      count: counts.get(start) ?? 1,
    }))
    .sort((a, b) => a.at - b.at);
}

/** Reads an attribute's instances with all they carry (author, unit), newest first. */
export async function readInstances(server: Server, past: Past, signal?: AbortSignal): Promise<Instance[]> {
  const entity = await readHistory(server, past, { options: 'sysAttrs', lastN: String(past.last ?? 100) }, signal);
  const instances = ([entity[past.attribute] ?? []].flat() as unknown[]).filter(isInstance);
  const time = (instance: Instance) => instance[past.clock] ?? timeOf(instance);
  return instances.sort((a, b) => time(b).localeCompare(time(a)));
}

/** Returns when an instance was true: observed, else written. */
export function timeOf(instance: Instance): string {
  return instance.observedAt ?? instance.modifiedAt ?? instance.createdAt ?? '';
}

async function readHistory(
  server: Server,
  past: Past,
  form: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<Entity> {
  return server.ask<Entity>(`/ngsi-ld/v1/temporal/entities/${encodeURIComponent(past.id)}`, {
    query: {
      timerel: 'after', timeAt: past.since.toISOString(), timeproperty: past.clock, attrs: past.attribute, ...form,
    },
    signal,
  });
}
