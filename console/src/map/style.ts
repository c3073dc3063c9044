import type { FeatureCollection } from 'geojson';
import type { ExpressionSpecification, LayerSpecification, StyleSpecification } from 'maplibre-gl';
import { fontFaces, mapFont } from './fonts';

/** Is what the map must know of an entity type to draw it. */
export interface Legend {
  type: string;
  color: string;
  shapes: readonly string[];
}

export const cityLayer = 'entities';
export const aboveShapes = 'above-shapes';

const ink = '#1a1a1a';
const white = '#ffffff';
const cluster = '#0017c1';

const empty: FeatureCollection = { type: 'FeatureCollection', features: [] };

const one: ExpressionSpecification = ['==', ['coalesce', ['get', 'n'], 1], 1];
/** A handful is drawn light, so that the crowds stand out. */
const few: ExpressionSpecification = ['<', ['get', 'n'], 10];
const isPoint: ExpressionSpecification = ['==', ['geometry-type'], 'Point'];

/** Returns the map without any data: plain ground and a fine grid, nothing from outside. */
export function groundStyle(): StyleSpecification {
  const style: StyleSpecification = {
    version: 8,
    sources: {
      graticule: { type: 'geojson', data: empty },
      selected: { type: 'geojson', data: empty },
      pulses: { type: 'geojson', data: empty },
    },
    layers: [
      { id: 'ground', type: 'background', paint: { 'background-color': '#eef2f5' } },
      { id: 'graticule', type: 'line', source: 'graticule', paint: { 'line-color': '#d5dde3', 'line-width': 1 } },
      ...selection(),
      // Entities are drawn between the ring of the chosen one and the pulses: shapes below `above-shapes`, then places.
      { id: aboveShapes, type: 'circle', source: 'pulses', layout: { visibility: 'none' } },
      {
        id: 'pulses', type: 'circle', source: 'pulses',
        paint: {
          'circle-color': 'rgba(0,0,0,0)', 'circle-radius': 14, 'circle-stroke-width': 2,
          'circle-stroke-color': '#e25100', 'circle-stroke-opacity': 0,
        },
      },
    ],
    // The style specification knows `font-faces`; the library's types do not name it yet.
    ...{ 'font-faces': fontFaces() },
  };
  return style;
}

function selection(): LayerSpecification[] {
  return [
    {
      id: 'selected-line', type: 'line', source: 'selected', filter: ['!=', ['geometry-type'], 'Point'],
      paint: { 'line-color': ink, 'line-width': 9 },
    },
    {
      id: 'selected-halo', type: 'circle', source: 'selected', filter: isPoint,
      paint: {
        'circle-radius': 19, 'circle-color': 'rgba(255,212,61,0.45)', 'circle-stroke-width': 3, 'circle-stroke-color': ink,
      },
    },
  ];
}

function colorBy(legend: readonly Legend[]): ExpressionSpecification | string {
  if (legend.length === 0) return ink;
  const pairs = legend.flatMap(({ type, color }) => [type, color]);
  return ['match', ['get', 'type'], ...pairs, ink] as unknown as ExpressionSpecification;
}

/** Returns the layers that draw a source's entities, from the ground up. */
export function cityLayers(source: 'places' | 'shapes', legend: readonly Legend[]): LayerSpecification[] {
  const from = { source, 'source-layer': cityLayer } as const;
  const tone = legend.length === 1 ? (legend[0]?.color ?? cluster) : cluster;
  const name = (id: string) => (source === 'places' ? id : `${id}-of-shapes`);
  return [
    ...(source === 'shapes' ? drawnShapes(legend) : []),
    {
      id: name('clusters'), type: 'circle', ...from, filter: ['>', ['get', 'n'], 1],
      paint: {
        'circle-color': ['case', few, white, tone],
        'circle-opacity': 0.92,
        'circle-radius': ['interpolate', ['linear'], ['log10', ['get', 'n']], 0.3, 9, 1, 12, 2, 16, 3, 20, 5, 32],
        'circle-stroke-color': ['case', few, tone, white],
        'circle-stroke-width': 2,
      },
    },
    {
      id: name('counts'), type: 'symbol', ...from, filter: ['>', ['get', 'n'], 1],
      layout: {
        'text-field': shortCount(), 'text-font': [mapFont], 'text-size': 12,
        'text-allow-overlap': true, 'text-ignore-placement': true,
      },
      paint: { 'text-color': ['case', few, tone, white] },
    },
    {
      id: name('points'), type: 'symbol', ...from, filter: ['all', one, isPoint],
      layout: {
        'icon-image': ['concat', 'pin-', ['get', 'type']],
        'icon-size': ['interpolate', ['linear'], ['zoom'], 9, 0.6, 13, 0.85, 15, 1],
        'icon-allow-overlap': true, 'icon-ignore-placement': true,
      },
    },
    {
      id: name('labels'), type: 'symbol', ...from, filter: ['all', one, isPoint], minzoom: 14,
      layout: {
        'text-field': ['get', 'name'], 'text-font': [mapFont], 'text-size': 12, 'text-anchor': 'top',
        'text-offset': [0, 1.25], 'text-max-width': 9, 'text-optional': true,
      },
      paint: { 'text-color': ink, 'text-halo-color': white, 'text-halo-width': 1.6 },
    },
  ];
}

function drawnShapes(legend: readonly Legend[]): LayerSpecification[] {
  const from = { source: 'shapes', 'source-layer': cityLayer } as const;
  const color = colorBy(legend);
  const isArea: ExpressionSpecification = ['==', ['geometry-type'], 'Polygon'];
  return [
    { id: 'areas', type: 'fill', ...from, filter: isArea, paint: { 'fill-color': color, 'fill-opacity': 0.1 } },
    { id: 'outlines', type: 'line', ...from, filter: isArea, paint: { 'line-color': color, 'line-width': 1.5 } },
    {
      id: 'lines', type: 'line', ...from, filter: ['==', ['geometry-type'], 'LineString'],
      layout: { 'line-cap': 'round', 'line-join': 'round' },
      paint: { 'line-color': color, 'line-width': ['interpolate', ['linear'], ['zoom'], 9, 1.5, 15, 4] },
    },
  ];
}

function shortCount(): ExpressionSpecification {
  const thousands: ExpressionSpecification = [
    'number-format', ['/', ['get', 'n'], 1000], { 'max-fraction-digits': 1 },
  ];
  return ['case', ['>=', ['get', 'n'], 10_000], ['concat', thousands, 'k'], ['to-string', ['get', 'n']]];
}
