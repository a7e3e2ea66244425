// Grafana's own code turns every shape of a real server's answers into frames.
//
// tests/e2e/test_frames.py starts the server over a known past and gives its
// address, the end of that past and the folder with node_modules.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import test from 'node:test';

const { HEAPWATCH_URL, HEAPWATCH_END_MS, HEAPWATCH_MODULES } = process.env;
// What the formatters of dates ask a browser.
globalThis.navigator ??= { language: 'en', languages: ['en'] };
const require = createRequire(`${HEAPWATCH_MODULES}/`);
const { toDataFrame, getFieldDisplayName, isTimeSeriesFrame, getDisplayProcessor,
  createTheme, applyFieldOverrides, standardFieldConfigEditorRegistry } = require('@grafana/data');
const { tableFromIPC } = require('apache-arrow');
const end = Number(HEAPWATCH_END_MS);
const NODES = ['edge,7|b "x"', 'hist(3)', 'plc-01'];

async function query(targets, more = {}) {
  const response = await fetch(`${HEAPWATCH_URL}/query`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({
      range: { from: new Date(end - 600000).toISOString(), to: new Date(end).toISOString() },
      intervalMs: 60000, maxDataPoints: 700, targets, ...more,
    }),
  });
  const answer = await response.json();
  assert.equal(response.status, 200, JSON.stringify(answer));
  return answer.map(toDataFrame);
}

const ask = (target, payload = {}, more) => query([{ refId: 'A', target, payload }], more);

function checkTimes(field) {
  assert.equal(field.type, 'time');
  assert.ok(field.values.length > 5);
  field.values.forEach((t, i) => {
    assert.equal(t % 60000, 0);
    assert.ok(i === 0 || t > field.values[i - 1]);
  });
}

function checkNumbers(field) {
  assert.equal(field.type, 'number');
  field.values.forEach((v) => assert.ok(v === null || Number.isFinite(v), `${v}`));
  assert.ok(field.values.some((v) => v !== null));
}

test('data points become one frame a series, with name, unit, labels and refId', async () => {
  const frames = await ask('heap_util_rate');
  assert.equal(frames.length, 12);
  for (const frame of frames) {
    const [time, value] = frame.fields;
    assert.equal(frame.refId, 'A');
    checkTimes(time);
    checkNumbers(value);
    assert.equal(value.config.unit, 'percentunit');
    assert.ok(isTimeSeriesFrame(frame));
    assert.ok(NODES.includes(value.labels.node), JSON.stringify(value.labels));
    assert.match(value.labels.service, /^svc-0[0-2]$/);
    assert.equal(getFieldDisplayName(value, frame, frames), frame.name);
  }
  assert.equal(new Set(frames.map((f) => f.name)).size, 12);
});

test('a legend names the series', async () => {
  const frames = await ask('heap_used_bytes',
    { agg: 'max', by: ['service'], legend: 'used by {{service}}' });
  assert.deepEqual(frames.map((f) => getFieldDisplayName(f.fields[1], f, frames)),
    ['used by svc-00', 'used by svc-01', 'used by svc-02']);
  assert.deepEqual(frames.map((f) => f.fields[1].labels),
    ['svc-00', 'svc-01', 'svc-02'].map((service) => ({ service })));
});

test('units follow what was asked', async () => {
  const units = async (target, payload) => (await ask(target, payload))[0].fields[1].config.unit;
  assert.equal(await units('heap_used_bytes'), 'bytes');
  assert.equal(await units('heap_allocated_bytes_total', { fn: 'rate' }), 'Bps');
  assert.equal(await units('gc_pause_seconds_total', { fn: 'rate' }), 'percentunit');
  assert.equal(await units('gc_collections_total', { fn: 'rate' }), 'cps');
  assert.equal(await units('heap_used_bytes', { agg: 'count' }), 'short');
});

