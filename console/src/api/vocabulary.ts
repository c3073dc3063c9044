import units from 'virtual:units';
import type { Title } from '../i18n/language';
import type { Server } from './server';

interface AttributeWords {
  title: Title;
  unit?: string;
  values?: Readonly<Record<string, Title>>;
  keys?: Readonly<Record<string, Title>>;
}

/** Says what the words in an attribute's value are called; null for one that is shown as it is. */
export interface Wording {
  value: (text: string) => Title;
  key: (name: string) => Title;
  /** Lists the words that the value may be, with what they are called. */
  choices: () => readonly (readonly [string, Title])[];
  /** Returns the words of a member of the value. */
  member: (name: string) => Wording;
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

  /** Returns what the words in the values of a type's attribute are called. */
  wording(type: string, attribute: string): Wording {
    const all = this.#allWords(type, attribute);
    return {
      value: (text) => all.find(({ values }) => values?.[text])?.values?.[text] ?? null,
      key: (name) => all.find(({ keys }) => keys?.[name])?.keys?.[name] ?? null,
      choices: () => Object.entries(all.find(({ values }) => values)?.values ?? {}),
      member: (name) => this.wording(type, `${attribute}.${name}`),
    };
  }

  /** Returns the symbol of a unit code (UN/CEFACT): the instance's own, else the attribute's; empty without one. */
  unit(type: string, attribute: string, code: string | undefined): string {
    const known = code ?? this.#words(type, attribute)?.unit;
    return known === undefined ? '' : (units[known] ?? known);
  }

  /** Finds the type's own word, else its field's, else the shared one. */
  #words(type: string, attribute: string): AttributeWords | undefined {
    return this.#allWords(type, attribute)[0];
  }

  /** Lists all that is known of an attribute, the narrowest first. */
  #allWords(type: string, attribute: string): AttributeWords[] {
    return [
      this.#types.get(type)?.attributes?.[attribute],
      this.#fieldOf.get(type)?.attributes[attribute],
      this.#shared.get(attribute),
    ].filter((words): words is AttributeWords => words !== undefined);
  }
}

export async function readVocabulary(server: Server, signal?: AbortSignal): Promise<Vocabulary> {
  return new Vocabulary(await server.ask<FieldWords[]>('/api/vocabulary', { signal }));
}
