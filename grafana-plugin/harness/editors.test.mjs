/**
 * A person's clicks through the real editors in a real Chromium; behind them
 * the plugin's executable and a heapwatch server with a known past. Screenshots
 * go to $SCREENSHOTS. Started by tests/e2e/shell.py.
 */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';

import { chromium } from 'playwright-core';

import { startHost } from './host.mjs';

const { HEAPWATCH_URL, HEAPWATCH_END_MS, PLUGIN, CHROMIUM, SCREENSHOTS, CERTIFICATES } = process.env;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const examples = JSON.parse(readFileSync(new URL('../src/examples.json', import.meta.url)));

const PATIENCE_MS = 90000;

// Switches are flipped by key: what is seen of them lies over them, so that a click
// must be forced, and a forced one misses where a late text has moved them on.

let host, browser;

before(async () => {
  mkdirSync(SCREENSHOTS, { recursive: true });
  host = await startHost(PLUGIN, { url: HEAPWATCH_URL });
  browser = await chromium.launch({ executablePath: CHROMIUM, timeout: 180000, args: ['--no-sandbox', '--disable-gpu'] });
});
after(async () => {
  await browser?.close();
  await host?.stop();
});

/** Opens a view and hands it over; whatever the page complains of is a failure. */
async function view(name, question, act) {
  const page = await browser.newPage({ viewport: { width: 1060, height: 900 } });
  const faults = [];
  const texts = Object.entries(question).map(([k, v]) => [k, typeof v === 'string' ? v : JSON.stringify(v)]);

  await fetch(`${host.url}/settings`, { method: 'POST', body: JSON.stringify({ url: HEAPWATCH_URL }) });
  page.setDefaultTimeout(PATIENCE_MS);
  page.on('pageerror', (error) => faults.push(String(error)));
  // A refused question is said, too; the page has no fonts of Grafana's.
  page.on('console', (said) => said.type() === 'error' && !said.text().startsWith('Failed to load') && faults.push(said.text()));
  page.on('response', (a) => a.status() === 404 && !/fonts|favicon/.test(a.url()) && faults.push(`404 ${a.url()}`));
  await page.goto(`${host.url}/?${new URLSearchParams([['view', name], ['end', HEAPWATCH_END_MS], ...texts])}`);
  await page.getByRole('heading', { level: 1 }).waitFor();
  await act(page);
  assert.deepEqual(faults, []);
  await page.close();
}

const shoot = (page, name) => page.screenshot({ path: `${SCREENSHOTS}/${name}.png`, fullPage: true });
const told = async (page, id) => JSON.parse(await page.locator(`#${id}`).textContent());

async function until(page, id, good) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const value = await told(page, id);
    if (good(value)) {
      return value;
    }
    assert.ok(Date.now() < end, `#${id} stays ${JSON.stringify(value)} of ${await page.locator('#saved').textContent()}`);
    await page.waitForTimeout(100);
  }
}

async function open(page, label) {
  await page.getByLabel(label, { exact: true }).focus();
  await page.keyboard.press('ArrowDown');
  await page.getByRole('option').first().waitFor();
}

const offered = async (page) => (await page.getByRole('option').allInnerTexts()).map((text) => text.split('\n')[0]);

async function pick(page, label, word) {
  await open(page, label);
  await page.keyboard.type(word);
  await page.getByRole('option').filter({ hasText: word }).first().waitFor();
  await page.keyboard.press('Enter');
}

async function write(page, label, text) {
  await page.getByLabel(label, { exact: true }).fill(text);
  await page.keyboard.press('Enter');
}

