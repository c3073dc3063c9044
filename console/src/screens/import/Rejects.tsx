import type { Rejected } from '../../api/imports';
import { useWords } from '../../i18n/language';

/** Lists what could not be taken: where, what, and why. */
export function Rejects({ rejects, count }: { rejects: readonly Rejected[]; count: number }) {
  const { t, title } = useWords();
  const heading = t('import.rejects', { n: count });
  if (rejects.length === 0) return <p className="quiet">{t('import.rejectsNone')}</p>;
  return (
    <section>
      <h2>{heading}</h2>
      <div className="table-box" tabIndex={0} role="region" aria-label={heading}>
        <table className="table table--dense">
          <thead>
            <tr>
              <th scope="col">{t('import.line')}</th><th scope="col">{t('import.column')}</th>
              <th scope="col">{t('import.value')}</th><th scope="col">{t('import.reason')}</th>
            </tr>
          </thead>
          <tbody>
            {rejects.map((reject, index) => (
              <tr key={index}>
                <td>{reject.line === 0 ? t('import.whole') : t('import.lineNumber', { n: reject.line })}</td>
                <td>{reject.column}</td>
                <td>{reject.value}</td>
                <td>{title(reject.reasons, reject.reason)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {count > rejects.length && <p className="quiet">{t('import.moreRejects', { n: rejects.length })}</p>}
    </section>
  );
}
