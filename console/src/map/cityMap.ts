import { AttributionControl, type GeoJSONSource, Map as GlMap, type MapMouseEvent, ScaleControl, setWorkerUrl, type VectorTileSource } from 'maplibre-gl';
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url';
import type { Geometry, Point } from 'geojson';
import type { Background, Extent } from '../api/city';
import type { Change } from '../live/store';
import { drawPin, pinLetters, type Pin } from './pins';
import { Pulses } from './pulses';
import { boxOf, graticule } from './geometry';
import { aboveShapes, cityLayers, groundStyle, type Legend } from './style';

setWorkerUrl(workerUrl);

export interface Picked {
  id: string;
  type: string;
  name: string;
}

export type Symbol = Legend & Pin;

interface Options {
  container: HTMLElement;
  tenant: string;
  token: string | null;
  still: boolean;
  onPick: (picked: Picked[]) => void;
  onNothing: () => void;
}

const japan: Extent = [122.9, 24, 146, 45.6];
const drawnBy = ['name', 'title', 'location', 'stationName', 'officialName'];
const refreshPause = 1_500;
const touch = 8;
const clusterNames = ['clusters', 'clusters-of-shapes'];
const singleNames = ['points', 'points-of-shapes', 'lines', 'areas'];

/** Drives the map of the city: what is drawn, what is picked, what moves. */
export class CityMap {
  readonly map: GlMap;
  readonly #options: Options;
  readonly #ready: Promise<void>;
  #closed = false;
  #shown = false;
  readonly #pulses: Pulses;
  /** Is true once something else than the city's extent says where to look: the address, a chosen place. */
  #placed: boolean;
  readonly #drawn: { places?: string; shapes?: string } = {};
  #legend: readonly Symbol[] = [];
  #refresh: ReturnType<typeof setTimeout> | null = null;
  #stale = new Set<'places' | 'shapes'>();

