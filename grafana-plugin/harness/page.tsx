/**
 * The real editors with Grafana's real components and the real data source
 * class, outside Grafana: ?view=config|query|variable|help&theme=light. What
 * would be saved is in #saved, what a query brought in #answer.
 */
import { createTheme, CoreApp, dateTime, ThemeContext, toDataFrame } from '@grafana/data';
import type { DataFrame, DataQueryRequest, DataQueryResponse, DataSourceApi, DataSourceInstanceSettings } from '@grafana/data';
import { setBackendSrv, setDataSourceSrv, setGrafanaLiveSrv, setTemplateSrv } from '@grafana/runtime';
import type { BackendSrv, BackendSrvRequest, DataSourceSrv, GrafanaLiveSrv, LiveDataStreamOptions } from '@grafana/runtime';
import { Button, GlobalStyles, PortalContainer } from '@grafana/ui';
import React, { useRef, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { from, Observable, type Subscription } from 'rxjs';

import { ConfigEditor } from '../src/ConfigEditor';
import { QueryEditor } from '../src/QueryEditor';
import { QueryHelp } from '../src/QueryHelp';
import { VariableQueryEditor } from '../src/VariableQueryEditor';
import { DataSource } from '../src/datasource';
import type { HeapwatchQuery, Settings, VariableQuery } from '../src/types';
import { templatesOf } from './templates';

const page = new URLSearchParams(location.search);
const json = (key: string) => JSON.parse(page.get(key) ?? '{}');
const to = dateTime(Number(page.get('end') ?? Date.now()));
const settings = { id: 1, uid: 'hw', type: 'heapwatch-heapwatch-datasource', name: 'Heapwatch', jsonData: {}, meta: {} } as unknown as DataSourceInstanceSettings<Settings>;

async function fetchAsGrafana({ url, method, data, params }: BackendSrvRequest) {
  const question = params && Object.keys(params).length ? `?${new URLSearchParams(params)}` : '';
  const answer = await fetch(url + question, { method: method ?? 'GET', body: data && JSON.stringify(data) });
  const body = await answer.json();

  if (!answer.ok) {
    throw { status: answer.status, statusText: answer.statusText, data: body };
  }
  return { data: body, status: answer.status, ok: true };
}

function dataStream({ addr }: LiveDataStreamOptions): Observable<DataQueryResponse> {
  return new Observable((observer) => {
    const stop = new AbortController();
    const read = async () => {
      const body = JSON.stringify({ path: addr.path, data: addr.data });
      const answer = await fetch('/live', { method: 'POST', body, signal: stop.signal });
      const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
      let text = '';

      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        const lines = (text + part.value).split('\n');
        text = lines.pop() ?? '';
        lines.forEach((line) => observer.next({ data: [toDataFrame(JSON.parse(line))] }));
      }
    };

    read().catch((error) => stop.signal.aborted || observer.error(error));
    return () => stop.abort();
  });
}

setBackendSrv({ fetch: (q: BackendSrvRequest) => from(fetchAsGrafana(q)) } as BackendSrv);
setDataSourceSrv({ getInstanceSettings: () => settings } as unknown as DataSourceSrv);
setGrafanaLiveSrv({ getDataStream: dataStream } as unknown as GrafanaLiveSrv);
setTemplateSrv(templatesOf(json('variables')));

const source = new DataSource(settings);

// The help's type knows no settings but Grafana's own.
const helped = source as unknown as DataSourceApi<HeapwatchQuery>;

function summary(frame: DataFrame) {
  return { refId: frame.refId, name: frame.name, rows: frame.length, notices: frame.meta?.notices, fields: frame.fields.map((f) => ({ name: f.name, labels: f.labels, last: f.values[f.values.length - 1] })) };
}

function Told({ id, title, value }: { id: string; title: string; value: unknown }) {
  return (
    <section>
      <h2>{title}</h2>
      <pre id={id} tabIndex={0} style={{ maxHeight: 260 }}>{JSON.stringify(value, null, 2)}</pre>
    </section>
  );
}

