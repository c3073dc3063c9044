// Packs every text file of the build once, so that the server only has to hand out bytes.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

const root = new URL('../../src/hiroba/console/static/', import.meta.url).pathname;
const packed = new Set(['.js', '.mjs', '.css', '.html', '.svg', '.json', '.map']);
const smallest = 1024;

for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !packed.has(extname(entry.name))) continue;
  const path = join(entry.parentPath, entry.name);
  const plain = await readFile(path);
  if (plain.length < smallest) continue;
  const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } };
  await writeFile(`${path}.br`, await promisify(brotliCompress)(plain, quality));
  await writeFile(`${path}.gz`, await promisify(gzip)(plain, { level: 9 }));
}
