import { createContext, type ReactNode, useContext, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import { openSession } from '../api/city';
import { Server } from '../api/server';
import { useWords } from '../i18n/language';
import { type Held, LiveStore } from '../live/store';
import { Follower } from '../live/stream';

const tenantKey = 'hiroba.tenant';
const tokenKey = 'hiroba.token';

interface Session {
  server: Server;
  live: LiveStore;
  tenant: string;
  setTenant: (tenant: string) => void;
  /** Is true while the server wants a token that it has not got. */
  locked: boolean;
  /** Tries a token; resolves to whether the server took it. */
  unlock: (token: string) => Promise<boolean>;
}

const SessionContext = createContext<Session | null>(null);

/** Connects everything below it to one tenant of the server: requests, the token, the stream. */
export function SessionProvider({ children }: { children: ReactNode }) {
  const [tenant, setTenant] = useState(() => localStorage.getItem(tenantKey) ?? '');
  const [token, setToken] = useState(() => sessionStorage.getItem(tokenKey));
  const [locked, setLocked] = useState(false);
  const { language } = useWords();
  const spoken = useRef(language);
  spoken.current = language;
  const server = useMemo(
    () => new Server(tenant, token, { language: () => spoken.current, refused: () => setLocked(true) }),
    [tenant, token],
  );
  const live = useMemo(() => new LiveStore(), [server]);
  useEffect(() => {
    if (locked) return undefined;
    const follower = new Follower(live, tenant);
    follower.open();
    return () => follower.close();
  }, [live, tenant, locked]);
  const session = useMemo<Session>(
    () => ({
      server,
      live,
      tenant,
      locked,
      setTenant: (chosen) => {
        localStorage.setItem(tenantKey, chosen);
        setTenant(chosen);
      },
      unlock: async (typed) => {
        const answer = await openSession(typed);
        if (answer.status === 401 || answer.status === 403) return false;
        sessionStorage.setItem(tokenKey, typed);
        setToken(typed);
        setLocked(false);
        return true;
      },
    }),
    [server, live, tenant, locked],
  );
  return <SessionContext.Provider value={session}>{children}</SessionContext.Provider>;
}

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error('useSession needs a SessionProvider above it');
  return session;
}

export function useServer(): Server {
  return useSession().server;
}

/** Returns a held entity as the stream keeps it. */
export function useHeld(id: string | null): Held | undefined {
  const { live } = useSession();
  return useSyncExternalStore(live.subscribe, () => (id === null ? undefined : live.get(id)));
}

export function useConnection() {
  const { live } = useSession();
  return useSyncExternalStore(live.subscribe, () => live.connection);
}

/** Counts up each time the views must read everything again. */
export function useEpoch(): number {
  const { live } = useSession();
  return useSyncExternalStore(live.subscribe, () => live.epoch);
}
