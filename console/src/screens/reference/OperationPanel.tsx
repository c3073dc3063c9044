import { useId, useState } from 'react';
import { curlOf, type Exchange, exchange, type Filled, type Operation, type Parameter, sandbox, tenantNames } from '../../api/openapi';
import { type Problem, problemOf } from '../../api/problem';
import { useServer } from '../../app/session';
import { number } from '../../i18n/format';
import { useWords } from '../../i18n/language';
import { Icon } from '../../parts/Icon';
import { Trouble } from '../../parts/Trouble';

/** Is one operation: closed a line, open its words, its form and what the server answered. */
export function OperationPanel({ operation }: { operation: Operation }) {
  const [open, setOpen] = useState(false);
  const id = useId();
  return (
    <article className="operation">
      <h3>
        <button type="button" className="operation__head" aria-expanded={open} aria-controls={id} onClick={() => setOpen(!open)}>
          <span className={`method method--${operation.method.toLowerCase()}`}>{operation.method}</span>
          <code className="operation__path">{operation.path}</code>
          <span className="operation__title">{operation.summary}</span>
          <Icon name="down" />
        </button>
      </h3>
      <div id={id} hidden={!open}>{open && <Try operation={operation} />}</div>
    </article>
  );
}

function Try({ operation }: { operation: Operation }) {
  const { t } = useWords();
  const server = useServer();
  const [filled, setFilled] = useState<Filled>(() => startOf(operation));
  const [body, setBody] = useState(operation.body);
  const [busy, setBusy] = useState(false);
  const [answer, setAnswer] = useState<Exchange | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const send = async () => {
    setBusy(true);
    setProblem(null);
    try {
      setAnswer(await exchange(server, operation, filled, body));
    } catch (error) {
      setProblem(problemOf(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <form className="operation__body" onSubmit={(event) => { event.preventDefault(); void send(); }}>
      <p lang="en" className="operation__about">{operation.description}</p>
      {operation.parameters.length > 0 && (
        <fieldset className="parameters">
          <legend>{t('reference.parameters')}</legend>
          {operation.parameters.map((one) => (
            <ParameterField
              key={one.name} parameter={one} value={filled[one.name] ?? ''}
              onChange={(value) => setFilled({ ...filled, [one.name]: value })}
            />
          ))}
        </fieldset>
      )}
      {body !== null && (
        <label className="field">
          <span className="field__label">{t('reference.body')}</span>
          <textarea
            className="input code" spellCheck={false} value={body} rows={Math.min(18, body.split('\n').length + 1)}
            onChange={(event) => setBody(event.target.value)}
          />
        </label>
      )}
      <Command text={curlOf(location.origin, operation, filled, body, { locked: server.token !== null })} />
      {operation.endless
        ? <p>{t('reference.endless')}</p>
        : <button type="submit" className="button button--primary" disabled={busy}>{t(busy ? 'reference.sending' : 'reference.send')}</button>}
      {problem && <Trouble problem={problem} />}
      {answer && !problem && <Answer answer={answer} />}
      <details>
        <summary>{t('reference.answers')}</summary>
        <ul className="answers">
          {Object.entries(operation.responses).map(([status, { description }]) => (
            <li key={status}><code>{status}</code> {description}</li>
          ))}
        </ul>
      </details>
    </form>
  );
}

/** Begins with the sandbox, and with the example's id where an id is needed. */
function startOf(operation: Operation): Filled {
  const start: Record<string, string> = {};
  for (const { name, in: place } of operation.parameters) {
    if (tenantNames.includes(name)) start[name] = sandbox;
    else if (place === 'path' && name === 'entityId') start[name] = 'urn:ngsi-ld:RiverGauge:shiomi-1';
    else if (place === 'path' && name === 'attrId') start[name] = 'waterLevel';
    else if (place === 'path' && name === 'type') start[name] = 'RiverGauge';
  }
  if (operation.method === 'GET' && operation.path.endsWith('/entities') && !operation.path.includes('temporal')) start['type'] = 'RiverGauge';
  return start;
}

function ParameterField({ parameter, value, onChange }: { parameter: Parameter; value: string; onChange: (value: string) => void }) {
  const { t } = useWords();
  const { name, description, schema, example } = parameter;
  const id = useId();
  const choices = schema.type === 'boolean' ? ['true', 'false'] : schema.enum;
  return (
    <div className="parameter">
      <label htmlFor={id} className="parameter__name">
        <code>{name}</code> <span className="parameter__place">{t(`reference.${parameter.in}`)}</span>
        {parameter.required && <span className="tag tag--warn">{t('reference.needed')}</span>}
      </label>
      {choices ? (
        <select id={id} className="select" value={value} aria-describedby={`${id}-about`} onChange={(event) => onChange(event.target.value)}>
          <option value="" />
          {choices.map((one) => <option key={one} value={one}>{one}</option>)}
        </select>
      ) : (
        <input
          id={id} className="input" value={value} aria-describedby={`${id}-about`} readOnly={tenantNames.includes(name)}
          placeholder={example === undefined ? '' : String(example)} onChange={(event) => onChange(event.target.value)}
        />
      )}
      <span id={`${id}-about`} className="field__hint">{description}</span>
    </div>
  );
}

function Command({ text }: { text: string }) {
  const { t } = useWords();
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
    } catch {
      // Without the right to the clipboard the text can still be marked and copied by hand.
      setCopied(false);
    }
  };
  return (
    <div className="command">
      <p className="field__label">{t('reference.command')}</p>
      <pre className="code" tabIndex={0}>{text}</pre>
      <button type="button" className="button button--small" onClick={() => void copy()}>{t(copied ? 'reference.copied' : 'reference.copy')}</button>
    </div>
  );
}

function Answer({ answer }: { answer: Exchange }) {
  const { t, language } = useWords();
  const tone = answer.status < 300 ? 'tag--good' : 'tag--wrong';
  const took = number(language, Math.round(answer.took));
  return (
    <section className="answer" aria-label={t('reference.answer')} aria-live="polite">
      <p><span className={`tag ${tone}`}>{answer.status}</span> {t('reference.took', { n: took })}</p>
      <pre className="code code--headers" tabIndex={0}>{answer.headers.map(([name, value]) => `${name}: ${value}`).join('\n')}</pre>
      {answer.body ? <pre className="code" tabIndex={0}>{answer.body}</pre> : <p>{t('reference.noBody')}</p>}
    </section>
  );
}
