// Finishes the build: packs every text file once, so that the server only has to hand out bytes, and writes down the
// licences of what was built in.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

const built = fileURLToPath(new URL('../../src/hiroba/console/static/', import.meta.url));
const modules = fileURLToPath(new URL('../node_modules/', import.meta.url));
const packed = new Set(['.js', '.mjs', '.css', '.html', '.svg', '.json', '.txt']);
const smallest = 1024;

async function licences() {
  const lock = JSON.parse(await readFile(new URL('../package-lock.json', import.meta.url), 'utf8'));
  const parts = [];
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (path === '' || entry.dev || entry.devOptional) continue;
    const folder = join(modules, path.slice('node_modules/'.length));
    const entries = await readdir(folder, { withFileTypes: true });
    const files = entries.filter((one) => one.isFile() && /^(licen[cs]e|notice|copying)/i.test(one.name)).map((one) => one.name);
    const texts = await Promise.all(files.sort().map((name) => readFile(join(folder, name), 'utf8')));
    const name = path.split('node_modules/').at(-1);
    parts.push(`${name} ${entry.version} (${entry.license ?? 'see below'})\n\n${texts.join('\n').trim()}\n`);
  }
  return parts.join(`\n${'-'.repeat(80)}\n\n`);
}

await writeFile(join(built, 'licences.txt'), await licences());
for (const entry of await readdir(built, { recursive: true, withFileTypes: true })) {
  if (!entry.isFile() || !packed.has(extname(entry.name))) continue;
  const path = join(entry.parentPath, entry.name);
  const plain = await readFile(path);
  if (plain.length < smallest) continue;
  const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } };
  await writeFile(`${path}.br`, await promisify(brotliCompress)(plain, quality));
  await writeFile(`${path}.gz`, await promisify(gzip)(plain, { level: 9 }));
}
