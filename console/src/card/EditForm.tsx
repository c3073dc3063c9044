import { type FormEvent, type KeyboardEvent, useEffect, useId, useRef, useState } from 'react';
import { useSession } from '../app/session';
import { useVocabulary } from '../app/vocabulary';
import { attributesOf, type Entity, type Instance, mainType, writeAttribute } from '../api/ngsi';
import { type Problem, problemOf } from '../api/problem';
import { useWords } from '../i18n/language';
import type { TextKey } from '../i18n/ja';
import { Trouble } from '../parts/Trouble';
import { corrected, entered } from './values';

const authorKey = 'hiroba.author';

interface Props {
  entity: Entity;
  name: string;
  title: string;
  instance: Instance;
  onDone: () => void;
}

/** Corrects one value in place: checks it, and writes it with who and when. */
export function EditForm({ entity, name, title, instance, onDone }: Props) {
  const { t, title: titled } = useWords();
  const { server } = useSession();
  const vocabulary = useVocabulary();
  const id = useId();
  const choices = vocabulary.wording(mainType(entity), name).choices();
  const worded = typeof instance.value === 'string' && choices.some(([word]) => word === instance.value);
  const form = useRef<HTMLFormElement>(null);
  const [text, setText] = useState(String(instance.value));
  const [author, setAuthor] = useState(() => localStorage.getItem(authorKey) ?? '');
  const [askAuthor] = useState(author === '');
  const [mistake, setMistake] = useState<TextKey | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [saving, setSaving] = useState(false);
  useEffect(() => form.current?.querySelector<HTMLElement>('input, select')?.focus(), []);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const entry = entered(text, instance.value);
    if ('mistake' in entry) return setMistake(entry.mistake);
    if (author.trim() === '') return setMistake('edit.authorNeeded');
    setMistake(null);
    setSaving(true);
    try {
      localStorage.setItem(authorKey, author.trim());
      const written = corrected(instance, entry.value, author.trim(), new Date());
      const others = attributesOf(entity).find(([one]) => one === name)?.[1] ?? [];
      const kept = others.filter((one) => one.datasetId !== instance.datasetId);
      await writeAttribute(server, entity.id, name, kept.length > 0 ? [written, ...kept] : written);
      onDone();
    } catch (error) {
      setProblem(problemOf(error));
      setSaving(false);
    }
  };
  const onKey = (event: KeyboardEvent) => {
    if (event.key !== 'Escape') return;
    event.preventDefault();
    onDone();
  };
  const wrong = mistake !== null && mistake !== 'edit.authorNeeded';
  return (
    <form ref={form} className="edit" onSubmit={(event) => void submit(event)} onKeyDown={onKey} noValidate aria-label={t('edit.edit', { title })}>
      <label className="field">
        <span className="field__label">{t('edit.value')}</span>
        {typeof instance.value === 'boolean' ? (
          <select className="select" value={text} onChange={(event) => setText(event.target.value)}>
            <option value="true">{t('app.yes')}</option>
            <option value="false">{t('app.no')}</option>
          </select>
        ) : worded ? (
          <select className="select" value={text} onChange={(event) => setText(event.target.value)}>
            {choices.map(([word, one]) => <option key={word} value={word}>{titled(one, word)}</option>)}
          </select>
        ) : (
          <input
            className="input" value={text} inputMode={typeof instance.value === 'number' ? 'decimal' : 'text'}
            aria-invalid={wrong} aria-describedby={mistake ? `${id}-mistake` : undefined}
            onChange={(event) => setText(event.target.value)}
          />
        )}
      </label>
      {askAuthor && (
        <label className="field">
          <span className="field__label">{t('edit.author')}</span>
          <input
            className="input" autoComplete="name" value={author} aria-invalid={mistake === 'edit.authorNeeded'}
            aria-describedby={`${id}-author`} onChange={(event) => setAuthor(event.target.value)}
          />
          <span id={`${id}-author`} className="field__hint">{t('edit.authorHint')}</span>
        </label>
      )}
      {mistake && <p id={`${id}-mistake`} className="field__mistake" role="alert">{t(mistake)}</p>}
      {problem && <Trouble problem={problem} />}
      <div className="edit__buttons">
        <button type="submit" className="button button--primary" disabled={saving}>{t(saving ? 'edit.saving' : 'edit.save')}</button>
        <button type="button" className="button" onClick={onDone}>{t('app.cancel')}</button>
      </div>
    </form>
  );
}
