import { useCallback, useEffect, useState } from 'react';
import { type Problem, problemOf } from '../api/problem';
import { useEpoch, useServer } from './session';
import type { Server } from '../api/server';

export interface Asked<T> {
  data: T | undefined;
  problem: Problem | undefined;
  loading: boolean;
  reload: () => void;
}

/**
 * Asks the server and keeps the answer; asks again when `key`, the tenant or the stream's epoch changes.
 *
 * `key` null asks nothing. While it asks again for the same key the old answer stays.
 */
export function useAnswer<T>(key: string | null, ask: (server: Server, signal: AbortSignal) => Promise<T>): Asked<T> {
  const server = useServer();
  const epoch = useEpoch();
  const [turn, setTurn] = useState(0);
  const [kept, setKept] = useState<{ key: string | null; server: Server; data?: T; problem?: Problem; turn: string }>();
  const now = `${turn}.${epoch}`;
  useEffect(() => {
    if (key === null) return undefined;
    const stop = new AbortController();
    ask(server, stop.signal).then(
      (data) => !stop.signal.aborted && setKept({ key, server, data, turn: now }),
      (error: unknown) => !stop.signal.aborted && setKept({ key, server, problem: problemOf(error), turn: now }),
    );
    return () => stop.abort();
    // `ask` is written in place by every caller; `key` stands for what it asks.
  }, [key, server, now]);
  const mine = kept && kept.key === key && kept.server === server ? kept : undefined;
  const reload = useCallback(() => setTurn((before) => before + 1), []);
  return { data: mine?.data, problem: mine?.problem, loading: key !== null && (!mine || mine.turn !== now), reload };
}
