import { useState } from 'react';
import type { Column, Preview as Found } from '../../api/imports';
import { useWords } from '../../i18n/language';

interface Props {
  found: Found;
  onColumn: (column: string, attribute: string | null) => void;
}

const own = '\u0000own';

/** Lists the file's columns with examples and what each becomes. */
export function Columns({ found, onColumn }: Props) {
  const { t } = useWords();
  return (
    <section aria-labelledby="import-columns">
      <h2 id="import-columns">{t('import.columns')}</h2>
      <p className="quiet">{t('import.columnsHint')}</p>
      <div className="table-box">
        <table className="table table--dense">
          <thead>
            <tr><th scope="col">{t('import.column')}</th><th scope="col">{t('import.sample')}</th><th scope="col">{t('import.attribute')}</th></tr>
          </thead>
          <tbody>
            {found.columns.map((column) => (
              <tr key={column.name} className={column.attribute === null ? 'table__off' : undefined}>
                <th scope="row">{column.name}</th>
                <td className="table__sample">{column.sample.join(' / ')}</td>
                <td><Choice column={column} found={found} onColumn={onColumn} /></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Choice({ column, found, onColumn }: { column: Column } & Props) {
  const { t, title } = useWords();
  const [naming, setNaming] = useState(false);
  const [name, setName] = useState('');
  const known = found.attributes.some((one) => one.name === column.attribute);
  const take = () => {
    setNaming(false);
    if (name.trim()) onColumn(column.name, name.trim());
  };
  return (
    <>
      <select
        className="select select--small" aria-label={t('import.attributeOf', { column: column.name })}
        value={naming ? own : (column.attribute ?? '')}
        onChange={(event) => {
          setNaming(event.target.value === own);
          if (event.target.value !== own) onColumn(column.name, event.target.value || null);
        }}
      >
        <option value="">{t('import.skip')}</option>
        {column.attribute !== null && !known && <option value={column.attribute}>{title(column.title, column.attribute)}</option>}
        {found.attributes.map((one) => <option key={one.name} value={one.name}>{title(one.title, one.name)}</option>)}
        <option value={own}>{t('import.own')}</option>
      </select>
      {naming && (
        <form className="own" onSubmit={(event) => { event.preventDefault(); take(); }}>
          <input
            className="input" autoFocus aria-label={t('import.ownLabel', { column: column.name })} value={name}
            onChange={(event) => setName(event.target.value)} onBlur={take}
          />
        </form>
      )}
    </>
  );
}
