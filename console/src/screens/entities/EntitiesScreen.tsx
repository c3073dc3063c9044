import { type FormEvent, useEffect, useMemo, useState } from 'react';
import { useAnswer } from '../../app/answer';
import { hrefOf, Link, useRoute } from '../../app/routing';
import { useHeld, useSession } from '../../app/session';
import { useVocabulary } from '../../app/vocabulary';
import { readLayers } from '../../api/city';
import { attributesOf, type Entity, instanceOf, readPage } from '../../api/ngsi';
import { nameAttributes, nameOf } from '../../card/naming';
import { contentOf, written } from '../../card/values';
import { moment, number } from '../../i18n/format';
import { useWords } from '../../i18n/language';
import { Exports } from '../../parts/Exports';
import { Icon } from '../../parts/Icon';
import { Loading, Trouble } from '../../parts/Trouble';

const pageSize = 50;
const mostColumns = 5;

/** Writes a filter by name in the standard's query language; what the user types is text, never a pattern. */
export function nameQuery(text: string): string | undefined {
  if (text.trim() === '') return undefined;
  const pattern = JSON.stringify(`(?i)${text.trim().replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}`);
  return nameAttributes.map((name) => `${name}~=${pattern}`).join('|');
}

/** Lists a type's entities page by page: the way to everything without the map. */
export default function EntitiesScreen() {
  const { t, title, language } = useWords();
  const { query, go } = useRoute();
  const layers = useAnswer('layers', readLayers);
  const all = (layers.data ?? []).flatMap((group) => group.layers);
  const type = query.get('type') ?? all[0]?.type ?? '';
  const chosen = all.find((layer) => layer.type === type);
  const text = query.get('name') ?? '';
  const [typed, setTyped] = useState(text);
  useEffect(() => setTyped(text), [text]);
  const filter = (event: FormEvent) => {
    event.preventDefault();
    go(hrefOf('entities', { type, name: typed.trim() }));
  };
  return (
    <div className="page">
      <h1>{t('entities.title')}</h1>
      <p className="page__lead">{t('entities.lead')}</p>
      {layers.problem && <Trouble problem={layers.problem} retry={layers.reload} />}
      {!layers.data && layers.loading && <Loading />}
      {layers.data && all.length === 0 && <p>{t('entities.noTypes')}</p>}
      {all.length > 0 && (
        <>
          <form className="bar" role="search" onSubmit={filter}>
            <label className="field">
              <span className="field__label">{t('entities.type')}</span>
              <select className="select" value={type} onChange={(event) => go(hrefOf('entities', { type: event.target.value }))}>
                {(layers.data ?? []).map((group) => (
                  <optgroup key={group.field} label={title(group.title, group.field)}>
                    {group.layers.map((layer) => (
                      <option key={layer.type} value={layer.type}>
                        {title(layer.title, layer.type)} ({number(language, layer.count)})
                      </option>
                    ))}
                  </optgroup>
                ))}
              </select>
            </label>
            <label className="field bar__grow">
              <span className="field__label">{t('entities.filter')}</span>
              <input className="input" value={typed} onChange={(event) => setTyped(event.target.value)} />
            </label>
            <button type="submit" className="button">{t('entities.apply')}</button>
            {text && <Link className="button button--quiet" href={hrefOf('entities', { type })}>{t('entities.clear')}</Link>}
          </form>
          {type && <Entities key={`${type} ${text}`} type={type} label={title(chosen?.title, type)} text={text} />}
        </>
      )}
    </div>
  );
}

function Entities({ type, label, text }: { type: string; label: string; text: string }) {
  const { t } = useWords();
  const [offset, setOffset] = useState(0);
  const answer = useAnswer(`page ${type} ${text} ${offset}`, (server, signal) =>
    readPage(server, { type, q: nameQuery(text), limit: pageSize, offset }, signal));
  if (answer.problem) return <Trouble problem={answer.problem} retry={answer.reload} />;
  if (!answer.data) return <Loading />;
  const { entities, count } = answer.data;
  return (
    <>
      <div className="bar bar--between">
        <p role="status">
          {count === 0 ? t('entities.empty') : t('entities.page', { from: offset + 1, to: offset + entities.length, n: count })}
        </p>
        <Exports type={type} />
      </div>
      {entities.length > 0 && <Table entities={entities} type={type} label={label} />}
      {count > pageSize && (
        <nav className="bar pages" aria-label={t('entities.pages')}>
          <button type="button" className="button" disabled={offset === 0} onClick={() => setOffset(Math.max(0, offset - pageSize))}>
            <Icon name="back" size={16} /> {t('entities.previous')}
          </button>
          <button type="button" className="button" disabled={offset + pageSize >= count} onClick={() => setOffset(offset + pageSize)}>
            {t('entities.next')} <Icon name="next" size={16} />
          </button>
        </nav>
      )}
    </>
  );
}

/** Picks the attributes worth a column: measured values first, then plain ones, as most of the page has them. */
function columnsOf(entities: readonly Entity[]): string[] {
  const worth = new Map<string, number>();
  for (const entity of entities) {
    for (const [name, [first]] of attributesOf(entity)) {
      if (!first || name === 'location' || (nameAttributes as readonly string[]).includes(name)) continue;
      worth.set(name, (worth.get(name) ?? 0) + (first.observedAt ? 3 : 1));
    }
  }
  return [...worth].sort((a, b) => b[1] - a[1]).slice(0, mostColumns).map(([name]) => name);
}

function Table({ entities, type, label }: { entities: readonly Entity[]; type: string; label: string }) {
  const { t, title } = useWords();
  const vocabulary = useVocabulary();
  const { live } = useSession();
  const columns = useMemo(() => columnsOf(entities), [entities]);
  useEffect(() => {
    const holds = entities.map((entity) => live.hold(entity));
    return () => holds.forEach((release) => release());
  }, [live, entities]);
  return (
    <div className="table-box" tabIndex={0} role="region" aria-label={t('entities.table', { title: label })}>
      <table className="table">
        <thead>
          <tr>
            <th scope="col">{t('entities.name')}</th>
            {columns.map((name) => <th key={name} scope="col">{title(vocabulary.attributeTitle(type, name), name)}</th>)}
            <th scope="col">{t('entities.modified')}</th>
          </tr>
        </thead>
        <tbody>
          {entities.map((entity) => <Row key={entity.id} entity={entity} type={type} columns={columns} />)}
        </tbody>
      </table>
    </div>
  );
}

function Row({ entity: read, type, columns }: { entity: Entity; type: string; columns: readonly string[] }) {
  const { t, language } = useWords();
  const vocabulary = useVocabulary();
  const entity = useHeld(read.id)?.entity ?? read;
  const name = nameOf(entity, language) || entity.id;
  return (
    <tr>
      <th scope="row">
        <Link href={hrefOf('map', { entity: entity.id })} aria-label={t('entities.open', { name })}>{name}</Link>
      </th>
      {columns.map((column) => {
        const instance = instanceOf(entity, column);
        const numeric = typeof instance?.value === 'number';
        return (
          <td key={column} className={numeric ? 'number' : undefined}>
            {instance && written(contentOf(instance, language), language, vocabulary.wording(type, column))}
            {numeric && ` ${vocabulary.unit(type, column, instance.unitCode)}`}
          </td>
        );
      })}
      <td className="table__time">{entity.modifiedAt && moment(language, entity.modifiedAt)}</td>
    </tr>
  );
}