function Query() {
  const [query, setQuery] = useState<HeapwatchQuery>({ refId: 'A', ...source.getDefaultQuery(CoreApp.PanelEditor), ...json('query') });
  const [answer, setAnswer] = useState<unknown>();
  const latest = useRef(query);
  const running = useRef<Subscription | undefined>(undefined);
  const change = (next: HeapwatchQuery) => {
    latest.current = next;
    setQuery(next);
  };
  const run = () => {
    const request = {
      app: CoreApp.PanelEditor, requestId: 'Q1', interval: '30s', intervalMs: 1000, maxDataPoints: 100, scopedVars: {}, timezone: 'utc', startTime: 0,
      range: { from: dateTime(to).subtract(1, 'hour'), to, raw: { from: 'now-1h', to: 'now' } }, targets: [latest.current], filters: json('filters').list,
    } as unknown as DataQueryRequest<HeapwatchQuery>;

    running.current?.unsubscribe();
    running.current = source.query(request).subscribe({
      next: ({ data, error, errors }) => setAnswer({ text: source.getQueryDisplayText(latest.current), error: (error ?? errors?.[0])?.message, frames: data.map(summary) }),
      error: (error) => setAnswer({ error: error.data?.message ?? error.message }),
    });
  };

  return (
    <>
      <QueryEditor datasource={source} query={query} onChange={change} onRunQuery={run} app={CoreApp.PanelEditor} />
      {page.get('view') === 'help' && <QueryHelp datasource={helped} query={query} onClickExample={(q) => (change(q as HeapwatchQuery), run())} />}
      <Told id="saved" title="Saved" value={query} />
      <Told id="answer" title="Answer" value={answer ?? null} />
    </>
  );
}

function Variable() {
  const [query, setQuery] = useState<VariableQuery>({ refId: 'v' });
  const [answer, setAnswer] = useState<unknown>(null);
  const change = (next: VariableQuery) => {
    setQuery(next);
    source.metricFindQuery(next).then(setAnswer, (error) => setAnswer({ error: error.data?.message ?? error.message }));
  };

  return (
    <>
      <VariableQueryEditor datasource={source} query={query} onChange={change} />
      <Told id="saved" title="Saved" value={query} />
      <Told id="answer" title="Values" value={answer} />
    </>
  );
}

function Config() {
  const [options, setOptions] = useState<React.ComponentProps<typeof ConfigEditor>['options']>({
    ...settings, orgId: 1, typeName: '', typeLogoUrl: '', access: 'proxy', url: '', user: '', database: '', basicAuth: false, basicAuthUser: '', isDefault: true,
    readOnly: false, withCredentials: false, secureJsonFields: {}, ...json('options'),
  });
  const [answer, setAnswer] = useState<unknown>(null);
  const test = async () => {
    await fetch('/settings', { method: 'POST', body: JSON.stringify(options) });
    source.testDatasource().then(setAnswer, (error) => setAnswer({ status: 'error', message: error.message }));
  };

  return (
    <>
      <ConfigEditor options={options} onOptionsChange={setOptions} />
      <Button variant="secondary" onClick={test}>Save &amp; test</Button>
      <Told id="saved" title="Saved" value={options} />
      <Told id="answer" title="Test" value={answer} />
    </>
  );
}

const VIEWS: Record<string, () => React.ReactElement> = { config: Config, variable: Variable };
const View = VIEWS[page.get('view') ?? ''] ?? Query;
const theme = createTheme({ colors: { mode: page.get('theme') === 'light' ? 'light' : 'dark' } });

createRoot(document.getElementById('root')!).render(
  <ThemeContext.Provider value={theme}>
    <GlobalStyles />
    <main style={{ maxWidth: 1000, margin: '24px auto', padding: 16, background: theme.colors.background.primary }}>
      <h1>{page.get('view') ?? 'query'}</h1>
      <View />
    </main>
    <PortalContainer />
  </ThemeContext.Provider>
);
