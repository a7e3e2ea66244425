import { Button, Label } from '@grafana/ui';
import React from 'react';
import { Choose, Row, Text } from './fields';
import { isComplete } from './interpolate';
import operators from './operators.json';
import type { Matcher, Payload, Source } from './types';

interface Props {
  id: string;
  source: Source;
  metric?: string;
  matchers: Payload['matchers'];
  onChange: (matchers?: Payload['matchers']) => void;
}

/** Which series: a row of label, operator and value each, or text as it is. */
export function Matchers({ id, source, metric, matchers, onChange }: Props) {
  if (typeof matchers === 'string') {
    const commit = (text: string) => onChange(text || undefined);
    return <Row><Text id={id} label="Only series where" value={matchers} onCommit={commit} /></Row>;
  }
  const list = listOf(matchers);
  const replace = (at: number, ...by: Matcher[]) => onChange([...list.slice(0, at), ...by, ...list.slice(at + 1)]);
  const choices = (name: string, but: Matcher) =>
    source.choices(name, metric, { matchers: list.filter((m) => m !== but && isComplete(m)) });
  const row = (m: Matcher, at: number) => {
    const several = isList(m.operator);
    const part = (name: string, placeholder: string, width?: number) =>
      ({ id: `${id}-${at}-${name}`, label: `${name} of condition ${at + 1}`, bare: true, placeholder, width });
    return (
      <div key={at} style={{ display: 'flex', gap: 4, marginBottom: 4, maxWidth: 800 }}>
        <Choose
          {...part('Label', 'label')} value={m.key}
          load={() => choices('by', m)} onChange={([key = '']) => replace(at, { ...m, key })}
        />
        <Choose
          {...part('Operator', '=', 100)} value={m.operator}
          load={async () => operators} onChange={([word]) => replace(at, withOperator(m, word))}
        />
        <Choose
          {...part('Value', 'value')} several={several} value={several ? m.values : m.value}
          load={async () => (m.key ? choices(m.key, m) : [])}
          onChange={(values) => replace(at, several ? { ...m, values } : { ...m, value: values[0] })}
        />
        <Button variant="secondary" icon="times" aria-label={`Remove condition ${at + 1}`} onClick={() => replace(at)} />
      </div>
    );
  };
  return (
    <Row>
      <div style={{ flexBasis: '100%' }}>
        <Label>Only series where</Label>
        {list.map(row)}
        <Button variant="secondary" size="sm" icon="plus" onClick={() => onChange([...list, { key: '', operator: '=' }])}>
          Condition
        </Button>
      </div>
    </Row>
  );
}

const isList = (operator: string) => operator.endsWith('|');

function withOperator({ key, value, values }: Matcher, operator = '='): Matcher {
  return isList(operator)
    ? { key, operator, values: values ?? [value ?? []].flat() }
    : { key, operator, value: value ?? values?.[0] };
}

/** The short form {label: value}, too, as rows. */
function listOf(matchers: Exclude<Payload['matchers'], string> = []): Matcher[] {
  const row = ([key, v]: [string, unknown]) =>
    withOperator({ key, operator: '', values: [v].flat().map(String) }, Array.isArray(v) ? '=|' : '=');
  return Array.isArray(matchers) ? matchers : Object.entries(matchers).map(row);
}
