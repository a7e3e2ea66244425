import { defineConfig } from 'vite';

export default defineConfig({
  root: 'harness',
  base: './',
  define: { 'process.env': {}, global: 'globalThis' },
  esbuild: { jsx: 'transform' },
  build: { outDir: '../harness-dist', emptyOutDir: true, target: 'es2022', sourcemap: false, chunkSizeWarningLimit: 9000 },
});
