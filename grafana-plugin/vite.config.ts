import { copyFileSync, cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';

import { defineConfig } from 'vitest/config';

const out = 'dist';
const version = process.env.VERSION ?? '0.0.0';
const updated = new Date(Number(process.env.SOURCE_DATE_EPOCH ?? 0) * 1000).toISOString().slice(0, 10);

/** Grafana fills nothing in: the version and the day are ours to write. */
function rest() {
  return {
    name: 'plugin.json and what lies beside it',
    closeBundle() {
      const json = readFileSync('src/plugin.json', 'utf8');

      writeFileSync(`${out}/plugin.json`, json.replace('%VERSION%', version).replace('%TODAY%', updated));
      cpSync('src/img', `${out}/img`, { recursive: true });
      ['README.md', 'CHANGELOG.md'].forEach((name) => copyFileSync(name, `${out}/${name}`));
    },
  };
}

/** The modules of 10.4 that are not CommonJS; its require of systemjs fails in Node. */
function ofGrafana10() {
  const packages = ['data', 'runtime', 'ui'].map((name) => `@grafana/${name}`);
  const modules = packages.map((name) => ({
    find: RegExp(`^${name}$`),
    replacement: resolve(`node_modules/${name}/dist/esm/index.js`),
  }));
  const systemjs = { find: /^(systemjs\/dist\/[^.]*)$/, replacement: '$1.js' };

  return [...modules.filter(({ replacement }) => existsSync(replacement)), systemjs];
}

export default defineConfig({
  plugins: [rest()],
  esbuild: { jsx: 'transform' },
  build: {
    outDir: out,
    sourcemap: true,
    target: 'es2021',
    rollupOptions: {
      input: 'src/module.ts',
      preserveEntrySignatures: 'strict',
      external: ['react', 'react-dom', 'rxjs', /^@grafana\/(data|runtime|ui)$/],
      output: { format: 'amd', exports: 'named', entryFileNames: 'module.js' },
    },
  },
  test: {
    environment: 'jsdom',
    include: ['tests/*.test.{ts,tsx}'],
    setupFiles: 'tests/setup.ts',
    server: { deps: { inline: [/@grafana/] } },
    alias: ofGrafana10(),
    // Grafana's modules take long to load on a busy machine.
    testTimeout: 300000,
    hookTimeout: 300000,
  },
});
