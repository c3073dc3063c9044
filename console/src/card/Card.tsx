import { useEffect, useRef, useState } from 'react';
import { useAnswer } from '../app/answer';
import { useHeld, useSession } from '../app/session';
import { useVocabulary } from '../app/vocabulary';
import { type Entity, geometryOf, mainType, readEntity } from '../api/ngsi';
import { moment } from '../i18n/format';
import { useWords } from '../i18n/language';
import { Icon } from '../parts/Icon';
import { Loading, Trouble } from '../parts/Trouble';
import { AttributeList } from './AttributeList';
import { History } from './History';
import { nameOf } from './naming';
import { position } from './values';

interface Props {
  id: string;
  onClose: () => void;
  onBack: (() => void) | null;
}

/** Shows one entity: what it is, its values now, all it has, and how it was; closes with Esc. */
export function Card({ id, onClose, onBack }: Props) {
  const { t } = useWords();
  const { live } = useSession();
  const answer = useAnswer(`entity ${id}`, (server, signal) => readEntity(server, id, signal));
  const held = useHeld(id);
  const panel = useRef<HTMLElement>(null);
  useEffect(() => (answer.data ? live.hold(answer.data) : undefined), [live, answer.data]);
  useEffect(() => {
    const before = document.activeElement;
    panel.current?.focus({ preventScroll: true });
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus({ preventScroll: true });
    };
  }, []);
  const entity = held?.entity ?? answer.data;
  return (
    <aside
      ref={panel} className="card" tabIndex={-1} aria-label={t('card.label')}
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || event.defaultPrevented) return;
        event.preventDefault();
        onClose();
      }}
    >
      <div className="card__bar">
        {onBack && (
          <button type="button" className="button button--quiet" onClick={onBack}><Icon name="back" size={16} /> {t('card.back')}</button>
        )}
        <button type="button" className="button button--icon card__close" aria-label={t('app.close')} onClick={onClose}>
          <Icon name="close" />
        </button>
      </div>
      {!entity && answer.problem && <Trouble problem={answer.problem} retry={answer.reload} />}
      {!entity && answer.loading && <Loading />}
      {held?.gone && (
        <div className="trouble" role="alert"><p className="trouble__title">{t('card.gone')}</p><p>{t('card.goneRemedy')}</p></div>
      )}
      {entity && <Body entity={entity} />}
    </aside>
  );
}

function Body({ entity }: { entity: Entity }) {
  const { t, title, language } = useWords();
  const vocabulary = useVocabulary();
  const [copied, setCopied] = useState(false);
  const type = mainType(entity);
  const types = [entity.type].flat().map((one) => title(vocabulary.typeTitle(one), one));
  const geometry = geometryOf(entity);
  const copy = async () => {
    await navigator.clipboard.writeText(location.href);
    setCopied(true);
  };
  return (
    <>
      <div className="card__name">
        <p className="card__type">
          <span className="card__swatch" style={{ backgroundColor: vocabulary.typeColor(type) ?? 'var(--color-neutral-solid-gray-600)' }} />
          {types.join('・')}
        </p>
        <h2 className="card__title">{nameOf(entity, language) || t('card.noName')}</h2>
      </div>
      <AttributeList entity={entity} />
      <History key={entity.id} entity={entity} />
      <dl className="facts">
        {geometry?.type === 'Point' && <div><dt>{t('card.coordinates')}</dt><dd>{position(geometry.coordinates)}</dd></div>}
        {entity.createdAt && <div><dt>{t('card.created')}</dt><dd>{moment(language, entity.createdAt)}</dd></div>}
        {entity.modifiedAt && <div><dt>{t('card.modified')}</dt><dd>{moment(language, entity.modifiedAt)}</dd></div>}
        <div><dt>{t('card.id')}</dt><dd className="facts__id">{entity.id}</dd></div>
      </dl>
      {window.isSecureContext && (
        <button type="button" className="button button--quiet card__copy" onClick={() => void copy()}>
          <Icon name="link" size={16} /> <span role="status">{t(copied ? 'card.copied' : 'card.copyLink')}</span>
        </button>
      )}
    </>
  );
}
