import { address } from '../api/server';
import type { Change, LiveStore } from './store';

const firstPause = 1_000;
const longestPause = 30_000;

/**
 * Follows the server's stream of changes into a store until closed.
 *
 * After every break it opens a new stream behind the last change seen, with growing pauses, so that nothing is
 * missed and nothing comes twice.
 */
export class Follower {
  readonly #store: LiveStore;
  readonly #tenant: string;
  #source: EventSource | null = null;
  #retry: ReturnType<typeof setTimeout> | null = null;
  #pause = firstPause;
  #begun = false;

  constructor(store: LiveStore, tenant: string) {
    this.#store = store;
    this.#tenant = tenant;
  }

  open(): void {
    this.close();
    const after = this.#begun ? this.#store.seq : undefined;
    const source = new EventSource(address('/stream', { tenant: this.#tenant, last_event_id: after }));
    this.#source = source;
    source.addEventListener('hello', (event) => this.#hello(seqOf(event)));
    source.addEventListener('change', (event) => {
      this.#store.apply(JSON.parse((event as MessageEvent<string>).data) as Change);
    });
    source.addEventListener('reset', (event) => this.#store.reset(seqOf(event)));
    source.addEventListener('error', () => this.#again());
  }

  close(): void {
    this.#source?.close();
    this.#source = null;
    if (this.#retry) clearTimeout(this.#retry);
    this.#retry = null;
  }

  #hello(seq: number): void {
    if (!this.#begun) this.#store.begin(seq);
    else if (seq < this.#store.seq) this.#store.reset(seq);
    this.#begun = true;
    this.#pause = firstPause;
    this.#store.connect('live');
  }

  #again(): void {
    this.close();
    this.#store.connect('lost');
    this.#retry = setTimeout(() => this.open(), this.#pause);
    this.#pause = Math.min(this.#pause * 2, longestPause);
  }
}

function seqOf(event: Event): number {
  const { seq } = JSON.parse((event as MessageEvent<string>).data || '{}') as { seq?: number };
  return seq ?? 0;
}
