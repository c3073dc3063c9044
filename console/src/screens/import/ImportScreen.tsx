import { useState } from 'react';
import { useAnswer } from '../../app/answer';
import { hrefOf, Link, useRoute } from '../../app/routing';
import { useServer } from '../../app/session';
import { readLayers } from '../../api/city';
import { type Job, type Preview as Found, readJobs, run, upload } from '../../api/imports';
import { type Problem, problemOf } from '../../api/problem';
import { moment, number } from '../../i18n/format';
import { useWords } from '../../i18n/language';
import type { TextKey } from '../../i18n/ja';
import { Exports } from '../../parts/Exports';
import { Icon } from '../../parts/Icon';
import { Loading, Trouble } from '../../parts/Trouble';
import { DropZone } from './DropZone';
import { Preview } from './Preview';
import { Result } from './Result';

type Step = 1 | 2 | 3;

/** Takes a file in: choose it, check what it would become, import it, and take it back if need be. */
export default function ImportScreen() {
  const { t } = useWords();
  const server = useServer();
  const { query, go } = useRoute();
  const job = query.get('job');
  const [file, setFile] = useState<File | null>(null);
  const [found, setFound] = useState<Found | null>(null);
  const [reading, setReading] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);

  const attempt = async (work: () => Promise<void>) => {
    setProblem(null);
    setReading(true);
    try {
      await work();
    } catch (error) {
      setProblem(problemOf(error));
    } finally {
      setReading(false);
    }
  };
  const read = (chosen: File, part = 0) => attempt(async () => {
    setFile(chosen);
    setFound(null);
    setFound(await upload(server, chosen, part));
  });
  const start = (id: string) => attempt(async () => {
    const begun = await run(server, id);
    setFound(null);
    go(hrefOf('import', { job: begun.job }));
  });
  const again = () => {
    setFile(null);
    setFound(null);
    setProblem(null);
    go(hrefOf('import'));
  };
  const step: Step = job ? 3 : found ? 2 : 1;
  return (
    <div className="page">
      <h1>{t('import.title')}</h1>
      <p className="page__lead">{t('import.lead')}</p>
      <Steps now={step} />
      {step === 1 && (
        <>
          {reading ? <p className="loading" role="status"><span className="loading__wheel" aria-hidden="true" />{t('import.reading', { file: file?.name ?? '' })}</p>
            : <DropZone onFile={(chosen) => void read(chosen)} />}
          {problem && <Trouble problem={problem} />}
          <Jobs />
          <ExportTable />
        </>
      )}
      {step === 2 && found && (
        <>
          {problem && <Trouble problem={problem} />}
          <Preview
            found={found} setFound={setFound} starting={reading} onStart={() => void start(found.upload)} onAgain={again}
            onPart={(part) => { if (file) void read(file, part); }}
          />
        </>
      )}
      {step === 3 && job && <Result key={job} id={job} onAgain={again} />}
    </div>
  );
}

function Steps({ now }: { now: Step }) {
  const { t } = useWords();
  const names: readonly TextKey[] = ['import.step1', 'import.step2', 'import.step3'];
  return (
    <ol className="steps">
      {names.map((name, index) => (
        <li key={name} className={`steps__one${index + 1 < now ? ' steps__one--done' : ''}`} aria-current={index + 1 === now ? 'step' : undefined}>
          <span className="steps__number" aria-hidden="true">{index + 1 < now ? <Icon name="check" size={16} /> : index + 1}</span>
          {t(name)}
        </li>
      ))}
    </ol>
  );
}

const tones: Readonly<Record<Job['state'], string>> = { running: 'tag--busy', done: 'tag--good', failed: 'tag--wrong', undone: '' };

/** Shows how an import ended, as a small sign. */
export function JobState({ state }: { state: Job['state'] }) {
  const { t } = useWords();
  return <span className={`tag ${tones[state]}`}>{t(`import.state.${state}`)}</span>;
}

function Jobs() {
  const { t, language } = useWords();
  const answer = useAnswer('jobs', readJobs);
  return (
    <section aria-labelledby="import-jobs">
      <h2 id="import-jobs">{t('import.jobs')}</h2>
      {answer.problem && <Trouble problem={answer.problem} retry={answer.reload} />}
      {!answer.data && answer.loading && <Loading />}
      {answer.data?.length === 0 && <p className="quiet">{t('import.jobsNone')}</p>}
      {answer.data && answer.data.length > 0 && (
        <div className="table-box">
          <table className="table">
            <thead>
              <tr>
                <th scope="col">{t('import.file')}</th><th scope="col">{t('import.state')}</th><th scope="col">{t('import.started')}</th>
                <th scope="col" className="number">{t('import.written')}</th><th scope="col" className="number">{t('import.rejected')}</th>
              </tr>
            </thead>
            <tbody>
              {answer.data.map((job) => (
                <tr key={job.job}>
                  <th scope="row"><Link href={hrefOf('import', { job: job.job })} aria-label={t('import.show', { file: job.file })}>{job.file}</Link></th>
                  <td><JobState state={job.state} /></td>
                  <td className="table__time">{moment(language, job.started)}</td>
                  <td className="number">{number(language, job.written)}</td>
                  <td className="number">{number(language, job.rejected)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function ExportTable() {
  const { t, title, language } = useWords();
  const layers = useAnswer('layers', readLayers);
  const all = (layers.data ?? []).flatMap((group) => group.layers);
  if (all.length === 0) return null;
  return (
    <section aria-labelledby="import-export">
      <h2 id="import-export">{t('import.export')}</h2>
      <p className="page__lead">{t('import.exportLead')}</p>
      <div className="table-box">
        <table className="table">
          <tbody>
            {all.map((layer) => (
              <tr key={layer.type}>
                <th scope="row">{title(layer.title, layer.type)}</th>
                <td className="number">{number(language, layer.count)}</td>
                <td><Exports type={layer.type} /></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
