import type { QueryEditorHelpProps } from '@grafana/data';
import { Button } from '@grafana/ui';
import React from 'react';
import examples from './examples.json';
import type { HeapwatchQuery } from './types';

const GRID = { listStyle: 'none', display: 'grid', gap: 16, gridTemplateColumns: 'repeat(auto-fill, minmax(320px, 1fr))' };
const CODE = { whiteSpace: 'normal', overflowWrap: 'anywhere' } as const;

/** The cheat sheet. The tests run each example against a real server. */
export function QueryHelp({ onClickExample, query }: QueryEditorHelpProps<HeapwatchQuery>) {
  return (
    <>
      <h2>Heapwatch cheat sheet</h2>
      <p>Choose an example to run it. What is left empty is the metric&apos;s own or the panel&apos;s.</p>
      <ul style={GRID}>
        {examples.map(({ title, text, target, payload }) => (
          <li key={title}>
            <Button
              variant="secondary" size="sm"
              onClick={() => onClickExample({ ...(query ?? { refId: 'A' }), target, payload })}
            >
              {title}
            </Button>
            <p style={{ margin: '4px 0' }}>{text}</p>
            <code style={CODE}>{`${target} ${JSON.stringify(payload)}`}</code>
          </li>
        ))}
      </ul>
      <p>
        A value may be a variable: <code>$service</code> in a condition stands for all that are chosen. Labels stand in a
        legend as <code>{'{{service}}'}</code>.
      </p>
    </>
  );
}
