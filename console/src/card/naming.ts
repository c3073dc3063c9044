import { type Entity, instanceOf } from '../api/ngsi';
import type { Language } from '../i18n/language';
import { contentOf, written } from './values';

/** Lists where an entity's name may stand, as the map's own search reads it. */
export const nameAttributes = ['name', 'title', 'stationName', 'officialName'] as const;

/** Returns the name of an entity in a language, or nothing. */
export function nameOf(entity: Entity, language: Language): string {
  for (const attribute of nameAttributes) {
    const instance = instanceOf(entity, attribute);
    if (!instance) continue;
    const text = written(contentOf(instance, language), language);
    if (text) return text;
  }
  return '';
}