async function assertAccessible(page, where) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => window.axe.run('main', { rules: { region: { enabled: false } } }));
  const words = violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(' | ')}`);

  assert.deepEqual(words, [], where);
}

test('a metric, a function, a group and a rank are clicked together and answered', async () => {
  await view('query', {}, async (page) => {
    await pick(page, 'Metric', 'heap_used_bytes');
    await pick(page, 'Aggregate series', 'max');
    await pick(page, 'By labels', 'service');
    await write(page, 'Highest', '2');
    await write(page, 'Legend', 'svc {{service}}');
    const { frames, text } = await until(page, 'answer', (a) => a?.frames?.length === 2);

    assert.equal(text, 'max(heap_used_bytes) by service');
    assert.ok(frames.every((f) => f.rows > 1 && f.refId === 'A'));
    assert.match(JSON.stringify(frames.map((f) => f.notices)), /highest 2 of 3 series/);
    assert.deepEqual(await told(page, 'saved'), {
      refId: 'A', target: 'heap_used_bytes', payload: { agg: 'max', by: ['service'], topk: '2', legend: 'svc {{service}}' },
    });
    await shoot(page, 'query');
  });
});

test('conditions offer only what the other conditions leave', async () => {
  await view('query', {}, async (page) => {
    await page.getByRole('button', { name: 'Condition', exact: true }).click();
    await pick(page, 'Label of condition 1', 'node');
    await pick(page, 'Value of condition 1', 'plc-01');
    await page.getByRole('button', { name: 'Condition', exact: true }).click();
    await pick(page, 'Label of condition 2', 'pid');
    await pick(page, 'Operator of condition 2', '=|');
    await open(page, 'Value of condition 2');
    assert.equal((await offered(page)).length, 4, 'of 12 processes on 3 nodes');
    await page.keyboard.press('Enter');
    const { frames } = await until(page, 'answer', (a) => a?.text?.includes('pid=|4'));
    assert.deepEqual(frames.map((f) => f.fields[1].labels.node), ['plc-01']);
    await shoot(page, 'conditions');
    await page.getByRole('button', { name: 'Remove condition 2' }).click();
    assert.equal((await told(page, 'saved')).payload.matchers.length, 1);
  });
});

test('variables with any signs, and ad-hoc filters, restrict what is asked', async () => {
  const nodes = ['hist(3)', 'edge,7|b "x"'];
  const query = { target: '$metric', payload: { agg: 'max', by: ['node'], matchers: [{ key: 'node', operator: '=', value: '$node' }] } };
  const asked = (more) => ({ query, variables: { node: nodes, metric: 'heap_util_rate' }, ...more });
  const answered = async (page) => {
    await write(page, 'Least step', '10s');
    const { frames } = await until(page, 'answer', (a) => a?.frames?.length);
    return frames.map((f) => f.fields[1].labels.node);
  };

  await view('query', asked({}), async (page) => assert.deepEqual((await answered(page)).sort(), [...nodes].sort()));
  await view('query', asked({ filters: { list: [{ key: 'node', operator: '=', value: 'hist(3)' }] } }), async (page) =>
    assert.deepEqual(await answered(page), ['hist(3)'])
  );
});

test('what is written as JSON is asked, and said when it is wrong', async () => {
  await view('query', {}, async (page) => {
    await page.getByLabel('JSON', { exact: true }).press('Space');
    const text = page.getByLabel('Target and payload');
    await text.fill('{"target": "heap_util_rate", "payload": [] }');
    await page.getByText('payload must be an object').waitFor();
    await shoot(page, 'json-wrong');
    await text.fill('{"target": "heap_util_rate", "payload": {"format": "latest", "agg": "states"}}');
    await text.blur();
    const { frames } = await until(page, 'answer', (a) => a?.frames?.length);
    assert.equal(frames[0].name, 'heap_util_rate');
    await assertAccessible(page, 'json');
    await page.getByLabel('Builder', { exact: true }).press('Space');
    await page.getByText('latest', { exact: true }).waitFor();
    await text.waitFor({ state: 'detached' });
  });
});

test("a server's refusal reaches the reader", async () => {
  await view('query', { query: { target: 'heap_utl_rate' } }, async (page) => {
    await write(page, 'Least step', '10s');
    const { error } = await until(page, 'answer', (a) => a?.error);
    assert.match(error, /close to it: heap_util_rate/);
  });
});

test('a live query brings the newest steps of the stream under its own refId', async () => {
  await view('query', { query: { refId: 'B', target: 'memory_available_bytes' } }, async (page) => {
    await page.getByLabel('Live', { exact: true }).press('Space');
    const { frames } = await until(page, 'answer', (a) => a?.frames?.[0]?.rows === 1);
    assert.equal(frames[0].refId, 'B');
    assert.ok(frames[0].fields[1].last > 1e6);
    assert.equal((await told(page, 'saved')).live, true);
  });
});

test('each example of the help is answered without a word of complaint', async () => {
  await view('help', {}, async (page) => {
    for (const { title, target } of examples) {
      await page.getByRole('button', { name: title }).click();
      const { error, frames } = await until(page, 'answer', (a) => a?.text?.includes(target));
      assert.equal(error, undefined, title);
      assert.ok(frames.length > 0, title);
    }
    await assertAccessible(page, 'help');
    await shoot(page, 'help');
  });
});

test('a variable is the values of a label, narrowed by conditions', async () => {
  await view('variable', {}, async (page) => {
    await pick(page, 'Values of the label', 'pid');
    const all = await until(page, 'answer', (a) => a?.length === 12);
    await page.getByRole('button', { name: 'Condition', exact: true }).click();
    await pick(page, 'Label of condition 1', 'node');
    await pick(page, 'Value of condition 1', 'plc-01');
    const some = await until(page, 'answer', (a) => a?.length === 4);
    assert.ok(some.every((v) => all.some((o) => o.value === v.value && v.text === v.value)));
    await assertAccessible(page, 'variable');
    await shoot(page, 'variable');
  });
});

/** A way to the real server that keeps what was sent with each question. */
function gateway(t, seen, secure) {
  const pass = (q, a) => {
    seen.push({ ...q.headers, certificate: q.socket.getPeerCertificate?.().subject?.CN });
    q.pipe(request(HEAPWATCH_URL + q.url, { method: q.method, headers: { ...q.headers, host: '127.0.0.1' } }, (from) => {
      a.writeHead(from.statusCode, from.headers);
      from.pipe(a);
    }));
  };
  const server = secure ? createSecureServer(secure, pass) : createServer(pass);
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return new Promise((done) => server.listen(0, '127.0.0.1', () => done(server)));
}

/** The answer of before may still stand: what counts is the one to this click. */
async function save(page, good = /success/) {
  const checked = page.waitForResponse((a) => a.url().endsWith('/health'));

  await page.getByRole('button', { name: 'Save & test' }).click();
  const { message } = await (await checked).json();
  const answer = await until(page, 'answer', (a) => a?.message === message);
  assert.match(JSON.stringify(answer), good);
}

test('token, user and headers of the settings reach the server', async (t) => {
  const seen = [];
  const server = await gateway(t, seen);

  await view('config', {}, async (page) => {
    await page.getByLabel('URL').fill('ftp://heapwatch');
    await page.getByText('Must begin with http://').waitFor();
    await page.getByLabel('URL').fill(`http://127.0.0.1:${server.address().port}`);
    await page.getByLabel('Timeout').fill('5');
    await page.getByRole('button', { name: 'Header', exact: true }).click();
    await page.getByLabel('Name of header 1').fill('X-Plant');
    await page.getByLabel('Value of header 1').fill('north');
    await page.getByLabel('User and password').press('Space');
    await page.getByLabel('User', { exact: true }).fill('ada');
    await page.getByLabel('Password', { exact: true }).fill('pass');
    await save(page);
    assert.equal(seen.at(-1).authorization, `Basic ${Buffer.from('ada:pass').toString('base64')}`);
    assert.equal(seen.at(-1)['x-plant'], 'north');
    await page.getByRole('textbox', { name: /^Token/ }).fill('secret-token');
    await assertAccessible(page, 'config');
    await shoot(page, 'config');
    await page.getByRole('button', { name: 'Remove header 1' }).click();
    await save(page);
    assert.equal(seen.at(-1).authorization, 'Bearer secret-token');
    assert.equal(seen.at(-1)['x-plant'], undefined);
    assert.equal((await told(page, 'saved')).jsonData.timeout, 5);
  });
});

