import { type Entity, instanceOf } from '../api/ngsi';
import type { Language } from '../i18n/language';
import { contentOf, written } from './values';

/** Lists where an entity's name may stand, as the map's own search reads it. */
export const nameAttributes = ['name', 'title', 'stationName', 'officialName'] as const;

const preferred: Readonly<Record<Language, readonly string[]>> = {
  ja: nameAttributes,
  en: ['nameEnglish', 'nameEn', ...nameAttributes],
};

/** Returns the name of an entity in a language, or in the one that it has; empty without a name. */
export function nameOf(entity: Entity, language: Language): string {
  for (const attribute of preferred[language]) {
    const instance = instanceOf(entity, attribute);
    if (!instance) continue;
    const text = written(contentOf(instance, language), language);
    if (text) return text;
  }
  return '';
}
