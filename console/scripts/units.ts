import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';

const source = fileURLToPath(new URL('../../src/hiroba/sdk/vocabulary/units.yaml', import.meta.url));
const line = /^(?:"([^"]+)"|([\w-]+)): (?:""|"([^"]+)"|([^"#]\S*(?: \S+)*))$/;

/** Reads the symbols of units from the vocabulary's own file, one `code: symbol` a line. */
export function readUnits(text: string): Record<string, string> {
  const units: Record<string, string> = {};
  for (const [index, row] of text.split('\n').entries()) {
    if (row.trim() === '' || row.startsWith('#')) continue;
    const [, quoted, plain, quotedSymbol, symbol] = line.exec(row.trimEnd()) ?? [];
    const code = quoted ?? plain;
    if (code === undefined) throw new Error(`units.yaml line ${index + 1} is not "code: symbol": ${row}`);
    units[code] = quotedSymbol ?? symbol ?? '';
  }
  return units;
}

/** Gives the console the same units as the server, as the module `virtual:units`. */
export function unitSymbols(): Plugin {
  return {
    name: 'hiroba-units',
    resolveId: (id) => (id === 'virtual:units' ? '\0virtual:units' : null),
    load(id) {
      if (id !== '\0virtual:units') return null;
      this.addWatchFile(source);
      return `export default ${JSON.stringify(readUnits(readFileSync(source, 'utf8')))};`;
    },
  };
}