test('a server behind TLS is believed by its own authority, and is shown a certificate', async (t) => {
  const pem = (name) => readFileSync(`${CERTIFICATES}/${name}.pem`, 'utf8');
  const seen = [];
  const server = await gateway(t, seen, { key: pem('key'), cert: pem('cert'), ca: pem('cert'), requestCert: true, rejectUnauthorized: true });

  await view('config', { theme: 'light' }, async (page) => {
    await page.getByLabel('URL').fill(`https://127.0.0.1:${server.address().port}`);
    await save(page, /error|certificate/i);
    await page.getByLabel('Own certificate authority').press('Space');
    await page.getByLabel('CA certificate').fill(pem('cert'));
    await page.getByLabel('Client certificate').press('Space');
    await page.getByLabel('Certificate', { exact: true }).fill(pem('cert'));
    await page.getByLabel('Private key').fill(pem('key'));
    await page.getByLabel('Server name').fill('heapwatch.test');
    await page.getByRole('button', { name: 'Save & test' }).click();
    await until(page, 'answer', (a) => a?.status === 'success');
    assert.equal(seen.at(-1).certificate, 'heapwatch.test');
    await assertAccessible(page, 'config with TLS');
    await shoot(page, 'config-tls');
  });
});

for (const theme of ['dark', 'light']) {
  test(`the query editor has no fault that axe knows, ${theme}`, async () => {
    const payload = { agg: 'max', by: ['service'], fn: 'beyond', matchers: [{ key: 'node', operator: '=|', values: ['plc-01'] }] };

    await view('query', { theme, query: { target: 'heap_util_rate', payload } }, async (page) => {
      await page.getByText('Used heap divided by').waitFor();
      await assertAccessible(page, theme);
      await shoot(page, `query-${theme}`);
    });
  });
}
