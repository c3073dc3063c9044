import subsets from '@fontsource-variable/noto-sans-jp/unicode.json';

/** Is the name under which the map's texts ask for the console's font. */
export const mapFont = 'Noto Sans JP';

const files = import.meta.glob<string>('/node_modules/@fontsource-variable/noto-sans-jp/files/*-wght-normal.woff2', {
  query: '?url',
  import: 'default',
  eager: true,
});

interface Face {
  url: string;
  'unicode-range': string[];
}

/** Lists the font files that the map draws names with; each is fetched when a character in it is first drawn. */
export function fontFaces(): Record<string, Face[]> {
  const faces: Face[] = [];
  for (const [subset, ranges] of Object.entries(subsets)) {
    const name = subset.replace(/[[\]]/g, '');
    const url = files[`/node_modules/@fontsource-variable/noto-sans-jp/files/noto-sans-jp-${name}-wght-normal.woff2`];
    if (url) faces.push({ url: new URL(url, location.href).href, 'unicode-range': ranges.split(',') });
  }
  return { [mapFont]: faces };
}
