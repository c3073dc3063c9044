import { type KeyboardEvent, useEffect, useId, useState } from 'react';
import { useAnswer } from '../../app/answer';
import { useVocabulary } from '../../app/vocabulary';
import { search } from '../../api/city';
import { useWords } from '../../i18n/language';
import { Icon } from '../../parts/Icon';

const pause = 200;

/** Finds places by name: a combobox whose list is walked with the arrow keys. */
export function SearchBox({ onChoose }: { onChoose: (id: string) => void }) {
  const { t, title } = useWords();
  const vocabulary = useVocabulary();
  const id = useId();
  const [text, setText] = useState('');
  const [asked, setAsked] = useState('');
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  useEffect(() => {
    const timer = setTimeout(() => setAsked(text.trim()), pause);
    return () => clearTimeout(timer);
  }, [text]);
  const answer = useAnswer(asked ? `search ${asked}` : null, (server, signal) => search(server, asked, signal));
  const hits = answer.data ?? [];
  const shown = open && asked !== '';
  const choose = (index: number) => {
    const hit = hits[index];
    if (!hit) return;
    setOpen(false);
    onChoose(hit.id);
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === 'Escape') {
      if (shown) setOpen(false);
      else setText('');
    } else if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      setOpen(true);
      if (hits.length > 0) setActive((active + (event.key === 'ArrowDown' ? 1 : -1) + hits.length) % hits.length);
    } else if (event.key === 'Enter') {
      event.preventDefault();
      choose(Math.max(active, 0));
    }
  };
  return (
    <div className="search" role="search" onBlur={(event) => {
      if (!event.currentTarget.contains(event.relatedTarget)) setOpen(false);
    }}>
      <span className="search__icon"><Icon name="search" /></span>
      <input
        className="input search__input" type="text" role="combobox" aria-label={t('search.label')} autoComplete="off"
        placeholder={t('search.placeholder')} aria-expanded={shown} aria-controls={`${id}-list`} aria-autocomplete="list"
        aria-activedescendant={shown && active >= 0 && hits[active] ? `${id}-${active}` : undefined} value={text}
        onChange={(event) => { setText(event.target.value); setOpen(true); setActive(-1); }}
        onFocus={() => setOpen(true)} onKeyDown={onKey}
      />
      {text && (
        <button type="button" className="button button--icon search__clear" aria-label={t('search.clear')} onClick={() => setText('')}>
          <Icon name="close" size={16} />
        </button>
      )}
      <p className="visually-hidden" role="status">{shown && (answer.data ? t('search.found', { n: hits.length }) : answer.loading && t('search.searching'))}</p>
      <ul id={`${id}-list`} role="listbox" aria-label={t('search.label')} className="search__hits" hidden={!shown || hits.length === 0}>
        {hits.map((hit, index) => (
          <li
            key={hit.id} id={`${id}-${index}`} role="option" aria-selected={index === active} className="hit"
            onMouseDown={(event) => event.preventDefault()} onClick={() => choose(index)} onMouseEnter={() => setActive(index)}
          >
            <span className="hit__name">{hit.name || hit.id}</span>
            <span className="hit__more">
              {title(vocabulary.typeTitle(hit.type), hit.type)}{hit.address ? ` ・ ${hit.address}` : ''}
            </span>
          </li>
        ))}
      </ul>
      {shown && answer.data && hits.length === 0 && (
        <div className="search__nothing">
          <p>{t('search.nothing', { text: asked })}</p>
          <p>{t('search.nothingRemedy')}</p>
        </div>
      )}
      {shown && answer.problem && <div className="search__nothing"><p>{t(answer.problem.titleKey)}</p><p>{t(answer.problem.remedyKey)}</p></div>}
    </div>
  );
}
