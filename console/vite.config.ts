import react from '@vitejs/plugin-react';
import { defineConfig } from 'vitest/config';
import { unitSymbols } from './scripts/units.ts';

const server = process.env['HIROBA_URL'] ?? 'http://127.0.0.1:1026';
const paths = ['/api', '/apps', '/agents', '/ngsi-ld', '/stream', '/health'];

export default defineConfig({
  plugins: [react(), unitSymbols()],
  build: {
    outDir: '../src/hiroba/console/static',
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1200,
    modulePreload: { polyfill: false },
  },
  test: { environment: 'node', include: ['tests/**/*.test.ts'] },
  worker: { format: 'es' },
  server: { proxy: Object.fromEntries(paths.map((path) => [path, { target: server }])) },
});
