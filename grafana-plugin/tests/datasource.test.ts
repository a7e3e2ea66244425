import { CoreApp, dateTime, LiveChannelScope } from '@grafana/data';
import type { DataQueryRequest, DataSourceInstanceSettings } from '@grafana/data';
import * as runtime from '@grafana/runtime';
import { lastValueFrom, of } from 'rxjs';
import { beforeEach, expect, test, vi } from 'vitest';

import { templatesOf } from '../harness/templates';
import { DataSource } from '../src/datasource';
import { interpolate } from '../src/interpolate';
import type { HeapwatchQuery, Settings } from '../src/types';

const templates = templatesOf({ one: 'hist(3)', two: ['a,1', 'b|2'], label: 'node' });
const matchers = (operator: string, value: string) => interpolate({ matchers: [{ key: 'node', operator, value }] }, templates).matchers;
let source: DataSource;
let post: ReturnType<typeof vi.fn>;

beforeEach(() => {
  runtime.setTemplateSrv(templates);
  source = new DataSource({ uid: 'hw', jsonData: {} } as DataSourceInstanceSettings<Settings>);
  post = vi.fn().mockResolvedValue([{ __text: 'scada', __value: 'scada' }]);
  source.postResource = post as typeof source.postResource;
});

test('a value that is compared stays as it is', () => {
  expect(matchers('=', '$one')).toEqual([{ key: 'node', operator: '=', value: 'hist(3)' }]);
});

test('several values of a variable become "one of" or "none of"', () => {
  expect(matchers('=', '$two')).toEqual([{ key: 'node', operator: '=|', values: ['a,1', 'b|2'] }]);
  expect(matchers('!=', '${two}')).toEqual([{ key: 'node', operator: '!=|', values: ['a,1', 'b|2'] }]);
});

test('a pattern gets escaped values', () => {
  expect(matchers('=~', '$two')).toEqual([{ key: 'node', operator: '=~', value: '(a,1|b\\|2)' }]);
});

test('a variable within a word is put in there', () => {
  expect(matchers('=', 'x-$one')).toEqual([{ key: 'node', operator: '=', value: 'x-hist(3)' }]);
});

test('an unfinished condition is not asked', () => {
  expect(matchers('=', '')).toEqual([]);
  expect(interpolate({ matchers: [{ key: 'node', operator: '=|', values: [] }] }, templates).matchers).toEqual([]);
});

test('words of the protocol are not escaped, numbers stay numbers', () => {
  expect(interpolate({ legend: '$one {{node}}', by: ['$label'], topk: 3, service: '$one' }, templates)).toEqual({
    legend: 'hist(3) {{node}}', by: ['node'], topk: 3, service: 'hist\\(3\\)',
  });
});

test('what is hidden or names nothing is not asked', () => {
  const asked = (query: Partial<HeapwatchQuery>) => source.filterQuery({ refId: 'A', ...query });

  expect(asked({ target: 'heap_util_rate' })).toBe(true);
  expect(asked({ target: ' ' })).toBe(false);
  expect(asked({})).toBe(false);
  expect(asked({ target: 'heap_util_rate', hide: true })).toBe(false);
});

test('ad-hoc filters ride on the query', () => {
  const filters = [{ key: 'node', operator: '=', value: 'x' }];

  expect(source.applyTemplateVariables({ refId: 'A', target: '$one' }, {}, filters)).toEqual({
    refId: 'A', target: 'hist\\(3\\)', payload: {}, filters,
  });
});

test('a query that goes to Explore keeps the filters of its dashboard', () => {
  const filters = [{ key: 'node', operator: '=', value: 'x' }];
  const [moved] = source.interpolateVariablesInQueries([{ refId: 'A', target: 'threads' }], {}, filters);

  expect(source.applyTemplateVariables(moved, {}).filters).toEqual(filters);
  expect(source.applyTemplateVariables(moved, {}, []).filters).toEqual(filters);
});

test('an alert rule begins with one number a service', () => {
  expect(source.getDefaultQuery(CoreApp.UnifiedAlerting).payload).toEqual({ agg: 'max', by: ['service'], format: 'latest' });
  expect(source.getDefaultQuery(CoreApp.Dashboard).payload).toEqual({});
});

test('annotations begin with events', () => {
  expect(source.annotations.getDefaultQuery?.()).toEqual({ target: 'events', payload: {} });
});

test('a query is told in a line', () => {
  const payload = { fn: 'rate', agg: 'sum', by: ['service'], matchers: [{ key: 'node', operator: '=|', values: ['a', 'b'] }] };

  expect(source.getQueryDisplayText({ refId: 'A', target: 'x_total', payload })).toBe('sum(rate(x_total{node=|a|b})) by service');
});

test('a variable asks for a label and gets texts with values', async () => {
  expect(await source.metricFindQuery('$label')).toEqual([{ text: 'scada', value: 'scada' }]);
  expect(post).toHaveBeenCalledWith('variable', { payload: { target: 'node' } });
  const request = { targets: [{ refId: 'v', target: 'service' }] } as Parameters<typeof source.variables.query>[0];
  expect(await lastValueFrom(source.variables.query(request))).toEqual({ data: [{ text: 'scada', value: 'scada' }] });
  expect(await source.metricFindQuery({ refId: 'v' })).toEqual([]);
});

test('metrics are asked once, and again after a failure', async () => {
  post.mockRejectedValueOnce(new Error('down'));
  await expect(source.metrics()).rejects.toThrow('down');
  await source.metrics();
  await source.metrics();
  expect(post).toHaveBeenCalledTimes(2);
});

test('values of a filter are asked beside the other filters', async () => {
  await source.getTagKeys();
  await source.getTagValues({ key: 'node', filters: [{ key: 'a', operator: '=', value: 'b' }] });
  expect(post).toHaveBeenNthCalledWith(1, 'tag-keys', {});
  expect(post).toHaveBeenNthCalledWith(2, 'tag-values', { key: 'node', filters: [{ key: 'a', operator: '=', value: 'b' }] });
});

test('a live query subscribes to a channel of its question', async () => {
  const frame = { refId: 'A', fields: [], length: 0 };
  const getDataStream = vi.fn().mockReturnValue(of({ data: [frame] }));
  const ask = (target: string) =>
    lastValueFrom(
      source.query({
        requestId: 'Q1', intervalMs: 5000, maxDataPoints: 50, scopedVars: {},
        range: { from: dateTime(0), to: dateTime(60000) },
        targets: [{ refId: 'B', target, live: true, payload: { service: '$one' } }],
      } as unknown as DataQueryRequest<HeapwatchQuery>)
    );

  runtime.setGrafanaLiveSrv({ getDataStream } as unknown as runtime.GrafanaLiveSrv);
  expect((await ask('heap_util_rate')).data[0].refId).toBe('B');
  await ask('gc_pressure');
  const [first, second] = getDataStream.mock.calls.map(([options]) => options);
  expect(first).toMatchObject({
    addr: {
      scope: LiveChannelScope.DataSource, stream: 'hw', namespace: 'hw',
      data: { target: 'heap_util_rate', payload: { service: 'hist\\(3\\)' }, intervalMs: 5000 },
    },
    buffer: { maxLength: 50, maxDelta: 60000 },
    key: 'Q1-B',
  });
  expect(first.addr.path).toMatch(/^query\/[a-z0-9-]+$/);
  expect(first.addr.path).not.toBe(second.addr.path);
});
