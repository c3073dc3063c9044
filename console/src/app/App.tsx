import { lazy, Suspense, useEffect, useRef } from 'react';
import { LanguageProvider, useWords } from '../i18n/language';
import { Boundary } from '../parts/Boundary';
import { Loading } from '../parts/Trouble';
import { Header } from './Header';
import { RouteProvider, type Screen, useRoute } from './routing';
import { SessionProvider, useSession } from './session';
import { TokenDialog } from './TokenDialog';
import { VocabularyProvider } from './vocabulary';

const screens = {
  map: lazy(() => import('../screens/map/MapScreen')),
  entities: lazy(() => import('../screens/entities/EntitiesScreen')),
  import: lazy(() => import('../screens/import/ImportScreen')),
  devices: lazy(() => import('../screens/devices/DevicesScreen')),
  reference: lazy(() => import('../screens/reference/ReferenceScreen')),
} as const satisfies Record<Screen, unknown>;

function Broken() {
  const { t } = useWords();
  return (
    <div className="trouble trouble--page" role="alert">
      <p className="trouble__title">{t('app.broken')}</p>
      <p>{t('app.brokenRemedy')}</p>
      <button type="button" className="button" onClick={() => location.reload()}>{t('app.reload')}</button>
    </div>
  );
}

function NotFound() {
  const { t } = useWords();
  return (
    <div className="page">
      <h1>{t('app.notFound')}</h1>
      <p>{t('app.notFoundRemedy')}</p>
    </div>
  );
}

function Shell() {
  const { t } = useWords();
  const { screen } = useRoute();
  const { locked, tenant } = useSession();
  const main = useRef<HTMLElement>(null);
  const shown = useRef(screen);
  useEffect(() => {
    document.title = screen === null ? t('app.title') : `${t(`screen.${screen}`)} | ${t('app.title')}`;
    if (shown.current !== screen) main.current?.focus({ preventScroll: true });
    shown.current = screen;
  }, [screen, t]);
  const Shown = screen === null ? NotFound : screens[screen];
  return (
    <div className="shell">
      <a className="skip" href="#main">{t('app.skip')}</a>
      <Header />
      <main id="main" className="shell__main" tabIndex={-1} ref={main}>
        <Boundary key={`${screen}.${tenant}`} fallback={<Broken />}>
          <Suspense fallback={<Loading />}>{!locked && <Shown />}</Suspense>
        </Boundary>
      </main>
      {locked && <TokenDialog />}
    </div>
  );
}

/** Is the whole console. */
export function App() {
  return (
    <LanguageProvider>
      <RouteProvider>
        <SessionProvider>
          <VocabularyProvider><Shell /></VocabularyProvider>
        </SessionProvider>
      </RouteProvider>
    </LanguageProvider>
  );
}
