/** Nothing is imported that this Grafana does not export: a type check sees types, this the values. */
import { readdirSync, readFileSync } from 'node:fs';

import { expect, test } from 'vitest';

import plugin from '../src/plugin.json';

const modules: Record<string, () => Promise<object>> = {
  '@grafana/data': () => import('@grafana/data'),
  '@grafana/runtime': () => import('@grafana/runtime'),
  '@grafana/ui': () => import('@grafana/ui'),
};

function importsOf(text: string): Array<[string, string]> {
  return [...text.matchAll(/^import (?!type)(?:\w+, )?\{([^}]*)\} from '(@grafana\/\w+)'/gm)].flatMap(([, names, from]) =>
    names.split(',').map((name) => name.trim()).filter((name) => name && !name.startsWith('type '))
      .map((name): [string, string] => [from, name])
  );
}

const sources = readdirSync('src').filter((name) => /\.tsx?$/.test(name)).map((name) => readFileSync(`src/${name}`, 'utf8'));
const imports = sources.flatMap(importsOf);

test('each imported name is there', async () => {
  expect(imports.length).toBeGreaterThan(20);
  for (const [from, name] of imports) {
    expect(await modules[from](), `${from} ${name}`).toHaveProperty(name);
  }
});

test('the shell stays thin: what can be done in C is done there', () => {
  expect(sources.join('').split('\n').length - 1).toBeLessThanOrEqual(700);
});

test('the plugin is what the executable and its tests call it', () => {
  expect(plugin).toMatchObject({
    id: 'heapwatch-heapwatch-datasource', type: 'datasource', executable: 'gpx_heapwatch', backend: true, alerting: true,
    streaming: true, annotations: true, metrics: true, dependencies: { grafanaDependency: '>=10.4.0' },
  });
});
