import { describe, expect, it } from 'vitest';
import type { Instance } from '../src/api/ngsi';
import { Vocabulary } from '../src/api/vocabulary';
import { contentOf, corrected, editable, entered, stale, written } from '../src/card/values';

describe('entered', () => {
  it('reads a number in half or full width, with thousands', () => {
    expect(entered('12.5', 3)).toEqual({ value: 12.5 });
    expect(entered('１２．５', 3)).toEqual({ value: 12.5 });
    expect(entered('1,200', 3)).toEqual({ value: 1200 });
  });

  it('refuses what is empty, no number, or the same', () => {
    expect(entered('  ', 'a')).toEqual({ mistake: 'edit.needed' });
    expect(entered('高い', 3)).toEqual({ mistake: 'edit.number' });
    expect(entered('Infinity', 3)).toEqual({ mistake: 'edit.number' });
    expect(entered('3', 3)).toEqual({ mistake: 'edit.same' });
    expect(entered('a', 'a')).toEqual({ mistake: 'edit.same' });
  });

  it('keeps the kind of the value', () => {
    expect(entered('12', 'text')).toEqual({ value: '12' });
    expect(entered('false', true)).toEqual({ value: false });
  });
});

describe('corrected', () => {
  const before: Instance = {
    type: 'Property', value: 1.2, unitCode: 'MTR', observedAt: '2026-04-01T00:00:00Z', modifiedAt: '2026-04-01T00:00:01Z',
    createdAt: '2026-03-01T00:00:00Z', accuracy: { type: 'Property', value: 0.1, modifiedAt: '2026-04-01T00:00:01Z' },
  };

  it('says who and when, keeps the unit and sub-attributes, and gives back no times of the server', () => {
    expect(corrected(before, 1.5, '山田', new Date('2026-04-02T03:04:05.678Z'))).toEqual({
      type: 'Property', value: 1.5, unitCode: 'MTR', observedAt: '2026-04-02T03:04:05.678Z',
      accuracy: { type: 'Property', value: 0.1 }, editedBy: { type: 'Property', value: '山田' },
    });
  });
});

describe('written', () => {
  it('writes an address in the order of the language', () => {
    const address = { addressLocality: '高松市', addressRegion: '香川県', streetAddress: '番町一丁目8番15号' };
    expect(written(address, 'ja')).toBe('香川県高松市番町一丁目8番15号');
    expect(written({ addressLocality: 'Takamatsu', streetAddress: '1-8-15 Bancho' }, 'en')).toBe('1-8-15 Bancho, Takamatsu');
  });

  it('writes words, their lists and the members of objects as the vocabulary calls them', () => {
    const ja = (text: string) => ({ ja: text, en: 'x' });
    const vocabulary = new Vocabulary([{
      field: 'disaster', title: 'x', types: { RiverGauge: { title: 'x', attributes: { status: { title: 'x', values: { ended: ja('終わり') } } } } },
      attributes: {
        status: { title: 'x', values: { danger: ja('氾濫危険'), ended: ja('終了') } },
        hours: { title: 'x', keys: { days: ja('曜日') } }, 'hours.days': { title: 'x', values: { Monday: ja('月曜日') } },
        routeType: { title: 'x', values: { '3': ja('バス') } },
      },
    }]);
    const write = (value: unknown, attribute: string) => written(value, 'ja', vocabulary.wording('RiverGauge', attribute));
    expect(write('danger', 'status')).toBe('氾濫危険');
    expect(write('ended', 'status')).toBe('終わり');
    expect(write(['danger', 'unknown'], 'status')).toBe('氾濫危険、unknown');
    expect(write({ days: ['Monday'], open: '9:00' }, 'hours')).toBe('曜日：月曜日、open：9:00');
    expect(write(3, 'routeType')).toBe('バス');
    expect(vocabulary.wording('RiverGauge', 'status').choices().map(([word]) => word)).toEqual(['ended']);
  });

  it('writes booleans, lists and numbers for people', () => {
    expect(written(true, 'ja')).toBe('はい');
    expect(written(['洪水', '津波'], 'ja')).toBe('洪水、津波');
    expect(written(12345.6789, 'en')).toBe('12,345.679');
    expect(written(null, 'en')).toBe('');
  });
});

describe('contentOf', () => {
  it('picks the text in the language', () => {
    const name: Instance = { type: 'LanguageProperty', languageMap: { ja: '玉藻公園', en: 'Tamamo Park' } };
    expect(contentOf(name, 'en')).toBe('Tamamo Park');
    expect(contentOf({ type: 'LanguageProperty', languageMap: { ja: '玉藻公園' } }, 'en')).toBe('玉藻公園');
  });
});

describe('stale and editable', () => {
  const now = Date.parse('2026-04-01T12:00:00Z');

  it('marks a measured value older than an hour, but not what a person wrote', () => {
    const old: Instance = { type: 'Property', value: 1, observedAt: '2026-04-01T10:59:00Z' };
    expect(stale(old, now)).toBe(true);
    expect(stale({ ...old, observedAt: '2026-04-01T11:30:00Z' }, now)).toBe(false);
    expect(stale({ ...old, editedBy: { type: 'Property', value: '山田' } }, now)).toBe(false);
    expect(stale({ type: 'Property', value: 1 }, now)).toBe(false);
  });

  it('lets plain values of properties be corrected and nothing else', () => {
    expect(editable({ type: 'Property', value: 'a' })).toBe(true);
    expect(editable({ type: 'Property', value: { a: 1 } })).toBe(false);
    expect(editable({ type: 'Relationship', object: 'urn:x:1' })).toBe(false);
  });
});
