import { type DragEvent, useId, useState } from 'react';
import { useWords } from '../../i18n/language';
import { Icon } from '../../parts/Icon';

/** Takes a file by drag and drop, or by the ordinary file chooser. */
export function DropZone({ onFile }: { onFile: (file: File) => void }) {
  const { t } = useWords();
  const id = useId();
  const [over, setOver] = useState(false);
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    const file = event.dataTransfer.files[0];
    if (file) onFile(file);
  };
  return (
    <div
      className={`drop${over ? ' drop--over' : ''}`} onDrop={drop}
      onDragOver={(event) => { event.preventDefault(); setOver(true); }} onDragLeave={() => setOver(false)}
    >
      <Icon name="upload" size={40} />
      <p className="drop__title">{t('import.drop')}</p>
      <input
        id={id} className="drop__input" type="file"
        onChange={(event) => {
          const file = event.target.files?.[0];
          if (file) onFile(file);
          event.target.value = '';
        }}
      />
      <label htmlFor={id} className="button button--primary">{t('import.choose')}</label>
    </div>
  );
}