  constructor(options: Options) {
    this.#options = options;
    const { origin, hash } = window.location;
    this.#placed = /[#&]at=/.test(hash);
    this.map = new GlMap({
      container: options.container,
      style: groundStyle(),
      bounds: japan,
      hash: 'at',
      maxZoom: 20,
      attributionControl: false,
      dragRotate: false,
      pitchWithRotate: false,
      touchPitch: false,
      fadeDuration: options.still ? 0 : 150,
      ...(options.still ? { reduceMotion: true } : {}),
      transformRequest: (url) =>
        options.token && url.startsWith(`${origin}/apps/`)
          ? { url, headers: { Authorization: `Bearer ${options.token}` } }
          : { url },
    });
    this.map.addControl(new ScaleControl({ maxWidth: 100 }), 'bottom-left');
    this.map.addControl(new AttributionControl({ compact: false }), 'bottom-right');
    this.map.touchZoomRotate.disableRotation();
    this.map.keyboard.disableRotation();
    this.#pulses = new Pulses(this.map, options.still);
    this.#ready = new Promise((resolve) => this.map.once('style.load', () => resolve()));
    this.map.on('error', ({ error }) => {
      // A tile that did not come is asked for again by `refresh`; the header already says that the server is away.
      const away = error instanceof TypeError || (error instanceof Error && error.name === 'AJAXError');
      if (!away) console.error(error);
    });
    this.map.on('moveend', () => this.#drawGrid());
    this.map.on('click', (event) => this.#pick(event));
    this.map.on('mousemove', (event) => this.#point(event));
    void this.#drawable().then((drawable) => drawable && this.#drawGrid());
  }

  close(): void {
    this.#closed = true;
    if (this.#refresh) clearTimeout(this.#refresh);
    this.#pulses.close();
    this.map.remove();
  }

  /** Tells when the map has come to rest with all its tiles drawn, and when it moves or loads again. */
  onRest(tell: (resting: boolean) => void): void {
    tell(false);
    this.map.on('idle', () => tell(this.#refresh === null));
    this.map.on('dataloading', () => tell(false));
    this.map.on('movestart', () => tell(false));
  }

  /** Tells once when the first view is drawn with all its tiles. */
  onPainted(tell: () => void): void {
    const look = () => {
      if (!this.#shown || !this.map.areTilesLoaded()) return;
      this.map.off('render', look);
      tell();
    };
    this.map.on('render', look);
  }

  /** Fetches all tiles again: after a time without the server, some may have failed. */
  refresh(): void {
    this.#stale.add('places').add('shapes');
    this.#refresh ??= setTimeout(() => this.#refetch(), refreshPause);
  }

  /** Draws these entity types and no others. */
  async show(legend: readonly Symbol[]): Promise<void> {
    this.#legend = legend;
    if (!(await this.#drawable())) return;
    await pinLetters(legend.map(({ title }) => title));
    if (this.#legend !== legend || this.#closed) return;
    for (const symbol of legend) this.#addPin(symbol);
    const mixed = legend.filter(({ shapes }) => shapes.includes('line') || shapes.includes('area'));
    this.#draw('shapes', mixed);
    this.#draw('places', legend.filter((symbol) => !mixed.includes(symbol)));
    this.#shown = true;
    this.map.triggerRepaint();
  }

  /** Lays a background map under the city, or takes it away. */
  async lay(background: Background | null): Promise<void> {
    if (!(await this.#drawable())) return;
    if (this.map.getLayer('background')) this.map.removeLayer('background');
    if (this.map.getSource('background')) this.map.removeSource('background');
    this.map.setLayoutProperty('graticule', 'visibility', background ? 'none' : 'visible');
    if (!background) return;
    this.map.addSource('background', {
      type: 'raster', tiles: [background.tiles], tileSize: 256, attribution: background.attribution,
      minzoom: background.minzoom ?? 2, maxzoom: background.maxzoom ?? 18,
    });
    this.map.addLayer({ id: 'background', type: 'raster', source: 'background' }, 'graticule');
  }

  /** Rings the chosen entity, or none. */
  async select(geometry: Geometry | null): Promise<void> {
    if (!(await this.#drawable())) return;
    const source = this.map.getSource('selected') as GeoJSONSource;
    await source.setData(
      geometry ? { type: 'Feature', properties: {}, geometry } : { type: 'FeatureCollection', features: [] },
    );
  }

  /** Brings a geometry into view, beside what covers the map (`right`, `bottom` in pixels). */
  async visit(geometry: Geometry, cover: { right: number; bottom: number }): Promise<void> {
    const first = !this.#placed;
    this.#placed = true;
    if (!(await this.#drawable())) return;
    const box = boxOf(geometry);
    const padding = { top: 60, left: 60, right: 60 + cover.right, bottom: 60 + cover.bottom };
    this.map.fitBounds(box, { padding, maxZoom: Math.max(this.map.getZoom(), 16), duration: first || this.#options.still ? 0 : 900 });
  }

  /** Shows a box whole; the map's own place in the address wins at the start. */
  async frame(extent: Extent | null, { first = false }: { first?: boolean } = {}): Promise<void> {
    if (!(await this.#drawable())) return;
    if (!extent || (first && this.#placed)) return;
    this.#placed = true;
    this.map.fitBounds(extent, { padding: 48, maxZoom: 15, duration: first || this.#options.still ? 0 : 900 });
  }

  /** Lets the map follow what changed: pulses where values changed, new tiles where things came, went or moved. */
  follow(changes: readonly Change[]): void {
    const kinds = new Map(this.#legend.map((symbol) => [symbol.type, symbol]));
    const touched = changes.filter(({ type }) => [type].flat().some((one) => kinds.has(one)));
    if (touched.length === 0) return;
    for (const { op, attrs, type } of touched) {
      if (op === 'updated' && !drawnBy.some((name) => name in attrs)) continue;
      const shapes = [type].flat().some((one) => this.#inShapes(kinds.get(one)));
      this.#stale.add(shapes ? 'shapes' : 'places');
    }
    if (this.#stale.size > 0) this.#refresh ??= setTimeout(() => this.#refetch(), refreshPause);
    if (document.visibilityState === 'visible') this.#pulses.add(touched);
  }

  /** Picks what lies in the middle of the map: the keyboard's way to open a place. */
  pickCentre(): void {
    const { clientWidth, clientHeight } = this.map.getContainer();
    this.#pickAt(clientWidth / 2, clientHeight / 2, 24);
  }

  /** Waits until the map can be drawn on; false when it was closed meanwhile, as on a change of tenant. */
  async #drawable(): Promise<boolean> {
    await this.#ready;
    return !this.#closed;
  }

  #inShapes(symbol: Symbol | undefined): boolean {
    return Boolean(symbol?.shapes.some((shape) => shape === 'line' || shape === 'area'));
  }

  #addPin(symbol: Symbol): void {
    const id = `pin-${symbol.type}`;
    const { image, pixelRatio } = drawPin(symbol);
    if (this.map.hasImage(id)) this.map.updateImage(id, image);
    else this.map.addImage(id, image, { pixelRatio });
  }

  #draw(source: 'places' | 'shapes', legend: readonly Symbol[]): void {
    const key = legend.map(({ type }) => type).sort().join(',');
    const layers = cityLayers(source, legend);
    const known = this.map.getSource(source) as VectorTileSource | undefined;
    if (known && legend.length > 0 && this.#drawn[source] === this.#tiles(key)) return;
    for (const { id } of layers) if (this.map.getLayer(id)) this.map.removeLayer(id);
    // A source whose address is exchanged keeps the tiles that were under way for the old one; a new source has none.
    if (known) this.map.removeSource(source);
    this.#drawn[source] = this.#tiles(key);
    if (legend.length === 0) return;
    this.map.addSource(source, { type: 'vector', tiles: [this.#tiles(key)], minzoom: 0, maxzoom: 17 });
    for (const layer of layers) this.map.addLayer(layer, source === 'shapes' ? aboveShapes : 'pulses');
  }

  #tiles(types: string): string {
    const path = types.split(',').map(encodeURIComponent).join(',');
    return `${window.location.origin}/apps/map/tiles/${path}/{z}/{x}/{y}.mvt?tenant=${encodeURIComponent(this.#options.tenant)}`;
  }

  #refetch(): void {
    this.#refresh = null;
    for (const source of this.#stale) {
      // A tile that is still under way would not be fetched again, so those wait for the next turn.
      if (this.map.getSource(source) && !this.map.isSourceLoaded(source)) continue;
      if (this.map.getSource(source)) this.map.refreshTiles(source);
      this.#stale.delete(source);
    }
    if (this.#stale.size > 0) this.#refresh = setTimeout(() => this.#refetch(), refreshPause);
  }

  #drawGrid(): void {
    const bounds = this.map.getBounds();
    const source = this.map.getSource('graticule') as GeoJSONSource | undefined;
    void source?.setData(graticule(bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()));
  }

  #layers(names: readonly string[]): string[] {
    return names.filter((name) => this.map.getLayer(name));
  }

  #pick({ point }: MapMouseEvent): void {
    this.#pickAt(point.x, point.y, touch);
  }

  #pickAt(x: number, y: number, reach: number): void {
    const box: [[number, number], [number, number]] = [[x - reach, y - reach], [x + reach, y + reach]];
    const singles = this.map.queryRenderedFeatures(box, { layers: this.#layers(singleNames) });
    const found = new Map<string, Picked>();
    for (const { properties } of singles) {
      const { id, type, name } = properties as { id?: string; type?: string; name?: string };
      if (id && !found.has(id)) found.set(id, { id, type: type ?? '', name: name ?? '' });
    }
    if (found.size > 0) {
      this.#options.onPick([...found.values()]);
      return;
    }
    const [cluster] = this.map.queryRenderedFeatures(box, { layers: this.#layers(clusterNames) });
    if (!cluster) {
      this.#options.onNothing();
      return;
    }
    const [lon, lat] = (cluster.geometry as Point).coordinates as [number, number];
    this.map.easeTo({
      center: [lon, lat], zoom: Math.min(this.map.getZoom() + 2, 20), duration: this.#options.still ? 0 : 500,
    });
  }

  #point({ point }: MapMouseEvent): void {
    // Looking for what lies under the pointer costs as much as a frame, and nothing is pointed at while the map moves.
    if (this.map.isMoving()) return;
    const over = this.map.queryRenderedFeatures(point, { layers: this.#layers([...singleNames, ...clusterNames]) });
    this.map.getCanvas().style.cursor = over.length > 0 ? 'pointer' : '';
  }
}
