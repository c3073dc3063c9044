import { useId, useState } from 'react';
import { useAnswer } from '../../app/answer';
import { useServer } from '../../app/session';
import { useVocabulary } from '../../app/vocabulary';
import { readLayers } from '../../api/city';
import { correct, type Mapping, type Preview as Found } from '../../api/imports';
import { type Problem, problemOf } from '../../api/problem';
import { written } from '../../card/values';
import { number } from '../../i18n/format';
import { useWords } from '../../i18n/language';
import { Trouble } from '../../parts/Trouble';
import { Columns } from './Columns';
import { Rejects } from './Rejects';

interface Props {
  found: Found;
  setFound: (found: Found) => void;
  starting: boolean;
  onStart: () => void;
  onAgain: () => void;
  onPart: (part: number) => void;
}

/** Shows what a file would become, and lets the user correct the type and the columns before anything is written. */
export function Preview({ found, setFound, starting, onStart, onAgain, onPart }: Props) {
  const { t } = useWords();
  const server = useServer();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const change = async (type: string | null, columns: Mapping) => {
    setBusy(true);
    setProblem(null);
    try {
      setFound(await correct(server, found.upload, type, columns));
    } catch (error) {
      setProblem(problemOf(error));
    } finally {
      setBusy(false);
    }
  };
  const mapping = Object.fromEntries(found.columns.map(({ name, attribute }) => [name, attribute]));
  const ready = found.type !== null && found.entities.length > 0;
  return (
    <>
      <Summary found={found} onPart={onPart} />
      {found.columns.length > 0 && (
        <TypeField key={found.type} type={found.type ?? ''} onType={(type) => void change(type, mapping)} />
      )}
      {problem && <Trouble problem={problem} />}
      <p className="quiet" role="status">{busy ? t('import.busy') : ''}</p>
      {found.columns.length > 0 && (
        <Columns found={found} onColumn={(name, attribute) => void change(found.type, { ...mapping, [name]: attribute })} />
      )}
      <Entities found={found} />
      <Rejects rejects={found.rejects} count={found.rejected || found.rejects.length} />
      <div className="bar bar--end">
        <button type="button" className="button" onClick={onAgain}>{t('import.again')}</button>
        <button type="button" className="button button--primary" disabled={!ready || busy || starting} onClick={onStart}>
          {t('import.start', { n: found.rows })}
        </button>
      </div>
    </>
  );
}

function Summary({ found, onPart }: { found: Found; onPart: (part: number) => void }) {
  const { t, title, language } = useWords();
  return (
    <dl className="summary">
      <div><dt>{t('import.file')}</dt><dd>{found.file}</dd></div>
      {found.parts.length > 1 && (
        <div>
          <dt><label htmlFor="import-part">{t('import.part')}</label></dt>
          <dd>
            <select
              id="import-part" className="select select--small" value={found.parts.indexOf(found.file)}
              onChange={(event) => onPart(Number(event.target.value))}
            >
              {found.parts.map((part, index) => <option key={part} value={index}>{part}</option>)}
            </select>
          </dd>
        </div>
      )}
      <div><dt>{t('import.dataset')}</dt><dd>{found.dataset ? title(found.dataset.title, found.dataset.id) : t('import.datasetUnknown')}</dd></div>
      <div><dt>{t('import.format')}</dt><dd>{found.format}</dd></div>
      {found.encoding && <div><dt>{t('import.encoding')}</dt><dd>{found.encoding}</dd></div>}
      <div><dt>{t('import.rows')}</dt><dd>{number(language, found.rows)}</dd></div>
      <Types found={found} />
    </dl>
  );
}

function Types({ found }: { found: Found }) {
  const { t, title, language } = useWords();
  const vocabulary = useVocabulary();
  const types = Object.entries(found.types);
  if (types.length === 0 || found.columns.length > 0) return null;
  return (
    <div>
      <dt>{t('import.type')}</dt>
      <dd>{types.map(([type, count]) => `${title(vocabulary.typeTitle(type), type)} (${number(language, count)})`).join(', ')}</dd>
    </div>
  );
}

function TypeField({ type, onType }: { type: string; onType: (type: string) => void }) {
  const { t, title } = useWords();
  const id = useId();
  const layers = useAnswer('layers', readLayers);
  const [typed, setTyped] = useState(type);
  const done = () => {
    const name = typed.trim();
    if (name !== '' && name !== type) onType(name);
  };
  return (
    <form className="field type-field" onSubmit={(event) => { event.preventDefault(); done(); }}>
      <label className="field__label" htmlFor={id}>{t('import.type')}</label>
      <input
        id={id} className="input" list={`${id}-types`} value={typed} aria-describedby={`${id}-hint`} autoComplete="off"
        onChange={(event) => setTyped(event.target.value)} onBlur={done}
      />
      <span id={`${id}-hint`} className="field__hint">{t('import.typeHint')}</span>
      <datalist id={`${id}-types`}>
        {(layers.data ?? []).flatMap((group) => group.layers).map((layer) => (
          <option key={layer.type} value={layer.type}>{title(layer.title, layer.type)}</option>
        ))}
      </datalist>
    </form>
  );
}

function Entities({ found }: { found: Found }) {
  const { t, title, language } = useWords();
  const vocabulary = useVocabulary();
  const heading = t('import.preview', { n: found.entities.length });
  if (found.entities.length === 0) return <p className="quiet">{t('import.previewEmpty')}</p>;
  const names = [...new Set(found.entities.flatMap((entity) => Object.keys(entity)))].filter((name) => name !== 'id' && name !== 'type');
  const titleOf = (name: string) => title(vocabulary.attributeTitle(found.type ?? '', name), name);
  return (
    <section>
      <h2>{heading}</h2>
      {found.key.length > 0 && (
        <p className="quiet">
          {t('import.key')}: {found.key.map((name) => found.attributes.find((one) => one.name === name)).map((one, index) =>
            title(one?.title, titleOf(found.key[index] ?? ''))).join(', ')}
        </p>
      )}
      <div className="table-box" tabIndex={0} role="region" aria-label={heading}>
        <table className="table table--dense table--wide">
          <thead><tr>{names.map((name) => <th key={name} scope="col">{titleOf(name)}</th>)}</tr></thead>
          <tbody>
            {found.entities.map((entity, index) => (
              <tr key={index}>{names.map((name) => <td key={name}>{written(entity[name], language)}</td>)}</tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
