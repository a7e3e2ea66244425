import { copyFileSync, cpSync, readFileSync, writeFileSync } from 'node:fs';
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
    testTimeout: 30000,
  },
});