test('a unit is one that Grafana knows', async () => {
  const theme = createTheme();
  for (const [target, shown] of [['heap_util_rate', /%$/], ['heap_used_bytes', /[KMG]i?B$/],
    ['gc_pause_seconds_total', /s|min$/]]) {
    const [frame] = await ask(target);
    const field = frame.fields[1];
    const value = field.values.find((v) => v !== null);
    const { text, suffix } = getDisplayProcessor({ field, theme })(value);
    assert.match(text + (suffix ?? ''), shown);
  }
});

test('a table has typed columns, and milliseconds as time', async () => {
  const frames = await ask('heap_util_rate', { format: 'table', node: 'plc-01' });
  assert.equal(frames.length, 1);
  const types = Object.fromEntries(frames[0].fields.map((f) => [f.name, f.type]));
  assert.deepEqual(types, { ...types, time: 'time', service: 'string', heap_util_rate: 'number' });
  assert.equal(frames[0].fields.at(-1).config.unit, 'percentunit');
  assert.equal(frames[0].refId, 'A');
  const times = frames[0].fields[0].values;
  assert.ok(times.length > 20 && times.every((t, i) => i === 0 || t >= times[i - 1]));
});

test('latest has no time, strings and one number', async () => {
  const frames = await ask('heapwatch_up', { format: 'latest' });
  assert.equal(frames.length, 1);
  assert.deepEqual(frames[0].fields.map((f) => f.type).sort(), ['number', 'string']);
  assert.deepEqual(frames[0].fields.find((f) => f.type === 'number').values, [1]);
});

test('wire frames carry type, interval, names and labels', async () => {
  const frames = await ask('heap_util_rate', { format: 'frames' });
  assert.equal(frames.length, 1);
  const [frame] = frames;
  assert.equal(frame.refId, 'A');
  assert.equal(frame.name, 'heap_util_rate');
  assert.equal(frame.meta.type, 'timeseries-wide');
  assert.deepEqual(frame.meta.typeVersion, [0, 1]);
  assert.equal(frame.fields.length, 13);
  checkTimes(frame.fields[0]);
  assert.equal(frame.fields[0].config.interval, 60000);
  for (const field of frame.fields.slice(1)) {
    checkNumbers(field);
    assert.equal(field.values.length, frame.length);
    assert.equal(field.config.unit, 'percentunit');
    assert.equal(getFieldDisplayName(field, frame, frames), field.config.displayNameFromDS);
    assert.ok(NODES.includes(field.labels.node));
  }
});

test('wire frames of a table and of the newest values', async () => {
  const [table] = await ask('heap_util_rate', { format: 'table', frame: 'true' });
  assert.equal(table.fields[0].type, 'time');
  assert.equal(table.fields.at(-1).type, 'number');
  const [latest] = await ask('heapwatch_up', { format: 'latest', frame: 'true' });
  assert.equal(latest.meta.type, 'numeric-wide');
  assert.ok(latest.fields.every((f) => f.type === 'number' && f.labels.node));
});

test('a gap is null and keeps its time', async () => {
  const frames = await ask('heap_util_rate', { step: '10s', format: 'frames' },
    { range: { from: new Date(end - 3600000).toISOString(), to: new Date(end).toISOString() } });
  const silent = frames[0].fields.slice(1).filter((f) => f.values.includes(null));
  assert.equal(silent.length, 2, 'processes 4 and 9 are silent at times');
  assert.equal(frames[0].length, frames[0].fields[0].values.length);
});

test('classic and wire answers hold the same', async () => {
  const classic = await ask('heap_used_bytes');
  const [wire] = await ask('heap_used_bytes', { format: 'frames' });
  classic.forEach((frame, i) => {
    assert.deepEqual(frame.fields[0].values, wire.fields[0].values);
    assert.deepEqual(frame.fields[1].values, wire.fields[i + 1].values);
    assert.deepEqual(frame.fields[1].labels, wire.fields[i + 1].labels);
    assert.equal(frame.fields[1].config.displayNameFromDS,
      wire.fields[i + 1].config.displayNameFromDS);
  });
});

