import { beforeAll, beforeEach, expect, test } from 'vitest';
import { pullModel } from '../../lib/index.js';
import { pullEnvironment } from './environment.js';
import { fakeModel, serveFile, type TestServer, testProxy, testServer } from './server.js';

pullEnvironment();
const data = fakeModel(100_000);
const source = 'owner/repo/model.gguf';
let server: TestServer;
let proxy: Awaited<ReturnType<typeof testProxy>>;
beforeAll(async () => {
  server = await testServer(serveFile(data));
  proxy = await testProxy();
});
beforeEach(() => {
  proxy.seen.length = 0;
  process.env.HF_ENDPOINT = server.origin;
});

test.each(['HTTP_PROXY', 'http_proxy'])('%s is used', async (name) => {
  process.env[name] = proxy.origin;
  expect(await pullModel(source)).toMatchObject({ received: data.length });
  expect(proxy.seen).toEqual([`GET ${server.origin}/owner/repo/resolve/main/model.gguf`]);
});

test('an empty variable does not hide the other spelling', async () => {
  process.env.http_proxy = '';
  process.env.HTTP_PROXY = proxy.origin;
  process.env.no_proxy = '';
  await pullModel(source);
  expect(proxy.seen.length).toBe(1);
  process.env.NO_PROXY = '127.0.0.1';
  await pullModel(source, { force: true });
  expect(proxy.seen.length).toBe(1);
});

test.each(['HTTPS_PROXY', 'https_proxy'])('%s is used for https, as a tunnel', async (name) => {
  process.env[name] = proxy.origin;
  const secure = `https://${new URL(server.origin).host}/x.gguf`; // no TLS there: it fails inside
  const pulling = pullModel(secure, { retries: 0, stallTimeout: 5000 });
  await expect(pulling).rejects.toMatchObject({ code: 'ERR_BITNET_NETWORK' });
  expect(proxy.seen).toEqual([`CONNECT ${new URL(server.origin).host}`]);
  await pullModel(source); // http does not go there
  expect(proxy.seen.length).toBe(1);
});

test.each([
  ['NO_PROXY', '127.0.0.1'],
  ['no_proxy', 'example.org,127.0.0.1'],
  ['NO_PROXY', '*'],
])('%s=%s goes without', async (name, hosts) => {
  process.env.HTTP_PROXY = proxy.origin;
  process.env[name] = hosts;
  await pullModel(source);
  expect(proxy.seen).toEqual([]);
});

test('a proxy that is not there is a failed connection', async () => {
  process.env.HTTP_PROXY = 'http://user:secret@127.0.0.1:1';
  const error = await pullModel(source, { retries: 0 }).catch((reason) => reason);
  expect(error).toMatchObject({ code: 'ERR_BITNET_NETWORK' });
  expect(error.message).not.toContain('secret');
});
