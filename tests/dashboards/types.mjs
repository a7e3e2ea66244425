// Grafana's own types accept every dashboard: types.mjs FOLDER, which has
// node_modules. Each dashboard, and each panel's options and custom fields,
// becomes a checked literal, so that a misspelt or missing key is an error.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const folder = path.resolve(process.argv[2]);
const root = path.resolve(import.meta.dirname, '../../dashboards');
const KINDS = { // type: folder and file of its types, whether it has custom fields
  stat: ['stat/panelcfg/x/StatPanelCfg', false],
  table: ['table/panelcfg/x/TablePanelCfg', true],
  timeseries: ['timeseries/panelcfg/x/TimeSeriesPanelCfg', true],
  'state-timeline': ['statetimeline/panelcfg/x/StateTimelinePanelCfg', true],
  bargauge: ['bargauge/panelcfg/x/BarGaugePanelCfg', false],
  heatmap: ['heatmap/panelcfg/x/HeatmapPanelCfg', true],
};
const lines = [
  "import type { AnnotationQuery, Dashboard, VariableModel } from '@grafana/schema';",
  // JSON has the values of enums, not their names.
  'type Plain<T> = T extends string ? `${T}` : T extends (infer U)[] ? Plain<U>[]',
  '  : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;',
  // What data sources and kinds of variables add to the general model.
  "type Ours = Omit<Dashboard, 'annotations' | 'templating'> & {",
  "  annotations: { list: (Omit<AnnotationQuery, 'target'> & { target: { refId: string,",
  "    datasource: object, editorMode: string, target: string, payload: object } })[] },",
  '  templating: { list: (VariableModel & { definition?: string, filters?: object[],',
  '    baseFilters?: object[] })[] } };',
];
const alias = (kind) => kind.replace('-', '_');
for (const [kind, [file]] of Object.entries(KINDS)) {
  lines.push(`import type * as ${alias(kind)} from './node_modules/@grafana/schema/dist/types/raw/composable/${file.replace(/\w+PanelCfg$/, '')}types.gen';`);
}

const text = (what) => JSON.stringify(what);
let count = 0;
for (const set of ['grafana', 'simpod', 'prometheus']) {
  // prometheus/ has its rules beside its dashboards.
  for (const name of fs.readdirSync(path.join(root, set)).filter((n) => n.endsWith('.json'))) {
    const json = JSON.parse(fs.readFileSync(path.join(root, set, name)));
    lines.push(`// ${set}/${name}`, `(${text(json)}) satisfies Plain<Ours>;`);
    for (const panel of json.panels.flatMap((p) => [p, ...(p.panels ?? [])])) {
      if (panel.type === 'row') continue;
      const [, custom] = KINDS[panel.type];
      lines.push(`// ${set}/${name}: ${panel.title}`,
        `(${text(panel.options)}) satisfies Plain<${alias(panel.type)}.Options>;`);
      if (custom) lines.push(`(${text(panel.fieldConfig.defaults.custom)}) satisfies Plain<${alias(panel.type)}.FieldConfig>;`);
      count++;
    }
  }
}

fs.writeFileSync(path.join(folder, 'dashboards.ts'), lines.join('\n'));
try {
  execFileSync(path.join(folder, 'node_modules/.bin/tsc'), ['--noEmit', '--strict', '--skipLibCheck',
    '--module', 'esnext', '--moduleResolution', 'bundler', 'dashboards.ts'], { cwd: folder });
} catch (error) {
  for (const [line, at] of error.stdout.toString().matchAll(/^dashboards\.ts\((\d+),.*$/gm)) {
    const where = lines.slice(0, at - 1).reverse().find((l) => l.startsWith('//'));
    console.error(`${where}\n  ${line}`);
  }
  process.stderr.write(error.stdout);
  process.exit(1);
}
console.log(`${count} panels have Grafana's types`);
