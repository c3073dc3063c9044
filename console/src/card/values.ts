import type { Instance } from '../api/ngsi';
import type { Wording } from '../api/vocabulary';
import { fill, type Language, titleIn } from '../i18n/language';
import { moment, number } from '../i18n/format';

const dateTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d/;
const addressOrder: Readonly<Record<Language, readonly string[]>> = {
  ja: ['postalCode', 'addressRegion', 'addressLocality', 'addressDistrict', 'streetAddress', 'streetNr'],
  en: ['streetNr', 'streetAddress', 'addressDistrict', 'addressLocality', 'addressRegion', 'postalCode', 'addressCountry'],
};

/** Returns what an instance says: the value, the object, the text in the language, the JSON. */
export function contentOf(instance: Instance, language: Language): unknown {
  if (instance.object !== undefined) return instance.object;
  if (instance.languageMap) return inLanguage(instance.languageMap, language);
  if (instance.json !== undefined) return instance.json;
  if (instance.vocab !== undefined) return instance.vocab;
  return instance.value;
}

/** Writes any value of an attribute as text for people, its words as the vocabulary calls them. */
export function written(value: unknown, language: Language, wording?: Wording): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'object') {
    if (Array.isArray(value)) return value.map((one) => written(one, language, wording)).join(separator[language]);
    return structured(value as Record<string, unknown>, language, wording);
  }
  const word = wording?.value(String(value));
  if (word) return titleIn(language, word, String(value));
  if (typeof value === 'number') return number(language, value);
  if (typeof value === 'boolean') return fill(language, value ? 'app.yes' : 'app.no');
  const text = String(value);
  return dateTime.test(text) ? moment(language, text) : text;
}

const separator: Readonly<Record<Language, string>> = { ja: '、', en: ', ' };

function structured(value: Record<string, unknown>, language: Language, wording: Wording | undefined): string {
  if (typeof value['@value'] === 'string') return written(value['@value'], language, wording);
  if ('coordinates' in value && value['type'] === 'Point') return position(value['coordinates']);
  const parts = addressOrder[language].filter((name) => typeof value[name] === 'string' && value[name] !== '');
  if (parts.length > 0) {
    return parts.map((name) => String(value[name])).join(language === 'ja' ? '' : ', ');
  }
  if ('type' in value && 'coordinates' in value) return fill(language, 'card.shape');
  return Object.entries(value)
    .map(([name, one]) => {
      const title = titleIn(language, wording?.key(name), name);
      return `${title}${language === 'ja' ? '：' : ': '}${written(one, language, wording?.member(name))}`;
    })
    .join(separator[language]);
}

/** Writes a position as latitude, longitude with five digits (about one metre). */
export function position(coordinates: unknown): string {
  if (!Array.isArray(coordinates)) return '';
  const [lon, lat] = coordinates as [number, number];
  return `${lat.toFixed(5)}, ${lon.toFixed(5)}`;
}

function inLanguage(map: Readonly<Record<string, string | string[]>>, language: Language): string | string[] {
  return map[language] ?? map['@none'] ?? map['ja'] ?? map['en'] ?? Object.values(map)[0] ?? '';
}

/** Tells whether a value can be corrected in a one-line form. */
export function editable(instance: Instance): boolean {
  return instance.type === 'Property' && ['string', 'number', 'boolean'].includes(typeof instance.value);
}

const oneHour = 3_600_000;

/** Tells whether a measured value is so old that nobody should act on it; what a person wrote does not age. */
export function stale(instance: Instance, now: number): boolean {
  return (
    instance.observedAt !== undefined && instance.editedBy === undefined && now - Date.parse(instance.observedAt) > oneHour
  );
}

export type Entry = { value: string | number | boolean } | { mistake: 'edit.needed' | 'edit.number' | 'edit.same' };

/** Reads what the user typed as a value of the same kind as the one before, or says what is wrong with it. */
export function entered(text: string, before: unknown): Entry {
  const typed = text.trim();
  if (typed === '') return { mistake: 'edit.needed' };
  let value: string | number | boolean = typed;
  if (typeof before === 'boolean') value = typed === 'true';
  if (typeof before === 'number') {
    value = Number(typed.normalize('NFKC').replaceAll(',', ''));
    if (!Number.isFinite(value)) return { mistake: 'edit.number' };
  }
  return value === before ? { mistake: 'edit.same' } : { value };
}

/** Writes a corrected instance: the new value, who and when; what else the instance carried is kept. */
export function corrected(instance: Instance, value: string | number | boolean, author: string, at: Date): Instance {
  const { createdAt: _created, modifiedAt: _modified, instanceId: _instance, ...kept } = instance;
  const subs = Object.fromEntries(Object.entries(kept).map(([name, sub]) => [name, withoutTimes(sub)]));
  return {
    ...subs,
    type: 'Property',
    value,
    observedAt: at.toISOString(),
    editedBy: { type: 'Property', value: author },
  };
}

function withoutTimes(sub: unknown): unknown {
  if (typeof sub !== 'object' || sub === null || Array.isArray(sub)) return sub;
  const { createdAt: _created, modifiedAt: _modified, ...kept } = sub as Record<string, unknown>;
  return kept;
}
