import { useWords } from '../../i18n/language';

export default function DevicesScreen() {
  const { t } = useWords();
  return <div className="page"><h1>{t('devices.title')}</h1></div>;
}
