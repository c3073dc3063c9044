import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from 'react';
import { en } from './en';
import { type Dictionary, ja, type TextKey } from './ja';

export type Language = 'ja' | 'en';
export type Title = Readonly<Partial<Record<Language, string>>> | string | null | undefined;
export type Values = Readonly<Record<string, string | number>>;

const dictionaries: Readonly<Record<Language, Dictionary>> = { ja, en };
const storageKey = 'hiroba.language';

/** Picks the first language of the browser that the console speaks; English when it speaks none. */
export function chooseLanguage(wanted: readonly string[], kept: string | null): Language {
  if (kept === 'ja' || kept === 'en') return kept;
  for (const tag of wanted) {
    const primary = tag.toLowerCase().split('-')[0];
    if (primary === 'ja' || primary === 'en') return primary;
  }
  return 'en';
}

/** Fills a text: `{name}` by its value, and `one|other` by the number `n`. */
export function fill(language: Language, key: TextKey, values: Values = {}): string {
  const [one, other] = dictionaries[language][key].split('|');
  const chosen = other !== undefined && values['n'] !== 1 ? other : (one ?? '');
  return chosen.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === 'number' ? value.toLocaleString(language) : value;
  });
}

/** Picks a title in a language, else in the other one, else the fallback. */
export function titleIn(language: Language, title: Title, fallback: string): string {
  if (typeof title === 'string') return title || fallback;
  return title?.[language] || title?.ja || title?.en || fallback;
}

interface Words {
  language: Language;
  setLanguage: (language: Language) => void;
  t: (key: TextKey, values?: Values) => string;
  title: (title: Title, fallback: string) => string;
}

const WordsContext = createContext<Words | null>(null);

/** Gives everything below it a language; keeps the user's choice and the document's `lang` in step. */
export function LanguageProvider({ children }: { children: ReactNode }) {
  const [language, setLanguage] = useState<Language>(() =>
    chooseLanguage(navigator.languages, localStorage.getItem(storageKey)),
  );
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  const words = useMemo<Words>(
    () => ({
      language,
      setLanguage: (chosen) => {
        localStorage.setItem(storageKey, chosen);
        setLanguage(chosen);
      },
      t: (key, values) => fill(language, key, values),
      title: (title, fallback) => titleIn(language, title, fallback),
    }),
    [language],
  );
  return <WordsContext.Provider value={words}>{children}</WordsContext.Provider>;
}

/** Returns the texts in the chosen language. */
export function useWords(): Words {
  const words = useContext(WordsContext);
  if (!words) throw new Error('useWords needs a LanguageProvider above it');
  return words;
}
