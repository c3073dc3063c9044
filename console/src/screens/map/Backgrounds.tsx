import { useEffect, useState } from 'react';
import type { Background } from '../../api/city';
import { useWords } from '../../i18n/language';

const key = 'hiroba.background';
const none = 'none';
const patience = 4_000;

export interface Chosen {
  wanted: string;
  shown: Background | null;
  away: boolean;
}

/** Tells whether a background answers, by asking for one tile over Japan. */
async function reaches(background: Background): Promise<boolean> {
  const tile = background.tiles.replace('{z}', '5').replace('{x}', '28').replace('{y}', '12');
  try {
    const answer = await fetch(tile, { signal: AbortSignal.timeout(patience), credentials: 'omit' });
    return answer.ok;
  } catch (error) {
    // Unplugged, blocked or slow: all mean that the map goes without.
    if (error instanceof TypeError || error instanceof DOMException) return false;
    throw error;
  }
}

/** Keeps the user's choice of background and shows it only when it can be reached. */
export function useReachable(all: readonly Background[]): [Chosen, (id: string) => void] {
  const [wanted, setWanted] = useState(() => localStorage.getItem(key));
  const [asked, setAsked] = useState(false);
  const [state, setState] = useState<{ shown: Background | null; away: boolean }>({ shown: null, away: false });
  const [turn, setTurn] = useState(0);
  const background = wanted === none ? null : (all.find((one) => one.id === wanted) ?? all[0] ?? null);
  useEffect(() => {
    let current = true;
    if (!background) setState({ shown: null, away: false });
    else {
      void reaches(background).then((reached) => {
        if (current) setState({ shown: reached ? background : null, away: !reached });
      });
    }
    return () => { current = false; };
  }, [background?.id, turn]);
  useEffect(() => {
    const again = () => setTurn((before) => before + 1);
    addEventListener('online', again);
    return () => removeEventListener('online', again);
  }, []);
  const choose = (id: string) => {
    localStorage.setItem(key, id);
    setWanted(id);
    setAsked(true);
    setTurn((before) => before + 1);
  };
  // Nobody is told of a background that is away unless they asked for it.
  const named = state.shown ?? (asked ? background : null);
  return [{ wanted: named?.id ?? none, shown: state.shown, away: state.away && asked }, choose];
}

/** Lets the user choose what lies under the city. */
export function Backgrounds({ all, background, choose }: {
  all: readonly Background[]; background: Chosen; choose: (id: string) => void;
}) {
  const { t, title } = useWords();
  if (all.length === 0) return null;
  return (
    <div className="backgrounds">
      <label>
        <span className="visually-hidden">{t('map.background')}</span>
        <select className="select select--small" value={background.wanted} onChange={(event) => choose(event.target.value)}>
          {all.map((one) => <option key={one.id} value={one.id}>{title(one.title, one.id)}</option>)}
          <option value={none}>{t('map.backgroundNone')}</option>
        </select>
      </label>
      {background.away && <p className="backgrounds__away">{t('map.backgroundAway')}</p>}
    </div>
  );
}
