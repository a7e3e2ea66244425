import { CoreApp, CustomVariableSupport, LiveChannelScope } from '@grafana/data';
import type { AdHocVariableFilter, AnnotationSupport, DataQueryRequest, DataQueryResponse } from '@grafana/data';
import type { MetricFindValue, ScopedVars, SelectableValue } from '@grafana/data';
import { DataSourceWithBackend, getGrafanaLiveSrv, getTemplateSrv } from '@grafana/runtime';
import { from, map, merge, type Observable } from 'rxjs';
import { VariableQueryEditor } from './VariableQueryEditor';
import { interpolate } from './interpolate';
import type { HeapwatchQuery, Metric, Payload, Settings, VariableQuery } from './types';

/** The server answers; this maps variables in, and says when a query is empty. */
export class DataSource extends DataSourceWithBackend<HeapwatchQuery, Settings> {
  variables = new Variables(this);
  annotations: AnnotationSupport<HeapwatchQuery> = { getDefaultQuery: () => ({ target: 'events', payload: {} }) };
  private templates = getTemplateSrv();
  private known?: Promise<Metric[]>;

  /** An alert rule wants one number for each service. */
  getDefaultQuery(app: CoreApp): Partial<HeapwatchQuery> {
    const alert = app === CoreApp.UnifiedAlerting || app === CoreApp.CloudAlerting;
    return { target: 'heap_util_rate', payload: alert ? { agg: 'max', by: ['service'], format: 'latest' } : {} };
  }

  filterQuery(query: HeapwatchQuery): boolean {
    return !query.hide && Boolean(query.target?.trim());
  }

  getQueryDisplayText(query: HeapwatchQuery): string {
    const { matchers, agg, fn, by } = query.payload ?? {};
    const where = Array.isArray(matchers)
      ? matchers.map((m) => m.key + m.operator + (m.values?.join('|') ?? m.value)).join(', ')
      : matchers && JSON.stringify(matchers);
    const series = `${query.target}${where ? `{${where}}` : ''}`;
    const folded = fn ? `${fn}(${series})` : series;
    const grouped = agg && agg !== 'none' ? `${agg}(${folded})` : folded;
    return by ? `${grouped} by ${[by].flat().join(', ')}` : grouped;
  }

  /** A query that came from a dashboard, to Explore or into an alert rule, has its filters already. */
  applyTemplateVariables(query: HeapwatchQuery, scoped: ScopedVars, filters: AdHocVariableFilter[] = []): HeapwatchQuery {
    return {
      ...query,
      target: this.templates.replace(query.target, scoped, 'regex'),
      payload: interpolate(query.payload ?? {}, this.templates, scoped),
      filters: [...(query.filters ?? []), ...filters],
    };
  }

  query(request: DataQueryRequest<HeapwatchQuery>): Observable<DataQueryResponse> {
    const live = request.targets.filter((t) => t.live && this.filterQuery(t));
    const stored = request.targets.filter((t) => !live.includes(t));
    return merge(
      ...live.map((target) => this.stream(target, request)),
      ...(stored.length || !live.length ? [super.query({ ...request, targets: stored })] : [])
    );
  }

  /** Each finished step as it comes. A channel's path stands for its question. */
  private stream(target: HeapwatchQuery, request: DataQueryRequest<HeapwatchQuery>): Observable<DataQueryResponse> {
    const { range, requestId, intervalMs, maxDataPoints } = request;
    const { target: metric, payload, filters } = this.applyTemplateVariables(target, request.scopedVars, request.filters);
    const data = { target: metric, payload, filters, intervalMs };
    const path = `query/${fingerprint(JSON.stringify(data))}`;
    // namespace is the name of "stream" before
    const addr = { scope: LiveChannelScope.DataSource, stream: this.uid, namespace: this.uid, path, data };
    const buffer = { maxLength: maxDataPoints ?? 1000, maxDelta: range.to.valueOf() - range.from.valueOf() };
    const named = (response: DataQueryResponse) => (response.data.forEach((f) => (f.refId = target.refId)), response);
    return getGrafanaLiveSrv().getDataStream({ addr, buffer, key: `${requestId}-${target.refId}` }).pipe(map(named));
  }

  metrics(): Promise<Metric[]> {
    this.known ??= this.postResource<Metric[]>('metrics', {}).catch((error) => {
      this.known = undefined;
      throw error;
    });
    return this.known;
  }

  /** Labels ("by") or the values of one, narrowed by what is chosen already. */
  choices(name: string, metric?: string, payload: Payload = {}): Promise<SelectableValue[]> {
    const { matchers } = interpolate(payload, this.templates);
    return this.postResource('metric-payload-options', { name, metric, payload: { matchers } });
  }

  async metricFindQuery(query: VariableQuery | string, request?: { scopedVars?: ScopedVars }): Promise<MetricFindValue[]> {
    const { target, payload } = typeof query === 'string' ? { target: query, payload: {} } : query;
    const asked = {
      ...interpolate(payload ?? {}, this.templates, request?.scopedVars),
      target: this.templates.replace(target, request?.scopedVars),
    };
    const ask = () => this.postResource<Array<Record<'__text' | '__value', string>>>('variable', { payload: asked });
    const values = target ? await ask() : [];
    return values.map((v) => ({ text: v.__text, value: v.__value }));
  }

  getTagKeys(): Promise<MetricFindValue[]> {
    return this.postResource('tag-keys', {});
  }

  getTagValues(options: { key: string; filters?: AdHocVariableFilter[] }): Promise<MetricFindValue[]> {
    return this.postResource('tag-values', { key: options.key, filters: options.filters ?? [] });
  }
}

class Variables extends CustomVariableSupport<DataSource, VariableQuery, HeapwatchQuery, Settings> {
  editor = VariableQueryEditor;

  constructor(private source: DataSource) { super(); }

  query = (request: DataQueryRequest<VariableQuery>): Observable<DataQueryResponse> =>
    from(this.source.metricFindQuery(request.targets[0], request)).pipe(map((data) => ({ data })));
}

/** FNV-1a of 64 bits: short, and of signs that a channel's path may have. */
function fingerprint(text: string): string {
  const next = (h: bigint, c: string) => BigInt.asUintN(64, (h ^ BigInt(c.codePointAt(0) ?? 0)) * 0x100000001b3n);
  return [...text].reduce(next, 0xcbf29ce484222325n).toString(36);
}
