import 'maplibre-gl/dist/maplibre-gl.css';
import { useEffect, useRef, useState } from 'react';
import { geometryOf } from '../../api/ngsi';
import { type Background, readExtent } from '../../api/city';
import { useConnection, useHeld, useServer, useSession } from '../../app/session';
import { useAnswer } from '../../app/answer';
import { useWords } from '../../i18n/language';
import { CityMap, type Picked, type Symbol } from '../../map/cityMap';
import { Icon } from '../../parts/Icon';

interface Props {
  legend: readonly Symbol[];
  background: Background | null;
  chosen: string | null;
  onPick: (picked: Picked[]) => void;
  onNothing: () => void;
}

const phone = '(max-width: 767px)';

/** Says how much of the map the card covers, in pixels. */
function cover(): { right: number; bottom: number } {
  return matchMedia(phone).matches ? { right: 0, bottom: innerHeight * 0.45 } : { right: 400, bottom: 0 };
}

/** Draws the map; everything it shows comes from its properties and the live store. */
export default function MapCanvas({ legend, background, chosen, onPick, onNothing }: Props) {
  const { t } = useWords();
  const server = useServer();
  const { live } = useSession();
  const frame = useRef<HTMLDivElement>(null);
  const holder = useRef<HTMLDivElement>(null);
  const [city, setCity] = useState<CityMap | null>(null);
  const [painted, setPainted] = useState(false);
  const [failed, setFailed] = useState<unknown>(null);
  const handlers = useRef({ onPick, onNothing });
  handlers.current = { onPick, onNothing };
  const extent = useAnswer('extent', readExtent);
  const held = useHeld(chosen);
  const geometry = held && !held.gone ? geometryOf(held.entity) : null;

  useEffect(() => {
    if (!holder.current) return undefined;
    let made: CityMap;
    try {
      made = new CityMap({
        container: holder.current,
        tenant: server.tenant,
        token: server.token,
        still: matchMedia('(prefers-reduced-motion: reduce)').matches,
        onPick: (picked) => handlers.current.onPick(picked),
        onNothing: () => handlers.current.onNothing(),
      });
    } catch (error) {
      setFailed(error);
      return undefined;
    }
    setCity(made);
    made.onRest((resting) => {
      if (frame.current) frame.current.dataset['state'] = resting ? 'idle' : 'busy';
    });
    made.onPainted(() => setPainted(true));
    const stop = live.onChanges((changes) => made.follow(changes));
    return () => {
      stop();
      made.close();
      setCity(null);
      setPainted(false);
    };
  }, [server, live]);

  const connection = useConnection();
  const lost = useRef(false);
  useEffect(() => {
    if (connection === 'live' && lost.current) city?.refresh();
    lost.current = connection === 'lost';
  }, [city, connection]);

  useEffect(() => void city?.show(legend), [city, legend]);
  useEffect(() => void city?.lay(background), [city, background]);
  useEffect(() => void city?.frame(extent.data ?? null, { first: true }), [city, extent.data]);
  useEffect(() => void city?.select(geometry), [city, geometry]);
  const placed = geometry !== null;
  useEffect(() => {
    if (geometry) void city?.visit(geometry, cover());
    // Only the choice of a place moves the map, not the place's own movement.
  }, [city, chosen, placed]);
  useEffect(() => {
    if (!city) return;
    const canvas = city.map.getCanvas();
    canvas.setAttribute('aria-label', `${t('map.label')} ${t('map.hint')}`);
    canvas.setAttribute('role', 'application');
  }, [city, t]);

  if (failed) throw failed instanceof Error ? failed : new Error('the map cannot be drawn');
  return (
    <div className="map-canvas" ref={frame} aria-busy={!painted}>
      <div
        ref={holder} className="map-canvas__gl"
        onKeyDown={(event) => { if (event.key === 'Enter' && event.target === city?.map.getCanvas()) city.pickCentre(); }}
      />
      <span className="map-canvas__cross" aria-hidden="true" />
      <div className="map-canvas__tools">
        <button type="button" className="button button--icon" aria-label={t('map.zoomIn')} onClick={() => city?.map.zoomIn()}><Icon name="plus" /></button>
        <button type="button" className="button button--icon" aria-label={t('map.zoomOut')} onClick={() => city?.map.zoomOut()}><Icon name="minus" /></button>
        <button type="button" className="button button--icon" aria-label={t('map.home')} onClick={() => void city?.frame(extent.data ?? null)}><Icon name="home" /></button>
      </div>
    </div>
  );
}
