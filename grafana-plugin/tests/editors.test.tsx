import type { DataSourceInstanceSettings } from '@grafana/data';
import { setTemplateSrv } from '@grafana/runtime';
import { fireEvent, render, screen, waitFor } from '@testing-library/react';
import React, { version } from 'react';
import { expect, test, vi } from 'vitest';

import { templatesOf } from '../harness/templates';
import { ConfigEditor } from '../src/ConfigEditor';
import { QueryEditor } from '../src/QueryEditor';
import { QueryHelp } from '../src/QueryHelp';
import { VariableQueryEditor } from '../src/VariableQueryEditor';
import { DataSource } from '../src/datasource';
import type { HeapwatchQuery, Settings } from '../src/types';

const metric = { label: 'gc_pressure', value: 'gc_pressure', description: 'Young collections', payloads: [] };

function sourceWith(answer: () => Promise<unknown>) {
  setTemplateSrv(templatesOf({}));
  const source = new DataSource({ uid: 'hw', jsonData: {} } as DataSourceInstanceSettings<Settings>);
  source.postResource = vi.fn(answer) as typeof source.postResource;
  return source;
}

function renderQuery(query: Partial<HeapwatchQuery>, answer: () => Promise<unknown> = async () => [metric]) {
  const onChange = vi.fn();
  const onRunQuery = vi.fn();
  const props = { datasource: sourceWith(answer), query: { refId: 'A', ...query }, onChange, onRunQuery };

  render(<QueryEditor {...props} />);
  return { onChange, onRunQuery };
}

test('this React is the one of this Grafana', async () => {
  const { dependencies } = { dependencies: (await import('@grafana/ui/package.json')).version };
  expect(version.split('.')[0]).toBe(dependencies.startsWith('10.') ? '18' : '19');
});

test('every field of the builder has a label, and the metric its description', async () => {
  renderQuery({ target: 'gc_pressure', payload: { matchers: [{ key: 'node', operator: '=', value: 'x' }], fn: 'above' } });
  await screen.findByText('Young collections.');
  for (const label of [
    'Metric', 'Format', 'Function over time', 'Limit', 'Aggregate series', 'By labels', 'Highest', 'Lowest', 'Earlier by',
    'Least step', 'Legend', 'Live', 'Label of condition 1', 'Operator of condition 1', 'Value of condition 1',
  ]) {
    expect(screen.getAllByLabelText(label), label).not.toHaveLength(0);
  }
});

test('what is written is told once it is finished, and what is emptied is gone', async () => {
  const { onChange, onRunQuery } = renderQuery({ target: 'gc_pressure', payload: { topk: '3', agg: 'max' } });
  const field = await screen.findByLabelText('Highest');

  fireEvent.change(field, { target: { value: '' } });
  expect(onChange).not.toHaveBeenCalled();
  fireEvent.blur(field);
  expect(onChange).toHaveBeenCalledWith({ refId: 'A', target: 'gc_pressure', payload: { agg: 'max' } });
  expect(onRunQuery).toHaveBeenCalledTimes(1);
});

test('a server that is down is said in its words', async () => {
  renderQuery({}, () => Promise.reject({ data: { message: 'connection refused' } }));
  await screen.findByText(/connection refused/);
});

test('JSON that is wrong is neither taken nor run', () => {
  const { onChange, onRunQuery } = renderQuery({ target: 'x', editorMode: 'json' });
  const field = screen.getByLabelText('Target and payload');

  for (const [text, problem] of [
    ['{"target" 1}', /in JSON/], ['{"payload": {}}', /target must be/], ['{"target": "x", "payload": []}', /payload must be/],
    ['{"target": "x", "refId": "B"}', /not refId/],
  ] as const) {
    fireEvent.change(field, { target: { value: text } });
    screen.getByText(problem);
    fireEvent.blur(field);
  }
  expect(onChange).not.toHaveBeenCalled();
  fireEvent.change(field, { target: { value: '{"target": "y"}' } });
  fireEvent.blur(field);
  expect(onChange).toHaveBeenCalledWith({ refId: 'A', target: 'y', payload: {}, editorMode: 'json' });
  expect(onRunQuery).toHaveBeenCalledTimes(1);
});

