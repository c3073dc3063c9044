import { useWords } from '../../i18n/language';

export default function ImportScreen() {
  const { t } = useWords();
  return <div className="page"><h1>{t('import.title')}</h1></div>;
}