test('notices reach the panel', async () => {
  for (const payload of [{ aggr: 'max' }, { aggr: 'max', format: 'table' },
    { aggr: 'max', format: 'frames' }]) {
    const frames = await ask('heap_util_rate', payload);
    const notices = frames.flatMap((f) => f.meta?.notices ?? []);
    assert.ok(notices.length > 0, JSON.stringify(payload));
    for (const n of notices) {
      assert.ok(['info', 'warning', 'error'].includes(n.severity));
      assert.ok(n.text.length > 0);
    }
    assert.ok(notices.some((n) => n.text.includes('"aggr"')), JSON.stringify(notices));
  }
});

test('a heatmap has ascending buckets that count every process once', async () => {
  for (const payload of [{ format: 'heatmap', frame: 'true' }, { format: 'heatmap' }]) {
    const frames = await ask('heap_util_rate', payload);
    const buckets = frames.flatMap((f) => f.fields.filter((x) => x.type === 'number'));
    const bounds = buckets.map((f) => Number(f.labels.le));
    assert.ok(bounds.length > 3 && bounds.every((b, i) => i === 0 || b > bounds[i - 1]), `${bounds}`);
    const counts = buckets[0].values.map((_, row) =>
      buckets.reduce((sum, f) => sum + (f.values[row] ?? 0), 0));
    assert.equal(Math.max(...counts), 12);
    buckets.forEach((f) => assert.equal(f.config.unit, 'short'));
    if (payload.frame)
      assert.equal(frames[0].meta.type, 'heatmap-rows');
  }
});

test('a state timeline has a field of words per process', async () => {
  for (const frame of ['true', 'false']) {
    const [states] = await ask('heap_util_rate', { format: 'states', frame });
    const words = states.fields.slice(1);
    checkTimes(states.fields[0]);
    assert.equal(words.length, 12);
    words.forEach((f) => assert.equal(f.type, 'string'));
    const seen = new Set(words.flatMap((f) => f.values.filter((v) => v !== null)));
    seen.forEach((v) => assert.ok(['ok', 'warning', 'critical'].includes(v), v));
    assert.ok(seen.size > 0);
  }
});

test('events have the columns that annotations map', async () => {
  const range = { from: new Date(0).toISOString(), to: new Date(end).toISOString() };
  for (const payload of [{ kind: 'target_started' }, { kind: 'target_started', frame: 'true' }]) {
    const [frame] = await ask('events', payload, { range });
    const types = Object.fromEntries(frame.fields.map((f) => [f.name, f.type]));
    assert.deepEqual(types, { ...types, time: 'time', timeEnd: 'time', title: 'string',
      text: 'string', tags: 'string', id: 'string' });
    assert.equal(frame.length, 12);
    assert.ok(frame.fields.find((f) => f.name === 'tags').values.every(
      (t) => t.split(',').includes('target_started')));
  }
});

test('a bad target is an error among the notices, and the others draw', async () => {
  const frames = await query([{ refId: 'A', target: 'nonsense' },
    { refId: 'B', target: 'heap_util_rate', payload: { agg: 'max' } }]);
  assert.deepEqual(frames.map((f) => f.refId), ['A', 'B']);
  assert.equal(frames[0].meta.notices[0].severity, 'error');
  assert.match(frames[0].meta.notices[0].text, /nonsense/);
  checkNumbers(frames[1].fields[1]);
});

test('rows of the plain URL become one frame', async () => {
  const response = await fetch(`${HEAPWATCH_URL}/api/v1/series?metric=heap_util_rate` +
    `&from=${end - 600000}&to=${end}&step=60s`);
  const frame = toDataFrame((await response.json()).rows);
  const types = Object.fromEntries(frame.fields.map((f) => [f.name, f.type]));
  assert.deepEqual(types, { ...types, time: 'time', node: 'string', heap_util_rate: 'number' });
  assert.ok(frame.length > 100);
});

