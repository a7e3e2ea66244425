import type { SelectableValue } from '@grafana/data';
import { Field, Input, MultiSelect, Select, useTheme2 } from '@grafana/ui';
import React, { useEffect, useState, type ComponentProps, type ReactNode } from 'react';

/** Fields beside each other, in a box of their own. */
export function Row({ children }: { children: ReactNode }) {
  const { colors, spacing, shape } = useTheme2();
  const box = { padding: spacing(1), marginBottom: spacing(0.5), borderRadius: shape.radius.default };
  const flow = { display: 'flex', flexWrap: 'wrap', alignItems: 'flex-end', gap: spacing(1, 1.5) } as const;
  return <div style={{ ...box, ...flow, background: colors.background.secondary }}>{children}</div>;
}

interface LabelledProps {
  id: string;
  label: string;
  width?: number; // pixels; all that is left when absent
  bare?: boolean; // the label is for screen readers alone
  error?: string;
}

export function Labelled(props: LabelledProps & Pick<ComponentProps<typeof Field>, 'children'>) {
  const { id, label, width, bare, error, children } = props;
  const style = { margin: 0, ...(width ? { width } : { flex: '1 1 200px', minWidth: 0 }) };
  return (
    <Field label={bare ? undefined : label} htmlFor={id} invalid={Boolean(error)} error={error} style={style}>
      {children}
    </Field>
  );
}

interface TextProps extends LabelledProps {
  value: unknown;
  placeholder?: string;
  onCommit: (value: string) => void;
}

/** Tells what was written once it is finished, so that no half a word is asked. */
export function Text({ value, placeholder, onCommit, ...field }: TextProps) {
  const given = String(value ?? '');
  const [text, setText] = useState(given);
  const commit = () => text !== given && onCommit(text);
  const events = { onBlur: commit, onKeyDown: (e: React.KeyboardEvent) => e.key === 'Enter' && commit() };
  useEffect(() => setText(given), [given]);
  return (
    <Labelled {...field}>
      <Input id={field.id} value={text} onChange={(e) => setText(e.currentTarget.value)} {...{ placeholder, ...events }} />
    </Labelled>
  );
}

interface ChooseProps extends LabelledProps {
  value: unknown;
  placeholder?: string;
  several?: boolean;
  load: () => Promise<SelectableValue[]>; // asked whenever the menu opens: what else is chosen narrows it
  onChange: (values: string[]) => void;
}

/** One or several words of a menu, or others that are written. */
export function Choose({ value, placeholder, several, load, onChange, ...field }: ChooseProps) {
  const [options, setOptions] = useState<SelectableValue[]>([]);
  const [noOptionsMessage, setMessage] = useState('Loading');
  const chosen = [value ?? []].flat().filter(Boolean).map((v) => ({ value: String(v), label: String(v) }));
  const told = (next: SelectableValue | SelectableValue[] | null) => onChange([next ?? []].flat().map((o) => o.value));
  const onOpenMenu = () =>
    load().then(
      (list) => (setOptions(list), setMessage('Nothing to choose from')),
      (error) => (setOptions([]), setMessage(`Cannot be listed: ${problemOf(error)}`))
    );
  const menu = { inputId: field.id, 'aria-label': field.label, options, noOptionsMessage, onOpenMenu, placeholder };
  return (
    <Labelled {...field}>
      {several ? (
        <MultiSelect {...menu} allowCustomValue value={chosen} onChange={told} />
      ) : (
        <Select {...menu} allowCustomValue isClearable value={chosen[0] ?? null} onChange={told} />
      )}
    </Labelled>
  );
}

export function problemOf(error: unknown): string {
  const { data, message } = error as { data?: { message?: string }; message?: string };
  return data?.message ?? message ?? 'no answer';
}
