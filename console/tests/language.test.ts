import { describe, expect, it } from 'vitest';
import { age, moment } from '../src/i18n/format';
import { en } from '../src/i18n/en';
import { ja } from '../src/i18n/ja';
import { chooseLanguage, fill, titleIn } from '../src/i18n/language';

const names = (text: string) => new Set(text.match(/\{\w+\}/g) ?? []);

const sources = import.meta.glob<string>(['../src/**/*.{ts,tsx}', '!../src/i18n/{ja,en}.ts'], {
  query: '?raw',
  import: 'default',
  eager: true,
});

describe('the dictionaries', () => {
  it('have the same keys, and no text is empty', () => {
    expect(Object.keys(en).sort()).toEqual(Object.keys(ja).sort());
    for (const text of [...Object.values(ja), ...Object.values(en)]) expect(text.trim()).not.toBe('');
  });

  it('name the same values in both languages, in each form of a number', () => {
    for (const [key, japanese] of Object.entries(ja)) {
      const [one, other] = en[key as keyof typeof ja].split('|');
      for (const name of names(other ?? one ?? '')) expect(names(japanese), key).toContain(name);
      for (const name of names(japanese)) expect(names(other ?? one ?? ''), key).toContain(name);
      for (const name of names(one ?? '')) expect(names(japanese), key).toContain(name);
    }
  });

  it('have no text that nobody shows', () => {
    const source = Object.values(sources).join('\n');
    const built = [...source.matchAll(/`([a-z]+(?:\.[a-z]+)*\.)\$\{/g)].map(([, prefix]) => prefix ?? '');
    const unused = Object.keys(ja).filter((key) => !source.includes(`'${key}'`) && !built.some((prefix) => key.startsWith(prefix)));
    expect(unused).toEqual([]);
  });

  it('have no Japanese in English but the name of the other language', () => {
    for (const [key, text] of Object.entries(en)) {
      if (key.startsWith('app.language')) continue;
      expect(text, key).not.toMatch(/[\u3040-\u30ff\u4e00-\u9fff]/);
    }
  });
});

describe('chooseLanguage', () => {
  it('takes the first language of the browser that the console speaks', () => {
    expect(chooseLanguage(['fr-FR', 'ja-JP', 'en'], null)).toBe('ja');
    expect(chooseLanguage(['en-GB', 'ja'], null)).toBe('en');
    expect(chooseLanguage(['fr'], null)).toBe('en');
  });

  it('lets the choice that was kept win', () => {
    expect(chooseLanguage(['ja'], 'en')).toBe('en');
    expect(chooseLanguage(['ja'], 'xx')).toBe('ja');
  });
});

describe('fill', () => {
  it('chooses between one and other by n and writes numbers in the language', () => {
    expect(fill('en', 'search.found', { n: 1 })).toBe('1 place found');
    expect(fill('en', 'search.found', { n: 1200 })).toBe('1,200 places found');
    expect(fill('ja', 'search.found', { n: 1 })).toBe('1件見つかりました');
  });
});

describe('titleIn', () => {
  it('falls back to the other language, then to the name', () => {
    expect(titleIn('en', { ja: '避難場所' }, 'EvacuationSite')).toBe('避難場所');
    expect(titleIn('en', null, 'EvacuationSite')).toBe('EvacuationSite');
  });
});

describe('age', () => {
  const now = Date.parse('2026-04-01T12:00:00Z');

  it.each([
    ['2026-04-01T11:59:40Z', 'たった今'],
    ['2026-04-01T11:57:00Z', '3 分前'],
    ['2026-04-01T09:00:01Z', '2 時間前'],
    ['2026-03-30T11:00:00Z', '2 日前'],
    ['2026-04-01T12:30:00Z', '未来の時刻'],
  ])('says of %s: %s', (at, text) => expect(age('ja', at, now).replace(/(\d)\s?/, '$1 ')).toBe(text));

  it('speaks English too and says nothing of what is no time', () => {
    expect(age('en', '2026-04-01T11:57:00Z', now)).toBe('3 minutes ago');
    expect(age('en', 'soon', now)).toBe('');
    expect(moment('en', 'soon')).toBe('soon');
  });
});
