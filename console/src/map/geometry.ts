import type { Feature, FeatureCollection, Geometry, LineString } from 'geojson';
import type { Extent } from '../api/city';

const gridSteps = [30, 15, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005];

/** Draws the meridians and parallels that cross a box, about six of them. */
export function graticule(west: number, south: number, east: number, north: number): FeatureCollection {
  const span = Math.max(east - west, 1e-4);
  const step = gridSteps.find((one) => span / one >= 5) ?? 0.0005;
  const lines: Feature<LineString>[] = [];
  const line = (coordinates: [number, number][]) =>
    lines.push({ type: 'Feature', properties: {}, geometry: { type: 'LineString', coordinates } });
  for (let lon = Math.floor(west / step) * step; lon <= east; lon += step) line([[lon, south], [lon, north]]);
  for (let lat = Math.floor(south / step) * step; lat <= north; lat += step) line([[west, lat], [east, lat]]);
  return { type: 'FeatureCollection', features: lines };
}

/** Returns the box of a geometry. */
export function boxOf(geometry: Geometry): Extent {
  const box: Extent = [180, 90, -180, -90];
  const take = (part: unknown): void => {
    if (!Array.isArray(part)) return;
    const [lon, lat] = part as unknown[];
    if (typeof lon === 'number' && typeof lat === 'number') {
      box[0] = Math.min(box[0], lon);
      box[1] = Math.min(box[1], lat);
      box[2] = Math.max(box[2], lon);
      box[3] = Math.max(box[3], lat);
    } else part.forEach(take);
  };
  if (geometry.type === 'GeometryCollection') {
    return geometry.geometries.map(boxOf).reduce((a, b) => [
      Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[2], b[2]), Math.max(a[3], b[3]),
    ]);
  }
  take(geometry.coordinates);
  return box;
}
