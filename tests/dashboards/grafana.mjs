// What Grafana does between a dashboard's JSON and its panels, by Grafana's own
// @grafana/data: frames, transformations, overrides, units, mappings, reducers.
// Here is only what its core does around that: variables, repeats, requests.
import { createRequire } from 'node:module';

globalThis.navigator ??= { language: 'en', languages: ['en'] };
const modules = process.env.HEAPWATCH_MODULES;
export const data = createRequire(`${modules}/`)('@grafana/data');
globalThis.window = {}; // asked for a moment of Grafana's own scenes; after loading
export const theme = data.createTheme({ colors: { mode: 'dark' } });

const plain = (id, more = {}) => ({
  id, path: id, name: id, editor: () => null, override: () => null,
  process: (value) => value, shouldApply: () => true, settings: {}, ...more,
});
const standard = ['unit', 'min', 'max', 'decimals', 'displayName', 'noValue', 'thresholds',
  'mappings', 'color', 'links'].map((id) => plain(id));
const custom = ['width', 'align', 'cellOptions', 'fillOpacity', 'lineWidth', 'lineStyle']
  .map((id) => plain(`custom.${id}`, { path: id, isCustom: true }));
const registry = new data.Registry(() => [...standard, ...custom]);
data.standardFieldConfigEditorRegistry.setInit(() => standard);
// What these need beside their data comes with Grafana's core.
const { standardTransformers: t } = data;
data.standardTransformersRegistry.setInit(() => [t.filterFieldsByNameTransformer,
  t.organizeFieldsTransformer, t.renameByRegexTransformer, t.filterFieldsTransformer,
  t.orderFieldsTransformer, t.renameFieldsTransformer, t.sortByTransformer]
  .map((transformation) => ({ id: transformation.id, name: transformation.name, transformation: async () => transformation })));

const escape = (text) => text.replace(/[\\^$*+?.()|[\]{}/]/g, '\\$&');

export class Dashboard {
  constructor(json, url, range, chosen = {}) {
    Object.assign(this, { json, url, range, chosen });
    this.values = {};
  }

  async post(path, body) {
    const response = await fetch(this.url + path, {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(`${path} ${JSON.stringify(body)}: ${JSON.stringify(answer)}`);
    return answer;
  }

  // Query variables: what is chosen, else All, else the first.
  async resolve() {
    for (const v of this.json.templating.list.filter((one) => one.type === 'query')) {
      const payload = { target: v.query.target, ...this.fill(v.query.payload) };
      const options = (await this.post('/variable', { payload })).map((o) => o.__value);
      const wanted = this.chosen[v.name];
      const current = wanted ?? (v.includeAll ? options : options.slice(0, 1));
      this.values[v.name] = {
        options, current, shown: wanted ?? (v.includeAll ? ['All'] : current), label: v.label,
        text: wanted || !v.includeAll
          ? (current.length === 1 ? escape(current[0]) : `(${current.map(escape).join('|')})`)
          : v.allValue,
      };
    }
  }

  text(text, scoped = {}, plainly = false) {
    return text.replace(/\$(\w+)/g, (whole, name) => {
      const v = this.values[name];
      if (!v) return whole;
      if (scoped[name] !== undefined) return plainly ? scoped[name] : escape(scoped[name]);
      return plainly ? v.shown.join(' + ') : v.text;
    });
  }

  fill(payload, scoped) {
    return Object.fromEntries(Object.entries(payload).map(([key, value]) => [key,
      Array.isArray(value) ? value.map((one) => this.text(`${one}`, scoped))
        : typeof value === 'string' ? this.text(value, scoped) : value]));
  }

  // Panels with rows repeated, and what collapsed rows hold when unfolded.
  panels(unfold) {
    const made = [];
    let repeats = [{}];
    let part = [];
    const flush = () => {
      for (const scoped of repeats) {
        for (const panel of part) {
          if (panel.repeat && panel.type !== 'row') made.push(...this.repeat(panel, scoped));
          else made.push({ panel, scoped });
        }
      }
      part = [];
    };
    for (const panel of this.json.panels) {
      if (panel.type === 'row') {
        flush();
        repeats = panel.repeat
          ? this.values[panel.repeat].current.map((value) => ({ [panel.repeat]: value })) : [{}];
      }
      part.push(panel);
      if (panel.collapsed && unfold) part.push(...panel.panels);
    }
    flush();
    return made;
  }

  // Side by side, as many as maxPerRow says.
  repeat(panel, scoped) {
    const { x, y, h } = panel.gridPos;
    const w = 24 / panel.maxPerRow;
    return this.values[panel.repeat].current.map((value, at) => ({
      panel: { ...panel, id: `${panel.id}-${value}`, gridPos: {
        w, h, x: x + (at % panel.maxPerRow) * w, y: y + Math.floor(at / panel.maxPerRow) * h } },
      scoped: { ...scoped, [panel.repeat]: value },
    }));
  }

  request(panel, scoped, width) {
    const [from, to] = this.range;
    return {
      range: { from: new Date(from).toISOString(), to: new Date(to).toISOString() },
      intervalMs: Math.max(1000, (to - from) / width), maxDataPoints: Math.floor(width),
      targets: panel.targets.map((one) => ({
        refId: one.refId, target: this.text(one.target, scoped),
        payload: this.fill(one.payload, scoped),
      })),
    };
  }

  // The frames that the panel draws, every field with its display processor.
  async frames(panel, scoped, width) {
    const answer = (await this.post('/query', this.request(panel, scoped, width)))
      .map(data.toDataFrame);
    const frames = await new Promise((resolve, reject) => {
      data.transformDataFrame(panel.transformations ?? [], answer, {
        interpolate: (text) => text,
      }).subscribe({ next: resolve, error: reject });
    });
    return data.applyFieldOverrides({
      data: frames, theme, timeZone: 'utc', fieldConfigRegistry: registry,
      replaceVariables: (text) => text, fieldConfig: panel.fieldConfig,
    });
  }

  async annotations() {
    const [from, to] = this.range;
    const found = [];
    for (const one of this.json.annotations.list.filter((a) => a.enable)) {
      const [frame] = (await this.post('/query', {
        range: { from: new Date(from).toISOString(), to: new Date(to).toISOString() },
        targets: [{ refId: 'Anno', target: one.target.target, payload: this.fill(one.target.payload) }],
      })).map(data.toDataFrame);
      const times = frame.fields.find((f) => f.name === 'time')?.values ?? [];
      for (const time of times) found.push({ time, color: one.iconColor, name: one.name });
    }
    return found;
  }
}

// Values of stat and bar gauge panels, as Grafana reduces them.
export function displayValues(panel, frames) {
  return data.getFieldDisplayValues({
    fieldConfig: panel.fieldConfig, replaceVariables: (text) => text, data: frames, theme,
    reduceOptions: panel.options.reduceOptions, timeZone: 'utc', sparkline: true,
  });
}

export const shown = (display) => data.formattedValueToString(display);
export const nameOf = (field, frame, all) => data.getFieldDisplayName(field, frame, all);
export const seriesColor = (field) => data.getFieldSeriesColor(field, theme).color;
