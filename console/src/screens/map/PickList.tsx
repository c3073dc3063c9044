import { useEffect, useRef } from 'react';
import { useVocabulary } from '../../app/vocabulary';
import { useWords } from '../../i18n/language';
import type { Picked } from '../../map/cityMap';
import { Icon } from '../../parts/Icon';

interface Props {
  picked: readonly Picked[];
  onChoose: (id: string) => void;
  onClose: () => void;
}

/** Lets the user choose when several places lie on one spot. */
export function PickList({ picked, onChoose, onClose }: Props) {
  const { t, title } = useWords();
  const vocabulary = useVocabulary();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => heading.current?.focus(), []);
  return (
    <aside
      className="card" aria-label={t('card.pickOne')}
      onKeyDown={(event) => { if (event.key === 'Escape') onClose(); }}
    >
      <div className="card__head">
        <h2 className="card__title" tabIndex={-1} ref={heading}>{t('map.here', { n: picked.length })}</h2>
        <button type="button" className="button button--icon" aria-label={t('app.close')} onClick={onClose}><Icon name="close" /></button>
      </div>
      <ul className="picks">
        {picked.map(({ id, type, name }) => (
          <li key={id}>
            <button type="button" className="pick" onClick={() => onChoose(id)}>
              <span className="hit__name">{name || t('card.noName')}</span>
              <span className="hit__more">{title(vocabulary.typeTitle(type), type)}</span>
            </button>
          </li>
        ))}
      </ul>
    </aside>
  );
}
