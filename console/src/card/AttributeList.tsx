import { useState } from 'react';
import { hrefOf, Link } from '../app/routing';
import { useConnection } from '../app/session';
import { useVocabulary } from '../app/vocabulary';
import { attributesOf, type Entity, type Instance, mainType } from '../api/ngsi';
import type { Wording } from '../api/vocabulary';
import { age, moment } from '../i18n/format';
import { useWords } from '../i18n/language';
import { useNow } from '../parts/clock';
import { Icon } from '../parts/Icon';
import { EditForm } from './EditForm';
import { contentOf, editable, stale, written } from './values';

interface Row {
  name: string;
  title: string;
  instance: Instance;
}

const link = /^https?:\/\/\S+$/;

/** Tells whether an instance is a measured value, which leads the card. */
function isLive(instance: Instance): boolean {
  return instance.observedAt !== undefined && ['number', 'string', 'boolean'].includes(typeof instance.value);
}

function useRows(entity: Entity): Row[] {
  const { title } = useWords();
  const vocabulary = useVocabulary();
  const type = mainType(entity);
  return attributesOf(entity).filter(([name]) => name !== 'location').flatMap(([name, instances]) =>
    instances.map((instance) => ({ name, instance, title: title(vocabulary.attributeTitle(type, name), name) })),
  );
}

/** Shows an entity's values: measured ones large with unit and age, then all others as a table. */
export function AttributeList({ entity }: { entity: Entity }) {
  const { t } = useWords();
  const rows = useRows(entity);
  const live = rows.filter(({ instance }) => isLive(instance));
  const rest = rows.filter(({ instance }) => !isLive(instance));
  return (
    <>
      {live.length > 0 && (
        <section aria-labelledby="card-live">
          <h3 id="card-live" className="card__section">{t('card.live')}</h3>
          <ul className="readings">
            {live.map((row) => <Reading key={keyOf(row)} entity={entity} row={row} />)}
          </ul>
        </section>
      )}
      {rest.length > 0 && (
        <section aria-labelledby="card-attributes">
          <h3 id="card-attributes" className="card__section">{t('card.attributes')}</h3>
          <dl className="attributes">
            {rest.map((row) => <Attribute key={keyOf(row)} entity={entity} row={row} />)}
          </dl>
        </section>
      )}
    </>
  );
}

const keyOf = ({ name, instance }: Row) => `${name} ${instance.datasetId ?? ''}`;

function Reading({ entity, row }: { entity: Entity; row: Row }) {
  const { t, language } = useWords();
  const vocabulary = useVocabulary();
  const connection = useConnection();
  const now = useNow();
  const [editing, setEditing] = useState(false);
  const { name, title, instance } = row;
  const old = stale(instance, now) || connection === 'lost';
  const text = written(instance.value, language, vocabulary.wording(mainType(entity), name));
  return (
    <li className={`reading${old ? ' reading--old' : ''}`}>
      <div className="reading__head">
        <span className="reading__title">{title}</span>
        <EditButton title={title} shown={editable(instance)} open={editing} toggle={() => setEditing(!editing)} />
      </div>
      <p className="reading__value" key={text}>
        {text}
        <span className="reading__unit">{vocabulary.unit(mainType(entity), name, instance.unitCode)}</span>
      </p>
      <p className="reading__age">
        <Icon name="clock" size={16} />
        <time dateTime={instance.observedAt} title={moment(language, instance.observedAt ?? '')}>
          {age(language, instance.observedAt ?? '', now)}
        </time>
        {stale(instance, now) && <span className="tag tag--warn" title={t('card.staleHint')}>{t('card.stale')}</span>}
      </p>
      <Author instance={instance} />
      {editing && <EditForm entity={entity} name={name} title={title} instance={instance} onDone={() => setEditing(false)} />}
    </li>
  );
}

function Attribute({ entity, row }: { entity: Entity; row: Row }) {
  const { language } = useWords();
  const vocabulary = useVocabulary();
  const [editing, setEditing] = useState(false);
  const { name, title, instance } = row;
  return (
    <div className="attribute">
      <dt title={name}>{title}</dt>
      <dd>
        <span className="attribute__value">
          <Content instance={instance} wording={vocabulary.wording(mainType(entity), name)} />
          {typeof instance.value === 'number' && (
            <span className="attribute__unit"> {vocabulary.unit(mainType(entity), name, instance.unitCode)}</span>
          )}
          {instance.observedAt && <span className="attribute__age"> {age(language, instance.observedAt, Date.now())}</span>}
          <Author instance={instance} />
        </span>
        <EditButton title={title} shown={editable(instance)} open={editing} toggle={() => setEditing(!editing)} />
        {editing && <EditForm entity={entity} name={name} title={title} instance={instance} onDone={() => setEditing(false)} />}
      </dd>
    </div>
  );
}

function Content({ instance, wording }: { instance: Instance; wording: Wording }) {
  const { language } = useWords();
  if (instance.type === 'Relationship') {
    const targets = [instance.object ?? []].flat();
    return <>{targets.map((id) => <Link key={id} className="attribute__link" href={hrefOf('map', { entity: id })}>{id}</Link>)}</>;
  }
  const text = written(contentOf(instance, language), language, wording);
  if (link.test(text)) return <a className="attribute__link" href={text} target="_blank" rel="noreferrer noopener">{text}</a>;
  return <>{text}</>;
}

function Author({ instance }: { instance: Instance }) {
  const { t } = useWords();
  const name = instance.editedBy?.value;
  return typeof name === 'string' ? <span className="tag">{t('card.editedBy', { name })}</span> : null;
}

function EditButton({ title, shown, open, toggle }: { title: string; shown: boolean; open: boolean; toggle: () => void }) {
  const { t } = useWords();
  if (!shown) return null;
  return (
    <button
      type="button" className="button button--icon button--edit" aria-expanded={open} aria-label={t('edit.edit', { title })}
      title={t('edit.edit', { title })} onClick={toggle}
    >
      <Icon name="edit" size={16} />
    </button>
  );
}