test('conditions that were written as text stay text, short ones become rows', () => {
  renderQuery({ target: 'x', payload: { matchers: 'node="a"' } });
  expect(screen.getByLabelText('Only series where')).toHaveProperty('value', 'node="a"');
  renderQuery({ target: 'x', payload: { matchers: { node: 'a', service: ['b', 'c'] } } });
  screen.getByLabelText('Value of condition 2');
  screen.getByText('c');
});

test('a variable of metrics has no conditions', () => {
  const props = { datasource: sourceWith(async () => []), onChange: vi.fn(), onRunQuery: vi.fn() };
  const { rerender } = render(<VariableQueryEditor {...props} query={{ refId: 'v', target: 'metrics' }} />);

  expect(screen.queryByText('Condition')).toBeNull();
  rerender(<VariableQueryEditor {...props} query={{ refId: 'v', target: 'service' }} />);
  screen.getByText('Condition');
});

test('an example is handed over under the name of the query', async () => {
  const onClickExample = vi.fn();
  const source = sourceWith(async () => []) as unknown as React.ComponentProps<typeof QueryHelp>['datasource'];

  render(<QueryHelp datasource={source} query={{ refId: 'C' }} onClickExample={onClickExample} />);
  fireEvent.click(screen.getByText('What happened'));
  await waitFor(() => expect(onClickExample).toHaveBeenCalledWith({ refId: 'C', target: 'events', payload: {} }));
});

type Options = React.ComponentProps<typeof ConfigEditor>['options'];

function renderConfig(options: Partial<Options>) {
  const onOptionsChange = vi.fn();
  const given = { url: '', basicAuth: false, basicAuthUser: '', jsonData: {}, secureJsonFields: {}, ...options } as Options;

  render(<ConfigEditor options={given} onOptionsChange={onOptionsChange} />);
  return onOptionsChange;
}

test('the URL is http, https or a socket, and holds no password', () => {
  for (const url of ['http://a:1', 'https://[::1]/x', 'unix:///run/heapwatch.sock']) {
    renderConfig({ url });
  }
  expect(screen.queryByText(/Must begin with|belong below/)).toBeNull();
  renderConfig({ url: 'ftp://a' });
  screen.getByText(/Must begin with/);
  renderConfig({ url: 'http://ada:secret@a' });
  screen.getByText(/belong below/);
});

test('a token that is kept is shown as kept, and reset takes it away', () => {
  const changed = renderConfig({ secureJsonFields: { token: true } });

  fireEvent.click(screen.getByText('Reset'));
  expect(changed.mock.calls[0][0]).toMatchObject({ secureJsonFields: { token: false }, secureJsonData: { token: '' } });
});

test('TLS is asked for https alone', () => {
  renderConfig({ url: 'http://a' });
  expect(screen.queryByText('Skip verification')).toBeNull();
  renderConfig({ url: 'https://a', jsonData: { tlsAuth: true, tlsAuthWithCACert: true } });
  for (const label of [/^Skip verification/, /^CA certificate/, /^Certificate/, /^Private key/, /^Server name/]) {
    screen.getByLabelText(label);
  }
});

test('a header keeps its number when another one goes', () => {
  const changed = renderConfig({ jsonData: { httpHeaderName1: 'X-A', httpHeaderName2: 'X-B' }, secureJsonFields: { httpHeaderValue2: true } });

  fireEvent.click(screen.getByLabelText('Remove header 1'));
  const [options] = changed.mock.calls[0];
  expect(options.jsonData).toEqual({ httpHeaderName1: undefined, httpHeaderName2: 'X-B' });
  expect(options.secureJsonFields).toEqual({ httpHeaderValue1: false, httpHeaderValue2: true });
});
