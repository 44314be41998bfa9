import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { beforeAll, beforeEach, expect, test } from 'vitest';
import { pullModel, removeModel } from '../../lib/index.js';
import { claimedPath, heartbeat, partialFiles } from '../../lib/pull/claims.js';
import { bitnet, finished, start } from '../cli/bitnet.js';
import { pullEnvironment } from './environment.js';
import { fakeModel, type Handler, serveFile, type TestServer, testServer } from './server.js';

const temp = pullEnvironment();
const data = fakeModel(3_000_000);
const source = 'owner/repo/model.gguf';
const target = () => temp(`cache/models/${source}`);
let server: TestServer;
beforeAll(async () => {
  server = await testServer();
});
beforeEach(() => {
  process.env.HF_ENDPOINT = server.origin;
  server.requests.length = 0;
});

/** Sends the first half at once and the rest later, so that pulls overlap. */
const slowly: Handler = (_, response) => {
  response.writeHead(200, { etag: '"1"', 'content-length': data.length });
  response.write(data.subarray(0, data.length / 2));
  setTimeout(() => response.end(data.subarray(data.length / 2)), 1500);
};
const env = () => ({
  BITNET_CACHE: process.env.BITNET_CACHE!,
  HF_HOME: process.env.HF_HOME!,
  HF_ENDPOINT: server.origin,
});

test('three processes that pull the same file end with the same whole file', async () => {
  server.handler = slowly;
  const runs = await Promise.all([1, 2, 3].map(() => bitnet(['pull', source], { env: env() })));
  expect(runs.map(({ code }) => code)).toEqual([0, 0, 0]);
  expect(runs.filter(({ stderr }) => stderr.includes('waiting until it is done')).length).toBe(2);
  expect(readFileSync(target()).equals(data)).toBe(true);
  expect(readdirSync(dirname(target()))).toEqual(['model.gguf']);
  expect(server.requests.length).toBe(1);
});

test('pulls in one process take turns too', async () => {
  server.handler = slowly;
  const results = await Promise.all([pullModel(source), pullModel(source)]);
  expect(results.map(({ received }) => received).sort()).toEqual([0, data.length]);
  expect(readFileSync(target()).equals(data)).toBe(true);
});

test('what a killed process has left is taken over at once', async () => {
  server.handler = serveFile(data, { stallAfter: 1_000_000 });
  const child = start(['pull', source, '--timeout', '100'], env());
  const run = finished(child);
  while (!(await partialFiles(dirname(target()))).some(({ bytes }) => bytes === 1_000_000)) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const [held] = await partialFiles(dirname(target()));
  expect(held).toMatchObject({ state: 'busy', pid: child.pid });
  await removeModel(source); // does not take it away from the one that writes it
  expect(await partialFiles(dirname(target()))).toMatchObject([{ state: 'busy' }]);
  child.kill('SIGKILL');
  await run;
  expect(await partialFiles(dirname(target()))).toMatchObject([{ state: 'free' }]);
  server.handler = serveFile(data);
  expect(await pullModel(source)).toMatchObject({ received: 2_000_001 });
  expect(readFileSync(target()).equals(data)).toBe(true);
});

test('a process that shows no life is not waited for, and keeps its file', async () => {
  const sleeper = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60_000)']);
  try {
    mkdirSync(dirname(target()), { recursive: true });
    const own = claimedPath(target(), '0123456789abcdef');
    const path = own.replace(`-${process.pid}-`, `-${sleeper.pid}-`);
    writeFileSync(path, 'GGUF');
    const then = new Date(Date.now() - 20 * heartbeat);
    utimesSync(path, then, then);
    server.handler = serveFile(data);
    expect(await pullModel(source)).toMatchObject({ received: data.length });
    expect(await partialFiles(dirname(target()))).toMatchObject([{ path, state: 'lost' }]);
  } finally {
    sleeper.kill();
    await once(sleeper, 'close');
  }
});
