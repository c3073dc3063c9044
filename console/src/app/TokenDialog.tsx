import { type FormEvent, useEffect, useRef, useState } from 'react';
import { useWords } from '../i18n/language';
import { useSession } from './session';

/** Asks once for the token that the server wants. */
export function TokenDialog() {
  const { t } = useWords();
  const { unlock } = useSession();
  const dialog = useRef<HTMLDialogElement>(null);
  const [token, setToken] = useState('');
  const [refused, setRefused] = useState(false);
  useEffect(() => {
    if (dialog.current && !dialog.current.open) dialog.current.showModal();
  }, []);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setRefused(!(await unlock(token.trim())));
  };
  return (
    <dialog ref={dialog} className="dialog" aria-labelledby="token-title" onCancel={(event) => event.preventDefault()}>
      <form onSubmit={(event) => void submit(event)}>
        <h2 id="token-title">{t('token.title')}</h2>
        <p>{t('token.explain')}</p>
        <label className="field">
          <span className="field__label">{t('token.label')}</span>
          <input
            className="input" type="password" autoComplete="current-password" required value={token}
            aria-invalid={refused} aria-describedby={refused ? 'token-refused' : undefined}
            onChange={(event) => setToken(event.target.value)}
          />
        </label>
        {refused && <p id="token-refused" className="field__mistake" role="alert">{t('token.refused')}</p>}
        <button type="submit" className="button button--primary">{t('token.enter')}</button>
      </form>
    </dialog>
  );
}
