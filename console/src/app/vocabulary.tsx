import { createContext, type ReactNode, useContext } from 'react';
import { readVocabulary, Vocabulary } from '../api/vocabulary';
import { useAnswer } from './answer';

const silent = new Vocabulary([]);
const VocabularyContext = createContext(silent);

/** Gives everything below it the names of types and attributes; without them the technical names are shown. */
export function VocabularyProvider({ children }: { children: ReactNode }) {
  const { data } = useAnswer('vocabulary', readVocabulary);
  return <VocabularyContext.Provider value={data ?? silent}>{children}</VocabularyContext.Provider>;
}

export function useVocabulary(): Vocabulary {
  return useContext(VocabularyContext);
}
