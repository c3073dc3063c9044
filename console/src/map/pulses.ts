import type { Feature, Point, Position } from 'geojson';
import type { GeoJSONSource, Map as GlMap } from 'maplibre-gl';
import { type AttributeValue, isInstance } from '../api/ngsi';
import type { Change } from '../live/store';

const lasting = 1_400;
const most = 200;

/** Rings the places that have just changed, for a moment; a still ring for those who want no motion. */
export class Pulses {
  readonly #map: GlMap;
  readonly #still: boolean;
  #frame = 0;
  #started = 0;

  constructor(map: GlMap, still: boolean) {
    this.#map = map;
    this.#still = still;
  }

  add(changes: readonly Change[]): void {
    const source = this.#map.getSource('pulses') as GeoJSONSource | undefined;
    const spots = source ? this.#spots(changes.slice(-most)) : [];
    if (!source || spots.length === 0) return;
    void source.setData({ type: 'FeatureCollection', features: spots });
    this.#started = performance.now();
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(this.#draw);
  }

  close(): void {
    cancelAnimationFrame(this.#frame);
  }

  #draw = (now: number): void => {
    const done = Math.min(1, Math.max(0, now - this.#started) / lasting);
    if (!this.#still) this.#map.setPaintProperty('pulses', 'circle-radius', 12 + 10 * done);
    this.#map.setPaintProperty('pulses', 'circle-stroke-opacity', this.#still && done < 1 ? 0.9 : 0.9 * (1 - done));
    if (done < 1) this.#frame = requestAnimationFrame(this.#draw);
  };

  #spots(changes: readonly Change[]): Feature<Point>[] {
    const moved = new Map<string, Position>();
    const valued: string[] = [];
    for (const { id, op, attrs } of changes) {
      if (op === 'deleted') continue;
      const spot = pointOf(attrs['location']);
      if (spot) moved.set(id, spot);
      else valued.push(id);
    }
    for (const feature of this.#drawn(valued)) moved.set(...feature);
    return [...moved.values()].map((coordinates) => ({
      type: 'Feature', properties: {}, geometry: { type: 'Point', coordinates },
    }));
  }

  /** Finds where the entities are drawn; those inside a cluster or out of sight are not. */
  #drawn(ids: readonly string[]): [string, Position][] {
    const layers = ['points', 'points-of-shapes'].filter((name) => this.#map.getLayer(name));
    if (ids.length === 0 || layers.length === 0) return [];
    const features = this.#map.queryRenderedFeatures({ layers, filter: ['in', ['get', 'id'], ['literal', [...ids]]] });
    return features.map(({ properties, geometry }) => [String(properties['id']), (geometry as Point).coordinates]);
  }
}

function pointOf(value: AttributeValue | null | undefined): Position | null {
  const first: unknown = Array.isArray(value) ? value[0] : value;
  if (!isInstance(first)) return null;
  const geometry = first.value as Partial<Point> | null | undefined;
  return geometry?.type === 'Point' && geometry.coordinates ? geometry.coordinates : null;
}
