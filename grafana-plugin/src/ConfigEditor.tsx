import type { DataSourcePluginOptionsEditorProps } from '@grafana/data';
import { Button, Field, FieldSet, Input, SecretInput, SecretTextArea, Switch } from '@grafana/ui';
import React, { type FormEvent, type ReactElement } from 'react';
import type { Secrets, Settings } from './types';

type Entry = FormEvent<HTMLInputElement | HTMLTextAreaElement>;
const HEADERS = Array.from({ length: 16 }, (_, i) => i + 1);

export function ConfigEditor({ options, onOptionsChange }: DataSourcePluginOptionsEditorProps<Settings, Secrets>) {
  const { url, basicAuth, jsonData, secureJsonFields = {}, secureJsonData = {} } = options;
  const change = (part: Partial<typeof options>) => onOptionsChange({ ...options, ...part });
  const set = (key: keyof Settings, value: unknown) => change({ jsonData: { ...jsonData, [key]: value } });
  const withSecret = (key: string, value: string) => ({
    secureJsonFields: { ...secureJsonFields, [key]: false },
    secureJsonData: { ...secureJsonData, [key]: value },
  });
  const secret = (key: string) => ({
    value: secureJsonData[key] ?? '',
    isConfigured: secureJsonFields[key] ?? false,
    onChange: (e: Entry) => change(withSecret(key, e.currentTarget.value)),
    onReset: () => change(withSecret(key, '')),
  });
  const field = (key: string, label: string, description: string, control: ReactElement<{ id?: string }>, error?: string) => (
    <Field {...{ label, description, error }} htmlFor={`config-${key}`} invalid={Boolean(error)}>
      {React.cloneElement(control, { id: `config-${key}` })}
    </Field>
  );
  const text = (value: unknown, onChange: (value: string) => void, placeholder = '', width = 50) => (
    <Input {...{ placeholder, width }} value={String(value ?? '')} onChange={(e) => onChange(e.currentTarget.value)} />
  );
  const flip = (value: boolean | undefined, onChange: (value: boolean) => void) => (
    <Switch value={value} onChange={(e) => onChange(e.currentTarget.checked)} />
  );
  const hidden = (key: string) => <SecretInput {...secret(key)} width={50} />;
  const toggle = (key: 'tlsSkipVerify' | 'tlsAuth' | 'tlsAuthWithCACert', label: string, description: string) =>
    field(key, label, description, flip(jsonData[key], (value) => set(key, value)));
  const pem = (key: string, label: string) =>
    field(key, label, '', <SecretTextArea {...secret(key)} cols={70} rows={5} placeholder="-----BEGIN ..." />);
  const used = HEADERS.filter((n) => jsonData[`httpHeaderName${n}`] !== undefined);
  const free = HEADERS.find((n) => !used.includes(n));
  const remove = (n: number) =>
    change({ ...withSecret(`httpHeaderValue${n}`, ''), jsonData: { ...jsonData, [`httpHeaderName${n}`]: undefined } });
  const address = text(url, (value) => change({ url: value.trim() }), 'http://127.0.0.1:9817');
  const named = (value: string) => set('serverName', value);
  const waited = (value: string) => set('timeout', Number(value) || undefined);
  return (
    <>
      <FieldSet label="Connection">
        {field('url', 'URL', 'http://, https:// or unix:///path/of/a.sock', address, urlProblem(url))}
        {field('timeout', 'Timeout', 'Seconds, 600 at most', text(jsonData.timeout, waited, '30', 12))}
      </FieldSet>
      <FieldSet label="Authentication">
        {field('token', 'Token', 'Sent as Authorization: Bearer', hidden('token'))}
        {field('basic', 'User and password', 'Where there is no token', flip(basicAuth, (on) => change({ basicAuth: on })))}
        {basicAuth && field('user', 'User', '', text(options.basicAuthUser, (basicAuthUser) => change({ basicAuthUser })))}
        {basicAuth && field('password', 'Password', '', hidden('basicAuthPassword'))}
      </FieldSet>
      {url.startsWith('https:') && (
        <FieldSet label="TLS">
          {toggle('tlsAuthWithCACert', 'Own certificate authority', 'It has signed the certificate of the server')}
          {jsonData.tlsAuthWithCACert && pem('tlsCACert', 'CA certificate')}
          {toggle('tlsAuth', 'Client certificate', 'For a server that asks who comes')}
          {jsonData.tlsAuth && pem('tlsClientCert', 'Certificate')}
          {jsonData.tlsAuth && pem('tlsClientKey', 'Private key')}
          {field('name', 'Server name', 'In the certificate, if not that of the URL', text(jsonData.serverName, named))}
          {toggle('tlsSkipVerify', 'Skip verification', 'Whoever answers is believed')}
        </FieldSet>
      )}
      <FieldSet label="HTTP headers">
        {/* A header keeps its number when another one goes: its secret cannot move. */}
        {used.map((n) => (
          <div key={n} style={{ display: 'flex', gap: 8, marginBottom: 8 }}>
            <Input
              aria-label={`Name of header ${n}`} width={24} placeholder="X-Header"
              value={jsonData[`httpHeaderName${n}`]} onChange={(e) => set(`httpHeaderName${n}`, e.currentTarget.value)}
            />
            <SecretInput {...secret(`httpHeaderValue${n}`)} aria-label={`Value of header ${n}`} width={32} />
            <Button variant="secondary" icon="trash-alt" aria-label={`Remove header ${n}`} onClick={() => remove(n)} />
          </div>
        ))}
        <Button variant="secondary" icon="plus" disabled={!free} onClick={() => free && set(`httpHeaderName${free}`, '')}>
          Header
        </Button>
      </FieldSet>
    </>
  );
}

function urlProblem(url: string): string | undefined {
  const good = !url || /^(https?:\/\/[^/@]+(\/[^@]*)?|unix:\/\/\/[^@]+)$/.test(url);
  const wrong = url.includes('@') ? 'User and password belong below' : 'Must begin with http://, https:// or unix:///';
  return good ? undefined : wrong;
}
