import { useCallback, useEffect, useState } from 'react';
import { type Problem, problemOf } from '../api/problem';
import { useConnection, useEpoch, useServer } from './session';
import type { Server } from '../api/server';

export interface Asked<T> {
  data: T | undefined;
  problem: Problem | undefined;
  loading: boolean;
  reload: () => void;
}

interface Kept<T> {
  key: string | null;
  server: Server;
  data?: T | undefined;
  problem?: Problem;
  turn: string;
}

function isFor<T>(kept: Kept<T> | undefined, key: string | null, server: Server): kept is Kept<T> {
  return kept !== undefined && kept.key === key && kept.server === server;
}

/**
 * Asks the server and keeps the answer; asks again when `key`, the tenant or the stream's epoch changes.
 *
 * `key` null asks nothing. While it asks again for the same key, or fails to, the old answer
 * stays.
 */
export function useAnswer<T>(key: string | null, ask: (server: Server, signal: AbortSignal) => Promise<T>): Asked<T> {
  const server = useServer();
  const epoch = useEpoch();
  const connection = useConnection();
  const [turn, setTurn] = useState(0);
  const [kept, setKept] = useState<Kept<T>>();
  const now = `${turn}.${epoch}`;
  const reload = useCallback(() => setTurn((before) => before + 1), []);
  useEffect(() => {
    if (key === null) return undefined;
    const stop = new AbortController();
    ask(server, stop.signal).then(
      (data) => !stop.signal.aborted && setKept({ key, server, data, turn: now }),
      (error: unknown) => {
        if (stop.signal.aborted) return;
        const problem = problemOf(error);
        setKept((before) => ({ key, server, problem, turn: now, ...(isFor(before, key, server) ? { data: before.data } : {}) }));
      },
    );
    return () => stop.abort();
    // `ask` is written in place by every caller; `key` stands for what it asks.
  }, [key, server, now]);
  const mine = isFor(kept, key, server) ? kept : undefined;
  const cutOff = mine?.problem?.kind === 'offline';
  useEffect(() => {
    // What failed while the server was away is asked for again when it is back.
    if (connection === 'live' && cutOff) reload();
  }, [connection, cutOff, reload]);
  return { data: mine?.data, problem: mine?.problem, loading: key !== null && mine?.turn !== now, reload };
}
