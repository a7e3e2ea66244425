/**
 * A stand-in for Grafana's server: starts the real executable of the plugin,
 * and offers the page the same addresses as Grafana does. Settings come from
 * the page, secrets too, as if they had been saved.
 */
import { spawn } from 'node:child_process';
import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const here = fileURLToPath(new URL('.', import.meta.url));
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
const STATUS = ['UNKNOWN', 'OK', 'ERROR'];

export async function startHost(executable, options) {
  const child = spawn(executable, [], {
    env: { grafana_plugin_type: 'datasource', PLUGIN_PROTOCOL_VERSIONS: '2', TMPDIR: process.env.TMPDIR ?? '/tmp' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const line = await new Promise((done, fail) => {
    createInterface(child.stdout).once('line', done);
    child.once('error', fail).once('exit', (code) => fail(new Error(`the plugin ended with ${code}`)));
  });
  const address = `unix:${line.split('|')[3]}`;
  const { pluginv2 } = grpc.loadPackageDefinition(loadSync(join(here, 'backend.proto'), { keepCase: true, longs: Number }));
  const client = (name) => new pluginv2[name](address, grpc.credentials.createInsecure());
  const clients = { data: client('Data'), resource: client('Resource'), health: client('Diagnostics'), stream: client('Stream') };
  const saved = { options };
  const server = createServer((q, a) =>
    answer(q, a, clients, saved).catch((error) => {
      a.statusCode = 500;
      a.end(JSON.stringify({ message: String(error) }));
    })
  );

  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    async stop() {
      Object.values(clients).forEach((c) => c.close());
      server.closeAllConnections();
      server.close();
      child.kill('SIGTERM');
      await new Promise((done) => (child.exitCode === null ? child.once('exit', done) : done()));
    },
  };
}

function context({ options }) {
  return {
    pluginId: 'heapwatch-heapwatch-datasource',
    dataSourceInstanceSettings: {
      uid: 'hw',
      name: 'Heapwatch',
      url: options.url,
      basicAuthEnabled: options.basicAuth,
      basicAuthUser: options.basicAuthUser,
      jsonData: Buffer.from(JSON.stringify(options.jsonData ?? {})),
      decryptedSecureJsonData: options.secureJsonData ?? {},
    },
  };
}

async function answer(q, a, clients, saved) {
  const url = new URL(q.url, 'http://host');
  const body = q.method === 'POST' ? await read(q) : Buffer.alloc(0);
  const json = (value) => a.setHeader('Content-Type', 'application/json').end(JSON.stringify(value));
  const resource = url.pathname.match(/\/resources\/(.*)$/);

  if (url.pathname === '/settings') {
    saved.options = JSON.parse(body);
    json({});
  } else if (url.pathname === '/api/ds/query') {
    json(await queryData(JSON.parse(body), clients, saved));
  } else if (url.pathname.endsWith('/health')) {
    const { status, message } = await unary(clients.health, 'CheckHealth', { pluginContext: context(saved) });
    a.statusCode = status === 1 ? 200 : 400;
    json({ status: STATUS[status], message });
  } else if (resource) {
    const ask = { pluginContext: context(saved), path: resource[1], method: q.method, url: resource[1] + url.search, body };
    for await (const part of clients.resource.CallResource(ask)) {
      a.statusCode = part.code;
      a.setHeader('Content-Type', 'application/json').end(part.body);
    }
  } else if (url.pathname === '/live') {
    await live(JSON.parse(body), a, clients, saved);
  } else {
    file(url.pathname, a);
  }
}

/** As /api/ds/query does it. */
async function queryData({ queries, from, to }, clients, saved) {
  const { responses } = await unary(clients.data, 'QueryData', {
    pluginContext: context(saved),
    format: 1,
    queries: queries.map((query) => ({
      refId: query.refId,
      maxDataPoints: query.maxDataPoints,
      intervalMS: query.intervalMs,
      timeRange: { fromEpochMS: Number(from), toEpochMS: Number(to) },
      json: Buffer.from(JSON.stringify(query)),
    })),
  });
  const results = Object.entries(responses).map(([refId, { frames, error, status }]) => [
    refId,
    error ? { error, status, frames: [] } : { status: status || 200, frames: frames.map((f) => JSON.parse(f)) },
  ]);

  return { results: Object.fromEntries(results) };
}

/** A line for each packet, until the page has enough. */
async function live({ path, data }, a, clients, saved) {
  const ask = { pluginContext: context(saved), path, data: Buffer.from(JSON.stringify(data)) };
  const { status } = await unary(clients.stream, 'SubscribeStream', ask);

  if (status !== 0) {
    throw new Error(`the subscription is refused: ${status}`);
  }
  const packets = clients.stream.RunStream(ask);
  packets.on('data', (packet) => a.write(`${packet.data}\n`));
  packets.on('error', () => a.end());
  a.on('close', () => packets.cancel());
}

function unary(client, method, message) {
  return new Promise((done, fail) => client[method](message, (error, reply) => (error ? fail(error) : done(reply))));
}

async function read(q) {
  const parts = [];

  for await (const part of q) {
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** The page; and the icons that Grafana keeps beside itself. */
function file(path, a) {
  const icons = path.match(/\/img\/icons\/(.*)$/);
  const name = icons
    ? join(here, '../node_modules/@grafana/ui/dist/public/img/icons', normalize(`/${icons[1]}`))
    : join(here, '../harness-dist', normalize(path === '/' ? '/index.html' : path));

  if (!existsSync(name) || !statSync(name).isFile()) {
    a.statusCode = 404;
    a.end();
    return;
  }
  a.setHeader('Content-Type', TYPES[extname(name)] ?? 'application/octet-stream');
  createReadStream(name).pipe(a);
}
