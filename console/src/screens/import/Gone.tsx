import { useState } from 'react';
import type { Job } from '../../api/imports';
import { useWords } from '../../i18n/language';
import { ConfirmDialog } from '../../parts/ConfirmDialog';

/** Lists what an earlier edition had and this file has not; only what the user ticks is deleted. */
export function Gone({ gone, onRetire }: { gone: Job['gone']; onRetire: (ids: string[]) => Promise<void> }) {
  const { t } = useWords();
  const [ticked, setTicked] = useState<ReadonlySet<string>>(new Set());
  const [asking, setAsking] = useState(false);
  const tick = (id: string, on: boolean) => {
    const next = new Set(ticked);
    if (on) next.add(id);
    else next.delete(id);
    setTicked(next);
  };
  const ids = gone.map(({ id }) => id).filter((id) => ticked.has(id));
  return (
    <section aria-labelledby="import-gone">
      <h2 id="import-gone">{t('import.gone', { n: gone.length })}</h2>
      <p className="quiet">{t('import.goneHint')}</p>
      <label className="tick tick--all">
        <input
          type="checkbox" className="check" checked={ids.length === gone.length}
          onChange={(event) => setTicked(new Set(event.target.checked ? gone.map(({ id }) => id) : []))}
        />
        {t('import.selectAll')}
      </label>
      <ul className="ticks">
        {gone.map(({ id, name }) => (
          <li key={id}>
            <label className="tick">
              <input type="checkbox" className="check" checked={ticked.has(id)} onChange={(event) => tick(id, event.target.checked)} />
              <span>{name || id}</span>
            </label>
          </li>
        ))}
      </ul>
      <button type="button" className="button button--danger" disabled={ids.length === 0} onClick={() => setAsking(true)}>
        {t('import.retire', { n: ids.length })}
      </button>
      {asking && (
        <ConfirmDialog
          question={t('import.retireAsk', { n: ids.length })} action={t('import.confirm')} onNo={() => setAsking(false)}
          onYes={() => {
            setAsking(false);
            void onRetire(ids);
          }}
        />
      )}
    </section>
  );
}