test('every frame of several targets has its refId, in their order', async () => {
  const frames = await query([
    { refId: 'B', target: 'frag_ratio', payload: { agg: 'min' } },
    { refId: 'A', target: '(heap_util_rate|heap_used_bytes)', payload: { agg: 'max' } }]);
  assert.deepEqual(frames.map((f) => f.refId), ['B', 'A', 'A']);
});

test('a panel applies its configuration and keeps our unit', async () => {
  const frames = await ask('heap_util_rate', { agg: 'max' });
  const [frame] = applyFieldOverrides({
    data: frames, theme: createTheme(), timeZone: 'utc',
    fieldConfigRegistry: standardFieldConfigEditorRegistry, replaceVariables: (v) => v,
    fieldConfig: { defaults: {}, overrides: [] },
  });
  const value = frame.fields[1];
  assert.equal(value.config.unit, 'percentunit');
  assert.match(value.display(0.5).text + value.display(0.5).suffix, /^50\D*%$/);
});

// ---- Arrow, as the data source's executable passes it on ----

// The members of a protobuf message that are bytes: [number, bytes], ...
function* members(bytes) {
  let at = 0;
  const number = () => {
    for (let value = 0, shift = 1; ; shift *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * shift;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = number();
    const length = number();
    if ((key & 7) !== 2) continue;
    yield [key >> 3, bytes.subarray(at, at + length)];
    at += length;
  }
}

const member = (bytes, wanted) => [...members(bytes)].filter(([n]) => n === wanted).map(([, value]) => value);

async function arrow(targets) {
  const range = { from: end - 600000, to: end };
  const response = await fetch(`${HEAPWATCH_URL}/query`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Accept: 'application/vnd.heapwatch.frames' },
    body: JSON.stringify({ targets: targets.map((t) => ({ range, intervalMs: 60000, maxDataPoints: 700, ...t })) }),
  });
  assert.equal(response.headers.get('content-type'), 'application/vnd.heapwatch.frames');
  const entries = member(new Uint8Array(await response.arrayBuffer()), 1);
  return entries.map((entry) => ({
    refId: new TextDecoder().decode(member(entry, 1)[0]),
    tables: member(member(entry, 2)[0], 1).map((frame) => tableFromIPC(frame)),
  }));
}

test("apache-arrow reads each series' times, values and labels as the JSON has them", async () => {
  const [{ refId, tables }] = await arrow([{ refId: 'A', target: 'heap_util_rate' }]);
  const frames = await ask('heap_util_rate');
  const told = (labels, times, values) => JSON.stringify([Object.entries(labels).sort(), times, values]);

  assert.equal(refId, 'A');
  assert.equal(tables.length, 12);
  const read = tables.map((table) => {
    const [time, value] = table.schema.fields;
    assert.equal(table.schema.metadata.get('refId'), 'A');
    assert.equal(String(time.type), 'Timestamp<NANOSECOND>');
    assert.equal(String(value.type), 'Float64');
    const times = [...table.getChildAt(0).data[0].values].map((ns) => Number(ns / 1000000n));
    return told(JSON.parse(value.metadata.get('labels')), times, [...table.getChildAt(1)]);
  });
  const same = frames.map(({ fields: [time, value] }) => told(value.labels, [...time.values], [...value.values]));
  assert.deepEqual(read.sort(), same.sort());
});

test('apache-arrow reads words, and the empty answer of what matches nothing', async () => {
  const [events, nothing] = await arrow([
    { refId: 'E', target: 'events', range: { from: 'now-1h', to: 'now' } },
    { refId: 'N', target: 'heap_util_rate', payload: { service: 'nobody' } }]);
  const [table] = events.tables;
  const column = table.schema.fields.findIndex((f) => f.name === 'title');
  assert.equal(String(table.schema.fields[column].type), 'Utf8');
  assert.ok([...table.getChildAt(column)].includes('Heapwatch started'));
  assert.equal(nothing.refId, 'N');
  assert.ok(nothing.tables.every((t) => t.numRows === 0));
});
