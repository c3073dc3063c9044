import type { Problem } from '../api/problem';
import { useWords } from '../i18n/language';
import { Icon } from './Icon';

/** Tells a problem in the user's language: what it is, what to do, and what the server named. */
export function Trouble({ problem, retry }: { problem: Problem; retry?: (() => void) | undefined }) {
  const { t, title } = useWords();
  return (
    <div className="trouble" role="alert">
      <p className="trouble__title"><Icon name="warn" /> {t(problem.titleKey)}</p>
      <p>{t(problem.remedyKey)}</p>
      {problem.reasons && <p>{title(problem.reasons, problem.message)}</p>}
      {problem.explanation && !problem.reasons && (
        <p className="trouble__detail"><span>{t('error.detail')}: </span><span lang="en">{problem.explanation}</span></p>
      )}
      {retry && <button type="button" className="button" onClick={retry}>{t('app.retry')}</button>}
    </div>
  );
}

export function Loading() {
  const { t } = useWords();
  return <p className="loading" role="status"><span className="loading__wheel" aria-hidden="true" />{t('app.loading')}</p>;
}
