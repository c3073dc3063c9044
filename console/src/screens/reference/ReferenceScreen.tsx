import { useState } from 'react';
import { type OpenApi, emptySandbox, fillSandbox, isAbout, operationsOf, readOpenApi } from '../../api/openapi';
import { type Problem, problemOf } from '../../api/problem';
import { useAnswer } from '../../app/answer';
import { useServer } from '../../app/session';
import { useWords } from '../../i18n/language';
import { Loading, Trouble } from '../../parts/Trouble';
import { OperationPanel } from './OperationPanel';

/** Shows what programs can ask of this server, from its own OpenAPI document, and lets the reader try it. */
export default function ReferenceScreen() {
  const { t, language } = useWords();
  const [typed, setTyped] = useState('');
  const answer = useAnswer(`openapi ${language}`, (server, signal) => readOpenApi(server, language, signal));
  return (
    <div className="page">
      <h1>{t('reference.title')}</h1>
      <p className="page__lead">{t('reference.lead')}</p>
      {answer.problem && <Trouble problem={answer.problem} retry={answer.reload} />}
      {!answer.data && answer.loading && <Loading />}
      {answer.data && (
        <>
          <div className="bar">
            <label className="field bar__grow">
              <span className="field__label">{t('reference.find')}</span>
              <input className="input" type="search" value={typed} onChange={(event) => setTyped(event.target.value)} />
            </label>
            <Sandbox document={answer.data} />
            <a className="button button--quiet" href={`/openapi.json?lang=${language}`} target="_blank" rel="noreferrer">{t('reference.document')}</a>
          </div>
          <Groups document={answer.data} typed={typed.trim()} />
        </>
      )}
    </div>
  );
}

function Groups({ document, typed }: { document: OpenApi; typed: string }) {
  const { t } = useWords();
  const groups = document.tags
    .map((tag) => ({ tag, operations: operationsOf(document, tag.name).filter((one) => isAbout(one, typed)) }))
    .filter(({ operations }) => operations.length > 0);
  if (groups.length === 0) return <p role="status">{t('reference.none', { text: typed })}</p>;
  return groups.map(({ tag, operations }) => (
    <section key={tag.name} aria-labelledby={`tag-${tag.name}`}>
      <h2 id={`tag-${tag.name}`}>{tag.description}</h2>
      <div className="operations">
        {operations.map((one) => <OperationPanel key={one.operationId} operation={one} />)}
      </div>
    </section>
  ));
}

function Sandbox({ document }: { document: OpenApi }) {
  const { t } = useWords();
  const server = useServer();
  const [said, setSaid] = useState<'reference.filled' | 'reference.emptied' | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const carryOut = async (work: () => Promise<void>, done: 'reference.filled' | 'reference.emptied') => {
    setSaid(null);
    setProblem(null);
    try {
      await work();
      setSaid(done);
    } catch (error) {
      setProblem(problemOf(error));
    }
  };
  return (
    <>
      <button type="button" className="button" onClick={() => void carryOut(() => fillSandbox(server, document), 'reference.filled')}>{t('reference.fill')}</button>
      <button type="button" className="button" onClick={() => void carryOut(() => emptySandbox(server), 'reference.emptied')}>{t('reference.empty')}</button>
      {said && <p role="status" className="bar__said">{t(said)}</p>}
      {problem && <Trouble problem={problem} />}
    </>
  );
}
