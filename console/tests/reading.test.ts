import { describe, expect, it } from 'vitest';
import { Problem, problemFrom } from '../src/api/problem';
import { address } from '../src/api/server';
import { periodsOf, samplesOf } from '../src/api/ngsi';
import { Vocabulary } from '../src/api/vocabulary';
import { boxOf, graticule } from '../src/map/geometry';
import { readUnits } from '../scripts/units';

describe('problems', () => {
  it('read problem details and keep the server’s sentence only where the user can act on it', async () => {
    const body = JSON.stringify({ type: 'x', title: 'Bad', detail: 'latitude: 95 is out of range' });
    const bad = await problemFrom(new Response(body, { status: 400 }));
    expect([bad.kind, bad.titleKey, bad.explanation]).toEqual(['bad', 'error.bad', 'latitude: 95 is out of range']);
    expect(new Problem(500, '', 'Traceback').explanation).toBe('');
  });

  it('live with an answer that is no problem details', async () => {
    const busy = await problemFrom(new Response('<html>busy</html>', { status: 503 }));
    expect([busy.kind, busy.explanation]).toEqual(['busy', '']);
  });
});

describe('address', () => {
  it('leaves out what is empty and escapes the rest', () => {
    expect(address('/a', { tenant: '', q: 'name==あ', n: 0 })).toBe('/a?q=name%3D%3D%E3%81%82&n=0');
    expect(address('/a', { tenant: undefined })).toBe('/a');
  });
});

describe('history', () => {
  it('puts values in the order of time and leaves out what is no number', () => {
    const samples = samplesOf([[2, '2026-04-01T02:00:00Z'], ['閉鎖', '2026-04-01T01:30:00Z'], [1, '2026-04-01T01:00:00Z']]);
    expect(samples.map(({ value }) => value)).toEqual([1, 2]);
    expect(samples[0]).toMatchObject({ at: Date.parse('2026-04-01T01:00:00Z'), low: 1, high: 1, count: 1 });
  });

  it('joins the aggregates of a period and places it in the middle', () => {
    const period = ['2026-04-01T00:00:00Z', '2026-04-01T02:00:00Z'] as const;
    const [sample] = periodsOf({ avg: [[2.5, ...period]], min: [[1, ...period]], max: [[4, ...period]], totalCount: [[7, ...period]] });
    expect(sample).toEqual({ at: Date.parse('2026-04-01T01:00:00Z'), value: 2.5, low: 1, high: 4, count: 7 });
    expect(periodsOf({})).toEqual([]);
  });
});

describe('Vocabulary', () => {
  const vocabulary = new Vocabulary([
    {
      field: 'disaster', title: 'd', attributes: { level: { title: 'of the field', unit: 'MTR' } },
      types: { Gauge: { title: 'Gauge', attributes: { own: { title: 'of the type' } } } },
    },
    { field: 'other', title: 'o', types: {}, attributes: { level: { title: 'shared' }, name: { title: 'Name' } } },
  ]);

  it('prefers the type’s own word, then its field’s, then the shared one', () => {
    expect(vocabulary.attributeTitle('Gauge', 'own')).toBe('of the type');
    expect(vocabulary.attributeTitle('Gauge', 'level')).toBe('of the field');
    expect(vocabulary.attributeTitle('Other', 'level')).toBe('shared');
    expect(vocabulary.attributeTitle('Gauge', 'name')).toBe('Name');
    expect(vocabulary.attributeTitle('Gauge', 'unknown')).toBeNull();
  });

  it('prefers the unit of the value to that of the vocabulary', () => {
    expect(vocabulary.unit('Gauge', 'level', undefined)).toBe('m');
    expect(vocabulary.unit('Gauge', 'level', 'CMT')).toBe('cm');
    expect(vocabulary.unit('Gauge', 'name', undefined)).toBe('');
  });
});

describe('readUnits', () => {
  it('reads plain and quoted codes and symbols', () => {
    expect(readUnits('# a\n"2N": dB\nC62: ""\nD54: W/m²\n')).toEqual({ '2N': 'dB', C62: '', D54: 'W/m²' });
  });

  it('names the line that it cannot read', () => {
    expect(() => readUnits('CEL: °C\n  nested: {a: b}\n')).toThrow(/line 2/);
  });
});

describe('geometry', () => {
  it('boxes every kind of geometry', () => {
    const line = { type: 'LineString', coordinates: [[134, 34.5], [133.5, 34]] } as const;
    const point = { type: 'Point', coordinates: [135, 33] } as const;
    expect(boxOf({ type: 'GeometryCollection', geometries: [line as never, point as never] })).toEqual([133.5, 33, 135, 34.5]);
  });

  it('draws a grid that crosses the whole box with few lines', () => {
    const lines = graticule(133.6, 34, 133.7, 34.1).features;
    expect(lines.length).toBeGreaterThan(5);
    expect(lines.length).toBeLessThan(40);
  });
});
