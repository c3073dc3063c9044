import { useEffect, useId, useRef } from 'react';
import { useWords } from '../i18n/language';

interface Props {
  question: string;
  /** Names what happens when the user agrees. */
  action: string;
  onYes: () => void;
  onNo: () => void;
}

/** Asks before something that changes much; Esc and "cancel" leave everything as it is. */
export function ConfirmDialog({ question, action, onYes, onNo }: Props) {
  const { t } = useWords();
  const id = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    if (dialog.current && !dialog.current.open) dialog.current.showModal();
  }, []);
  return (
    <dialog
      ref={dialog} className="dialog" aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onNo();
      }}
    >
      <div className="dialog__body">
        <p id={id}>{question}</p>
        <div className="dialog__buttons">
          <button type="button" className="button" onClick={onNo}>{t('app.cancel')}</button>
          <button type="button" className="button button--primary" onClick={onYes}>{action}</button>
        </div>
      </div>
    </dialog>
  );
}
