import type { AttributeValue, Entity } from '../api/ngsi';

export type Connection = 'connecting' | 'live' | 'lost';

/** Is one change of one entity as the stream tells it; a deleted attribute is null. */
export interface Change {
  seq: number;
  at: string;
  op: 'created' | 'updated' | 'deleted';
  id: string;
  type: string | string[];
  attrs: Readonly<Record<string, AttributeValue | null>>;
}

/** Is what a view knows of an entity: the entity, or that it is gone. */
export type Held = { entity: Entity; gone: boolean };

type Listener = () => void;
type BatchListener = (changes: readonly Change[]) => void;

/** Merges a change into an entity; the entity itself is left as it was. */
export function merged(entity: Entity, change: Change): Entity {
  const next: Entity = { ...entity, type: change.type, modifiedAt: change.at };
  for (const [name, value] of Object.entries(change.attrs)) {
    if (value === null) delete next[name];
    else next[name] = value;
  }
  return next;
}

/**
 * Holds what the open views show of the city and is told of every change through `apply` alone.
 *
 * Entities are held while somebody shows them; changes of others only pass through to the batch listeners (the
 * map), gathered to one call per `pace` milliseconds.
 */
export class LiveStore {
  readonly #held = new Map<string, Held & { holders: number }>();
  readonly #listeners = new Set<Listener>();
  readonly #batchListeners = new Set<BatchListener>();
  readonly #pace: number;
  #batch: Change[] = [];
  #timer: ReturnType<typeof setTimeout> | null = null;
  #connection: Connection = 'connecting';
  #seq = 0;
  #epoch = 0;

  constructor(pace = 500) {
    this.#pace = pace;
  }

  get connection(): Connection {
    return this.#connection;
  }

  /** Is the sequence number of the last change applied. */
  get seq(): number {
    return this.#seq;
  }

  /** Counts how often the views must read everything again. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Applies one change: the only way in which the city moves on the screen. Changes seen before are passed over. */
  apply(change: Change): void {
    if (change.seq <= this.#seq) return;
    this.#seq = change.seq;
    const held = this.#held.get(change.id);
    if (held) {
      const gone = change.op === 'deleted';
      this.#held.set(change.id, { ...held, gone, entity: gone ? held.entity : merged(held.entity, change) });
      this.#tell();
    }
    if (this.#batchListeners.size === 0) return;
    this.#batch.push(change);
    this.#timer ??= setTimeout(() => this.#flush(), this.#pace);
  }

  /** Notes where the stream begins, so that older changes are passed over. */
  begin(seq: number): void {
    this.#seq = Math.max(this.#seq, seq);
  }

  /** Makes every view read again: the stream can no longer tell what was missed. */
  reset(seq: number): void {
    this.#seq = seq;
    this.#epoch += 1;
    this.#tell();
  }

  connect(connection: Connection): void {
    if (connection === this.#connection) return;
    this.#connection = connection;
    this.#tell();
  }

  /** Keeps an entity up to date until the returned function is called. */
  hold(entity: Entity): () => void {
    const before = this.#held.get(entity.id);
    this.#held.set(entity.id, { entity, gone: false, holders: (before?.holders ?? 0) + 1 });
    this.#tell();
    return () => {
      const now = this.#held.get(entity.id);
      if (!now) return;
      if (now.holders > 1) this.#held.set(entity.id, { ...now, holders: now.holders - 1 });
      else this.#held.delete(entity.id);
    };
  }

  get(id: string): Held | undefined {
    return this.#held.get(id);
  }

  subscribe = (listener: Listener): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Hands over the changes, gathered, until the returned function is called. */
  onChanges(listener: BatchListener): () => void {
    this.#batchListeners.add(listener);
    return () => this.#batchListeners.delete(listener);
  }

  #flush(): void {
    this.#timer = null;
    const batch = this.#batch;
    this.#batch = [];
    for (const listener of this.#batchListeners) listener(batch);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}
