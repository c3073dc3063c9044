import { type AnchorHTMLAttributes, createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from 'react';

export type Screen = 'map' | 'entities' | 'import' | 'devices' | 'reference';

export interface Place {
  screen: Screen | null;
  query: URLSearchParams;
}

const paths: Readonly<Record<Screen, string>> = {
  map: '/', entities: '/entities', import: '/import', devices: '/devices', reference: '/reference',
};

/** Writes the address of a screen. */
export function hrefOf(screen: Screen, query: Readonly<Record<string, string | null | undefined>> = {}): string {
  const pairs = Object.entries(query).filter((pair): pair is [string, string] => Boolean(pair[1]));
  return paths[screen] + (pairs.length > 0 ? `?${new URLSearchParams(pairs)}` : '');
}

function here(): Place {
  const path = location.pathname.replace(/(.)\/$/, '$1');
  const screen = (Object.keys(paths) as Screen[]).find((one) => paths[one] === path) ?? null;
  return { screen, query: new URLSearchParams(location.search) };
}

interface Route extends Place {
  /** Goes to an address of the console; `replace` leaves no step behind. */
  go: (href: string, options?: { replace?: boolean }) => void;
}

const RouteContext = createContext<Route | null>(null);

export function RouteProvider({ children }: { children: ReactNode }) {
  const [place, setPlace] = useState<Place>(here);
  useEffect(() => {
    const onPop = () => setPlace(here());
    addEventListener('popstate', onPop);
    return () => removeEventListener('popstate', onPop);
  }, []);
  const go = useCallback((href: string, { replace = false }: { replace?: boolean } = {}) => {
    if (replace) history.replaceState(null, '', href);
    else history.pushState(null, '', href);
    setPlace(here());
  }, []);
  const route = useMemo(() => ({ ...place, go }), [place, go]);
  return <RouteContext.Provider value={route}>{children}</RouteContext.Provider>;
}

export function useRoute(): Route {
  const route = useContext(RouteContext);
  if (!route) throw new Error('useRoute needs a RouteProvider above it');
  return route;
}

/** Is a link inside the console; with a modifier key it opens like any other link. */
export function Link({ href, onClick, ...rest }: AnchorHTMLAttributes<HTMLAnchorElement> & { href: string }) {
  const { go } = useRoute();
  return (
    <a
      {...rest}
      href={href}
      onClick={(event) => {
        onClick?.(event);
        if (event.defaultPrevented || event.button !== 0) return;
        if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
        event.preventDefault();
        go(href);
      }}
    />
  );
}
