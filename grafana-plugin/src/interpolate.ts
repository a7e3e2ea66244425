import type { ScopedVars } from '@grafana/data';
import type { TemplateSrv } from '@grafana/runtime';
import type { Matcher, Payload } from './types';

const LONE_VARIABLE = /^(\$\w+|\$\{[^}:]+\}|\[\[\w+\]\])$/;

/** What the server reads as words; all other values may become patterns. */
const WORDS = ['agg', 'by', 'fn', 'format', 'legend', 'step', 'shift', 'threshold', 'topk', 'bottomk', 'top'];

/** Puts the values of the dashboard's variables into a payload. */
export function interpolate(payload: Payload, templates: TemplateSrv, scoped: ScopedVars = {}): Payload {
  const words = (text: string) => templates.replace(text, scoped);
  const pattern = (text: string) => templates.replace(text, scoped, 'regex');
  const list = (text: string) => valuesOf(text, templates, scoped);
  const put = (key: string, value: unknown) =>
    key === 'matchers' && Array.isArray(value)
      ? value.filter(isComplete).map((m: Matcher) => condition(m, pattern, list))
      : deep(value, WORDS.includes(key) ? words : pattern);
  return Object.fromEntries(Object.entries(payload).map(([key, value]) => [key, put(key, value)]));
}

/** A condition that is still being written restricts nothing. */
export const isComplete = (m: Matcher): boolean =>
  Boolean(m.key && (m.operator.endsWith('|') ? m.values?.length : m.value));

/** What equals is compared as it is, so several values make it "one of". */
function condition(m: Matcher, pattern: (text: string) => string, list: (text: string) => string[]): Matcher {
  if (m.operator.endsWith('~')) {
    return { ...m, value: pattern(m.value ?? '') };
  }
  const values = (m.values ?? [m.value ?? '']).flatMap(list);
  const operator = m.operator.startsWith('!') ? '!=|' : '=|';
  return m.values || values.length !== 1 ? { key: m.key, operator, values } : { ...m, value: values[0] };
}

/** All values of a variable that stands alone; they may have commas. */
function valuesOf(text: string, templates: TemplateSrv, scoped: ScopedVars): string[] {
  let values: string[] = [];
  const whole = templates.replace(text, scoped, (value: string | string[]) => {
    values = [value].flat();
    return values.join();
  });
  return LONE_VARIABLE.test(text) && values.length ? values : [whole];
}

/** All texts in it, which is what JSON can say. */
function deep(value: unknown, replace: (text: string) => string): unknown {
  return value && JSON.parse(JSON.stringify(value), (_, v) => (typeof v === 'string' ? replace(v) : v));
}
