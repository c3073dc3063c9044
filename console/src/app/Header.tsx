import { readTenants } from '../api/city';
import { useWords } from '../i18n/language';
import { Icon, type IconName } from '../parts/Icon';
import { useAnswer } from './answer';
import { hrefOf, Link, type Screen, useRoute } from './routing';
import { useConnection, useSession } from './session';

const icons: Readonly<Record<Screen, IconName>> = { map: 'map', entities: 'list', import: 'upload', devices: 'device', reference: 'code' };

function Navigation() {
  const { t } = useWords();
  const { screen } = useRoute();
  return (
    <nav className="nav" aria-label={t('app.screens')}>
      {(Object.keys(icons) as Screen[]).map((one) => (
        <Link key={one} href={hrefOf(one)} className="nav__link" aria-current={one === screen ? 'page' : undefined}>
          <Icon name={icons[one]} />
          <span>{t(`screen.${one}`)}</span>
        </Link>
      ))}
    </nav>
  );
}

function Tenant() {
  const { t } = useWords();
  const { tenant, setTenant } = useSession();
  const { data } = useAnswer('tenants', readTenants);
  const names = [...new Set(['', ...(data ?? []), tenant])];
  if (names.length < 2) return null;
  return (
    <label className="tenant">
      <span className="tenant__label">{t('app.tenant')}</span>
      <select className="select select--small" value={tenant} onChange={(event) => setTenant(event.target.value)}>
        {names.map((name) => <option key={name} value={name}>{name || t('app.tenantDefault')}</option>)}
      </select>
    </label>
  );
}

/** Says that the chosen tenant is not there, and leads back to one that is. */
function TenantGone() {
  const { t } = useWords();
  const { tenant, setTenant } = useSession();
  return (
    <p className="header__lost" role="alert">
      {t('app.tenantGone', { name: tenant })}{' '}
      <button type="button" className="button button--small" onClick={() => setTenant('')}>{t('app.tenantBack')}</button>
    </p>
  );
}

function useTenantGone(): boolean {
  const { tenant } = useSession();
  const { data } = useAnswer('tenants', readTenants);
  return data !== undefined && !data.includes(tenant);
}

function ConnectionSign() {
  const { t } = useWords();
  const state = useConnection();
  return (
    <p className={`connection connection--${state}`} role="status" title={t(`live.${state}Hint`)}>
      <span className="connection__dot" aria-hidden="true" />
      {t(`live.${state}`)}
    </p>
  );
}

/** Is the top of every screen: the name, the screens, the tenant, the connection, the language. */
export function Header() {
  const { t, language, setLanguage } = useWords();
  const state = useConnection();
  const gone = useTenantGone();
  return (
    <header className="header">
      <Link href="/" className="brand">
        <img src="/icon.svg" alt="" width="32" height="32" />
        <span className="brand__name">{t('app.name')}</span>
        <span className="brand__subtitle">{t('app.subtitle')}</span>
      </Link>
      <Navigation />
      <div className="header__end">
        <Tenant />
        {!gone && <ConnectionSign />}
        <button
          type="button" className="button button--quiet" title={t('app.languageHint')}
          onClick={() => setLanguage(language === 'ja' ? 'en' : 'ja')}
        >
          <Icon name="language" />
          <span lang={language === 'ja' ? 'en' : 'ja'}>{t('app.language')}</span>
        </button>
      </div>
      {gone ? <TenantGone /> : state === 'lost' && <p className="header__lost" role="alert">{t('live.lostHint')}</p>}
    </header>
  );
}
