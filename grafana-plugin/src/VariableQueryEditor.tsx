import React, { useId } from 'react';
import { Matchers } from './Matchers';
import { Choose, Row } from './fields';
import type { Source, VariableQuery } from './types';

type Props = { datasource: Source; query: VariableQuery; onChange: (query: VariableQuery) => void };
const METRICS = { value: 'metrics', label: 'metrics', description: 'The names of all metrics' };

export function VariableQueryEditor({ datasource, query, onChange }: Props) {
  const id = useId();
  const { target, payload } = query;
  const change = (part: Partial<VariableQuery>) => onChange({ ...query, refId: 'variable', ...part });
  return (
    <>
      <Row>
        <Choose
          id={`${id}-label`} label="Values of the label" placeholder="service" value={target}
          load={async () => [...(await datasource.choices('by')), METRICS]} onChange={([next]) => change({ target: next })}
        />
      </Row>
      {target && target !== 'metrics' && (
        <Matchers
          id={`${id}-where`} source={datasource}
          matchers={payload?.matchers} onChange={(matchers) => change({ payload: { matchers } })}
        />
      )}
    </>
  );
}
