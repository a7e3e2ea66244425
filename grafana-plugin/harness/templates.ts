import type { ScopedVars } from '@grafana/data';
import type { TemplateSrv } from '@grafana/runtime';

type Value = string | string[];

/** Variables as a dashboard has them: $name and ${name}, formats regex and glob. */
export function templatesOf(variables: Record<string, Value>): TemplateSrv {
  const escape = (text: string) => text.replace(/[\\^$*+?.()|[\]{}/]/g, '\\$&');
  const formatted = (value: Value, format: unknown) => {
    const list = [value].flat();

    if (typeof format === 'function') {
      return format(value, {}, String);
    }
    if (format === 'regex') {
      return list.length === 1 ? escape(list[0]) : `(${list.map(escape).join('|')})`;
    }
    return list.length === 1 ? list[0] : `{${list.join(',')}}`;
  };
  const replace = (text = '', scoped?: ScopedVars, format?: unknown) =>
    text.replace(/\$(\w+)|\$\{(\w+)\}/g, (whole, a, b) => {
      const value = scoped?.[a ?? b]?.value ?? variables[a ?? b];

      return value === undefined ? whole : formatted(value, format);
    });

  return { replace, getVariables: () => [], containsTemplate: (text = '') => text.includes('$'), updateTimeRange: () => {} } as TemplateSrv;
}
