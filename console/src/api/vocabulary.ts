import units from 'virtual:units';
import type { Title } from '../i18n/language';
import type { Server } from './server';

interface AttributeWords {
  title: Title;
  unit?: string;
}

interface TypeWords {
  title: Title;
  color?: string;
  icon?: string;
  attributes?: Readonly<Record<string, AttributeWords>>;
}

export interface FieldWords {
  field: string;
  title: Title;
  types: Readonly<Record<string, TypeWords>>;
  attributes: Readonly<Record<string, AttributeWords>>;
}

/** Knows the titles of types and attributes and the symbols of units. */
export class Vocabulary {
  readonly #types = new Map<string, TypeWords>();
  readonly #fieldOf = new Map<string, FieldWords>();
  readonly #shared = new Map<string, AttributeWords>();

  /** Takes the words of the fields in their order; a word of the field `other` goes before that of a single field. */
  constructor(fields: readonly FieldWords[]) {
    for (const field of fields) {
      for (const [name, words] of Object.entries(field.types)) {
        this.#types.set(name, words);
        this.#fieldOf.set(name, field);
      }
      for (const [name, words] of Object.entries(field.attributes)) this.#shared.set(name, words);
    }
  }

  /** Returns how a type is called, or null when the vocabulary does not know it. */
  typeTitle(type: string): Title {
    return this.#types.get(type)?.title ?? null;
  }

  typeColor(type: string): string | null {
    return this.#types.get(type)?.color ?? null;
  }

  /** Returns how an attribute of a type is called (`address.postalCode` for a member of one), or null. */
  attributeTitle(type: string, attribute: string): Title {
    return this.#words(type, attribute)?.title ?? null;
  }

  /** Returns the symbol of a unit code (UN/CEFACT): the instance's own, else the attribute's; empty without one. */
  unit(type: string, attribute: string, code: string | undefined): string {
    const known = code ?? this.#words(type, attribute)?.unit;
    return known === undefined ? '' : (units[known] ?? known);
  }

  /** Finds the type's own word, else its field's, else the shared one. */
  #words(type: string, attribute: string): AttributeWords | undefined {
    return (
      this.#types.get(type)?.attributes?.[attribute] ??
      this.#fieldOf.get(type)?.attributes[attribute] ??
      this.#shared.get(attribute)
    );
  }
}

export async function readVocabulary(server: Server, signal?: AbortSignal): Promise<Vocabulary> {
  return new Vocabulary(await server.ask<FieldWords[]>('/api/vocabulary', { signal }));
}
