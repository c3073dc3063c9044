import { useWords } from '../../i18n/language';

export default function EntitiesScreen() {
  const { t } = useWords();
  return <div className="page"><h1>{t('entities.title')}</h1></div>;
}
