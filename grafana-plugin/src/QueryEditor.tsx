import { CoreApp, type QueryEditorProps, type SelectableValue } from '@grafana/data';
import { Alert, InlineSwitch, RadioButtonGroup, TextArea } from '@grafana/ui';
import React, { useEffect, useId, useState } from 'react';
import { Matchers } from './Matchers';
import type { DataSource } from './datasource';
import { Choose, Labelled, problemOf, Row, Text } from './fields';
import formats from './formats.json';
import type { HeapwatchQuery, Metric, Payload, Settings } from './types';

type Props = QueryEditorProps<DataSource, HeapwatchQuery, Settings>;
const EVENTS = { value: 'events', label: 'events', description: 'Starts, exits, breaches, deployments, maintenance' };
const FORMATS: Record<string, string> = formats;
const MODES = [{ value: 'builder' as const, label: 'Builder' }, { value: 'json' as const, label: 'JSON' }];

export function QueryEditor(props: Props) {
  const { query, onChange } = props;
  return (
    <>
      <div style={{ display: 'flex', justifyContent: 'flex-end', marginBottom: 4 }}>
        <RadioButtonGroup
          size="sm" aria-label="Way to write the query" options={MODES} value={query.editorMode ?? 'builder'}
          onChange={(editorMode) => onChange({ ...query, editorMode })}
        />
      </div>
      {query.editorMode === 'json' ? <Raw {...props} /> : <Builder {...props} />}
    </>
  );
}

function Builder({ datasource, query, onChange, onRunQuery, app }: Props) {
  const id = useId();
  const [metrics, problem] = useMetrics(datasource);
  const { target, payload = {}, live = false } = query;
  const metric = metrics.find((m) => m.value === target);
  const run = (change: Partial<HeapwatchQuery>) => {
    onChange({ ...query, ...change });
    onRunQuery();
  };
  const set = (change: Payload) => run({ payload: withoutEmpty({ ...payload, ...change }) });
  const field = (name: string, label: string, placeholder: string, width?: number) =>
    ({ id: `${id}-${name}`, label, placeholder, width, value: payload[name] });
  const choose = (...[name, ...rest]: Parameters<typeof field>) => (
    <Choose {...field(name, ...rest)} load={async () => choicesOf(metric, name)} onChange={([value]) => set({ [name]: value })} />
  );
  const write = (...[name, ...rest]: Parameters<typeof field>) => (
    <Text {...field(name, ...rest)} onCommit={(value) => set({ [name]: value })} />
  );
  return (
    <>
      {problem && <Alert severity="warning" title={`Metrics cannot be listed: ${problem}`} />}
      <Row>
        <Choose
          {...field('metric', 'Metric', 'Choose a metric')} value={target}
          load={async () => [EVENTS, ...(await datasource.metrics()).filter((m) => m.value !== EVENTS.value)]}
          onChange={([next]) => run({ target: next })}
        />
        {target !== 'events' && choose('format', 'Format', 'timeseries', 180)}
        {metric && <div style={{ flexBasis: '100%' }}>{metric.description}.</div>}
      </Row>
      <Matchers
        id={`${id}-where`} source={datasource} metric={target}
        matchers={payload.matchers} onChange={(matchers) => set({ matchers })}
      />
      {target !== 'events' && (
        <>
          <Row>
            {choose('fn', 'Function over time', "the metric's own", 190)}
            {['above', 'below', 'beyond'].includes(String(payload.fn)) && write('threshold', 'Limit', 'warning', 120)}
            {choose('agg', 'Aggregate series', 'none', 160)}
            <Choose
              {...field('by', 'By labels', 'all in one')} several
              load={() => datasource.choices('by', target, payload)} onChange={(by) => set({ by })}
            />
          </Row>
          <Row>
            {write('topk', 'Highest', 'all', 90)}
            {write('bottomk', 'Lowest', 'all', 90)}
            {write('shift', 'Earlier by', '1d', 100)}
            {write('step', 'Least step', 'automatic', 110)}
            {write('legend', 'Legend', '{{service}} {{instance}}')}
            {app !== CoreApp.UnifiedAlerting && (
              <InlineSwitch
                id={`${id}-live`} label="Live" showLabel value={live}
                onChange={() => run({ live: !live || undefined })}
              />
            )}
          </Row>
        </>
      )}
    </>
  );
}

/** The question as the server gets it; what is wrong is said and not taken. */
function Raw({ query, onChange, onRunQuery }: Props) {
  const id = useId();
  const given = JSON.stringify({ target: query.target, payload: query.payload ?? {} }, null, 2);
  const [text, setText] = useState(given);
  const parsed = parse(text);
  const commit = () => {
    if (typeof parsed === 'object' && text !== given) {
      onChange({ ...query, ...parsed });
      onRunQuery();
    }
  };
  useEffect(() => setText(given), [given]);
  return (
    <Row>
      <Labelled id={id} label="Target and payload" error={typeof parsed === 'string' ? parsed : undefined}>
        <TextArea
          id={id} rows={text.split('\n').length + 1} spellCheck={false} style={{ fontFamily: 'monospace' }}
          value={text} onChange={(e) => setText(e.currentTarget.value)} onBlur={commit}
        />
      </Labelled>
    </Row>
  );
}

/** The two members, or what is wrong in words. */
function parse(text: string): Pick<HeapwatchQuery, 'target' | 'payload'> | string {
  try {
    const { target, payload = {}, ...rest } = JSON.parse(text);
    const [other] = Object.keys(rest);
    const wrong =
      (typeof target !== 'string' && 'target must be the name of a metric, or "events"') ||
      ((typeof payload !== 'object' || !payload || Array.isArray(payload)) && 'payload must be an object') ||
      (other && `only target and payload are asked, not ${other}`);
    return wrong || { target, payload };
  } catch (error) {
    return problemOf(error);
  }
}

function useMetrics(source: DataSource): [Metric[], string?] {
  const [state, setState] = useState<[Metric[], string?]>([[]]);
  useEffect(() => {
    source.metrics().then((list) => setState([list]), (error) => setState([[], problemOf(error)]));
  }, [source]);
  return state;
}

/** What the server offers for this metric. */
function choicesOf(metric: Metric | undefined, name: string): SelectableValue[] {
  const options = metric?.payloads.find((p) => p.name === name)?.options ?? [];
  return name === 'format' ? options.map((o) => ({ ...o, description: FORMATS[o.value] })) : options;
}

function withoutEmpty(payload: Payload): Payload {
  const empty = (v: unknown) => v === undefined || v === '' || (Array.isArray(v) && v.length === 0);
  return Object.fromEntries(Object.entries(payload).filter(([, v]) => !empty(v)));
}
