import { useState } from 'react';

function kept(key: string): ReadonlySet<string> {
  const text = localStorage.getItem(key);
  if (!text) return new Set();
  try {
    const names: unknown = JSON.parse(text);
    return new Set(Array.isArray(names) ? names.filter((name) => typeof name === 'string') : []);
  } catch (error) {
    if (error instanceof SyntaxError) return new Set();
    throw error;
  }
}

/** Remembers per tenant which layers the user has switched off. */
export function useHidden(tenant: string) {
  const key = `hiroba.hidden.${tenant}`;
  const [hidden, setHidden] = useState(() => kept(key));
  return {
    hidden,
    setHidden: (names: ReadonlySet<string>) => {
      localStorage.setItem(key, JSON.stringify([...names]));
      setHidden(names);
    },
  };
}
