import type { AdHocVariableFilter, DataSourceJsonData, SelectableValue } from '@grafana/data';
import type { DataQuery } from '@grafana/schema';

/** The operators are those of operators.json; values is theirs that end in a bar. */
export interface Matcher {
  key: string;
  operator: string;
  value?: string;
  values?: string[];
}

/** The options of a question as docs/api.md has them; other keys are labels. */
export interface Payload {
  matchers?: Matcher[] | string | Record<string, unknown>;
  [option: string]: unknown;
}

/** Values of a label, or the names of all metrics. */
export interface VariableQuery extends DataQuery {
  target?: string;
  payload?: Payload;
}

/** What dashboards and alert rules save: the server's own protocol. */
export interface HeapwatchQuery extends VariableQuery {
  editorMode?: 'builder' | 'json';
  live?: boolean;
  /** Ad-hoc filters of the dashboard, added when the query runs. */
  filters?: AdHocVariableFilter[];
}

/** Read by backend/settings.c, with httpHeaderName1 to 16. */
export interface Settings extends DataSourceJsonData {
  timeout?: number;
  serverName?: string;
  tlsSkipVerify?: boolean;
  tlsAuth?: boolean;
  tlsAuthWithCACert?: boolean;
  [header: `httpHeaderName${number}`]: string | undefined;
}

/** token, basicAuthPassword, tlsCACert, tlsClientCert, tlsClientKey, httpHeaderValue1 to 16. */
export type Secrets = Record<string, string>;

/** An element of POST /metrics. */
export interface Metric {
  label: string;
  value: string;
  description: string;
  payloads: Array<{ name: string; options?: Array<{ label: string; value: string }> }>;
}

/** What editors of conditions ask of the data source: labels ("by"), or the values of one. */
export type Source = { choices: (name: string, metric?: string, payload?: Payload) => Promise<SelectableValue[]> };
