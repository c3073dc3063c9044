import { exportAddress, type ExportFormat } from '../api/imports';
import { useServer } from '../app/session';
import { useWords } from '../i18n/language';
import { Icon } from './Icon';

const formats: readonly (readonly [ExportFormat, string])[] = [['csv', 'CSV'], ['xlsx', 'Excel'], ['geojson', 'GeoJSON']];

/** Offers a type's entities as files. */
export function Exports({ type }: { type: string }) {
  const { t, language } = useWords();
  const server = useServer();
  return (
    <span className="exports">
      {formats.map(([format, name]) => (
        <a
          key={format} className="button button--small" href={exportAddress(server, type, format, language)} download
          aria-label={t('entities.exportAs', { format: name })}
        >
          <Icon name="download" size={16} /> {name}
        </a>
      ))}
    </span>
  );
}
