import { useEffect, useRef } from 'react';
import { useSession } from '../../app/session';

const pause = 3_000;

/** Reads the layers' counts again, at most every three seconds, when entities come or go. */
export function useLayerCounts(reload: () => void): void {
  const { live } = useSession();
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  useEffect(() => {
    const stop = live.onChanges((changes) => {
      if (timer.current || !changes.some(({ op }) => op !== 'updated')) return;
      timer.current = setTimeout(() => {
        timer.current = null;
        reload();
      }, pause);
    });
    return () => {
      stop();
      if (timer.current) clearTimeout(timer.current);
      timer.current = null;
    };
  }, [live, reload]);
}
