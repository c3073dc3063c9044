import { lazy, Suspense, useCallback, useMemo, useState } from 'react';
import { useAnswer } from '../../app/answer';
import { hrefOf, Link, useRoute } from '../../app/routing';
import { useServer } from '../../app/session';
import { type Layer, readBackgrounds, readLayers } from '../../api/city';
import { useWords } from '../../i18n/language';
import type { Picked } from '../../map/cityMap';
import { Boundary } from '../../parts/Boundary';
import { Icon } from '../../parts/Icon';
import { Loading, Trouble } from '../../parts/Trouble';
import { Card } from '../../card/Card';
import { Backgrounds, useReachable } from './Backgrounds';
import { LayerPanel } from './LayerPanel';
import { PickList } from './PickList';
import { SearchBox } from './SearchBox';
import { useHidden } from './hidden';
import { useLayerCounts } from './counts';

const MapCanvas = lazy(() => import('./MapCanvas'));

function NoWebgl() {
  const { t } = useWords();
  return (
    <div className="trouble trouble--page" role="alert">
      <p className="trouble__title">{t('map.noWebgl')}</p>
      <p>{t('map.noWebglRemedy')}</p>
      <Link href={hrefOf('entities')} className="button">{t('map.asList')}</Link>
    </div>
  );
}

function NoPlaces() {
  const { t } = useWords();
  return (
    <div className="map-empty">
      <h2>{t('map.noPlaces')}</h2>
      <p>{t('map.noPlacesRemedy')}</p>
      <Link href={hrefOf('import')} className="button button--primary">{t('map.toImport')}</Link>
    </div>
  );
}

/** Is the map of all fields: layers and search on the left, the map, the card of the chosen place on the right. */
export default function MapScreen() {
  const { t, title } = useWords();
  const server = useServer();
  const { query, go } = useRoute();
  const chosen = query.get('entity');
  const layers = useAnswer('layers', readLayers);
  useLayerCounts(layers.reload);
  const backgrounds = useAnswer('backgrounds', readBackgrounds);
  const { hidden, setHidden } = useHidden(server.tenant);
  const [open, setOpen] = useState(false);
  const [picked, setPicked] = useState<Picked[]>([]);
  const [background, setBackground] = useReachable(backgrounds.data ?? []);

  const all = useMemo<Layer[]>(() => (layers.data ?? []).flatMap((group) => group.layers), [layers.data]);
  const legend = useMemo(
    () => all.filter((layer) => !hidden.has(layer.type)).map((layer) => ({
      type: layer.type, color: layer.color, icon: layer.icon, title: title(layer.title, layer.type), shapes: layer.shapes,
    })),
    [all, hidden, title],
  );
  const choose = useCallback((id: string | null) => {
    go(hrefOf('map', { entity: id }) + location.hash, { replace: id === null });
  }, [go]);
  const pick = useCallback((found: Picked[]) => {
    setPicked(found.length > 1 ? found : []);
    choose(found.length === 1 ? (found[0]?.id ?? null) : null);
  }, [choose]);
  const nothing = useCallback(() => {
    setPicked([]);
    choose(null);
  }, [choose]);

  return (
    <div className={`map-screen${open ? ' map-screen--open' : ''}`}>
      <h1 className="visually-hidden">{t('screen.map')}</h1>
      <div className="map-screen__side">
        <SearchBox onChoose={choose} />
        <button
          type="button" className="button map-screen__toggle" aria-expanded={open} aria-controls="layers"
          onClick={() => setOpen(!open)}
        >
          <Icon name="layers" /> {t(open ? 'map.hideLayers' : 'map.showLayers')}
        </button>
        <div id="layers" className="map-screen__layers">
          {layers.problem && <Trouble problem={layers.problem} retry={layers.reload} />}
          {!layers.data && layers.loading && <Loading />}
          {layers.data && <LayerPanel groups={layers.data} hidden={hidden} setHidden={setHidden} />}
        </div>
      </div>
      <div className="map-screen__map">
        <Boundary fallback={<NoWebgl />}>
          <Suspense fallback={<Loading />}>
            <MapCanvas legend={legend} background={background.shown} onPick={pick} onNothing={nothing} chosen={chosen} />
          </Suspense>
        </Boundary>
        {layers.data?.length === 0 && <NoPlaces />}
        <Backgrounds all={backgrounds.data ?? []} background={background} choose={setBackground} />
      </div>
      {picked.length > 1 && !chosen && <PickList picked={picked} onChoose={choose} onClose={() => setPicked([])} />}
      {chosen && <Card key={chosen} id={chosen} onClose={nothing} onBack={picked.length > 1 ? () => choose(null) : null} />}
    </div>
  );
}
