import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';
import { mock } from './dev/mock';

// The engine serves `dist` under a policy of `default-src 'self'`, so nothing may be inlined as
// `data:` scripts. Vite 6 rather than a later one because it still declares the Node 18 of Debian 12.
export default defineConfig(({ mode }) => ({
  plugins: [svelte(), ...(mode === 'mock' ? [mock()] : [])],
  build: {
    target: 'es2022',
    cssTarget: ['chrome123', 'firefox121', 'safari17.5'],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    port: 5173,
    ...(mode === 'mock' ? {} : { proxy: { '/api': { target: process.env.SIDETONE_URL ?? 'http://localhost:8080', ws: true } } }),
  },
  test: { include: ['src/**/*.test.ts'], environment: 'node' },
}));
