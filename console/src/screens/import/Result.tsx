import { useEffect, useState } from 'react';
import { useAnswer } from '../../app/answer';
import { hrefOf, Link } from '../../app/routing';
import { useServer } from '../../app/session';
import { type Job, readJob, reportAddress, retire, undo } from '../../api/imports';
import { type Problem, problemOf } from '../../api/problem';
import { number } from '../../i18n/format';
import { useWords } from '../../i18n/language';
import type { TextKey } from '../../i18n/ja';
import { ConfirmDialog } from '../../parts/ConfirmDialog';
import { Icon } from '../../parts/Icon';
import { Loading, Trouble } from '../../parts/Trouble';
import { Gone } from './Gone';
import { Rejects } from './Rejects';

const pace = 500;

/** Shows how far an import has come and what became of it, with the ways back. */
export function Result({ id, onAgain }: { id: string; onAgain: () => void }) {
  const { t } = useWords();
  const server = useServer();
  const answer = useAnswer(`job ${id}`, (at, signal) => readJob(at, id, signal));
  const [asking, setAsking] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const job = answer.data;
  const { reload } = answer;
  useEffect(() => {
    if (job?.state !== 'running') return undefined;
    const timer = setTimeout(reload, pace);
    return () => clearTimeout(timer);
  }, [job, reload]);
  const attempt = async (work: () => Promise<unknown>) => {
    setProblem(null);
    try {
      await work();
    } catch (error) {
      setProblem(problemOf(error));
    }
    reload();
  };
  if (!job && answer.problem) {
    return <><Trouble problem={answer.problem} retry={reload} /><button type="button" className="button" onClick={onAgain}>{t('import.back')}</button></>;
  }
  if (!job) return <Loading />;
  return (
    <>
      <Figures job={job} />
      {problem && <Trouble problem={problem} />}
      {job.state !== 'running' && (
        <div className="bar">
          {job.state === 'done' && <Link className="button button--primary" href={hrefOf('map')}><Icon name="map" /> {t('import.toMap')}</Link>}
          <button type="button" className="button" onClick={onAgain}>{t('import.again')}</button>
          {job.rejected > 0 && (
            <a className="button" href={reportAddress(server, id)} download><Icon name="download" size={16} /> {t('import.report')}</a>
          )}
          {job.state !== 'undone' && (
            <button type="button" className="button button--danger" onClick={() => setAsking(true)}>{t('import.undo')}</button>
          )}
        </div>
      )}
      {job.state === 'done' && job.gone.length > 0 && (
        <Gone gone={job.gone} onRetire={(ids) => attempt(() => retire(server, id, ids))} />
      )}
      {job.state !== 'running' && <Rejects rejects={job.rejects} count={job.rejected} />}
      {asking && (
        <ConfirmDialog
          question={t('import.undoAsk', { file: job.file })} action={t('import.confirm')} onNo={() => setAsking(false)}
          onYes={() => {
            setAsking(false);
            void attempt(() => undo(server, id));
          }}
        />
      )}
    </>
  );
}

const headings: Readonly<Record<Job['state'], TextKey>> = {
  running: 'import.running', done: 'import.done', failed: 'import.failed', undone: 'import.undone',
};

function Figures({ job }: { job: Job }) {
  const { t, language } = useWords();
  const figures: readonly (readonly [TextKey, number])[] = [
    ['import.read', job.read], ['import.written', job.written], ['import.unchanged', job.unchanged], ['import.rejected', job.rejected],
  ];
  const progress = { read: number(language, job.read), total: number(language, job.total) };
  return (
    <section className={`outcome outcome--${job.state}`} aria-labelledby="import-outcome">
      <h2 id="import-outcome">{t(headings[job.state])}</h2>
      <p className="visually-hidden" role="status">{t(headings[job.state])}</p>
      <p>{job.file}</p>
      {job.error && <p className="field__mistake">{job.error}</p>}
      {job.state === 'running' && (
        <p className="progress">
          <progress value={job.total > 0 ? job.read : undefined} max={Math.max(job.total, 1)} aria-label={t('import.running')} />
          {t('import.progress', progress)}
        </p>
      )}
      <dl className="figures">
        {figures.map(([label, value]) => (
          <div key={label} className={label === 'import.rejected' && value > 0 ? 'figures__wrong' : undefined}>
            <dt>{t(label)}</dt><dd>{number(language, value)}</dd>
          </div>
        ))}
      </dl>
      {job.kept > 0 && <p>{t('import.kept', { n: job.kept })}</p>}
      {job.retired > 0 && <p>{t('import.retired', { n: job.retired })}</p>}
      {job.left.length > 0 && <p>{t('import.left', { n: job.left.length })}</p>}
    </section>
  );
}
