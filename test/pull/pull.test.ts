import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { listModels, type PullOptions, pullModel } from '../../lib/index.js';
import { pullEnvironment } from './environment.js';
import {
  answer,
  fakeModel,
  type Handler,
  redirect,
  serveFile,
  sha256,
  type TestServer,
  testServer,
} from './server.js';

const temp = pullEnvironment();
const data = fakeModel(300_000);
let server: TestServer;
let elsewhere: TestServer;
beforeEach(async () => {
  server ??= await testServer();
  elsewhere ??= await testServer();
  server.requests.length = 0;
  elsewhere.requests.length = 0;
  process.env.HF_ENDPOINT = server.origin;
});

const source = 'owner/repo/model.gguf';
const once: PullOptions = { retries: 0 };
/** Breaks the connection when the first 100,000 bytes are written, of those who stall there. */
const cutting: PullOptions = {
  onProgress({ bytes }) {
    if (bytes === 100_000) for (const { cut } of [server, elsewhere]) cut();
  },
};
const target = () => join(temp('cache'), 'models', source);
/** The file's folder: names, fingerprints left out. */
const left = () =>
  existsSync(dirname(target()))
    ? readdirSync(dirname(target())).map((name) => name.replace(/\.[\da-f]{16}(?=\.)/, ''))
    : [];
const ranges = () => server.requests.map(({ headers }) => headers.range);
/** Lets a first pull fail after some bytes. */
async function beginWith(handler: Handler): Promise<void> {
  server.handler = handler;
  await expect(pullModel(source, { ...once, ...cutting })).rejects.toMatchObject({
    resumable: true,
  });
  server.requests.length = 0;
}

describe('pullModel', () => {
  test('gets a file of the hub into the cache folder, and only once', async () => {
    server.handler = serveFile(data);
    const result = await pullModel(source);
    expect(result).toEqual({
      name: source,
      path: target(),
      bytes: data.length,
      received: data.length,
      files: [{ path: target(), bytes: data.length, sha256: sha256(data) }],
    });
    expect(readFileSync(target()).equals(data)).toBe(true);
    expect(left()).toEqual(['model.gguf']);
    expect(server.requests.map(({ url }) => url)).toEqual(['/owner/repo/resolve/main/model.gguf']);
    expect(await pullModel(source)).toMatchObject({ received: 0, bytes: data.length });
    expect(server.requests.length).toBe(1);
    const newer = fakeModel(1000, 'b');
    server.handler = serveFile(newer, { etag: '"2"' });
    expect(await pullModel(source, { force: true })).toMatchObject({ received: newer.length });
    expect(readFileSync(target()).equals(newer)).toBe(true);
  });

  test('gets a file from an address, and names it after that', async () => {
    elsewhere.handler = serveFile(data);
    const { host } = new URL(elsewhere.origin);
    const result = await pullModel(`${elsewhere.origin}/some/m.gguf?download=true#x`);
    expect(result.name).toBe(`${host.replace(':', '_')}/some/m.gguf`);
    expect(elsewhere.requests[0]!.url).toBe('/some/m.gguf?download=true');
    expect((await listModels()).map(({ name }) => name)).toEqual([result.name]);
  });

  test('reports progress', async () => {
    server.handler = serveFile(data);
    const seen: unknown[] = [];
    await pullModel(source, { onProgress: (progress) => seen.push(progress) });
    const common = { file: 'model.gguf', part: 1, parts: 1, total: data.length };
    expect(seen[0]).toEqual({ ...common, bytes: 0 });
    expect(seen.at(-1)).toEqual({ ...common, bytes: data.length });
  });

  test('writes to another file or folder, and replaces nothing unasked', async () => {
    server.handler = serveFile(data);
    const output = temp('out/x.gguf');
    const result = await pullModel(source, { output });
    expect(result).toMatchObject({ path: output });
    expect(result).not.toHaveProperty('name');
    expect(readFileSync(output).equals(data)).toBe(true);
    await expect(pullModel(source, { output })).rejects.toMatchObject({
      code: 'ERR_BITNET_FILE',
      message: expect.stringContaining('there is one'),
    });
    await pullModel(source, { output: temp('out') });
    expect(readdirSync(temp('out')).sort()).toEqual(['model.gguf', 'x.gguf']);
    expect(await listModels()).toEqual([]);
    await pullModel(source, { output, force: true });
  });
});

describe('a cut connection', () => {
  test('is resumed at once', async () => {
    server.handler = (request, response) => {
      const behaviour = server.requests.length === 1 ? { stallAfter: 100_000 } : {};
      return serveFile(data, behaviour)(request, response);
    };
    const notices: string[] = [];
    const result = await pullModel(source, {
      ...cutting,
      onNotice: (text) => notices.push(text),
    });
    expect(ranges()).toEqual([undefined, 'bytes=99999-']);
    expect(result).toMatchObject({ received: data.length + 1, files: [{ sha256: sha256(data) }] });
    expect(readFileSync(target()).equals(data)).toBe(true);
    expect(notices).toEqual([
      expect.stringMatching(/closed the connection.*Trying again in \d s \(1 of 4\)/),
    ]);
  });

  test('is resumed by the next pull, which checks all bytes', async () => {
    await beginWith(serveFile(data, { stallAfter: 100_000 }));
    expect(left()).toEqual(['model.gguf.part']);
    expect(await listModels()).toMatchObject([{ name: source, bytes: 100_000, complete: false }]);
    server.handler = serveFile(data);
    expect(await pullModel(source, once)).toMatchObject({
      received: 200_001,
      files: [{ sha256: sha256(data) }],
    });
    expect(ranges()).toEqual(['bytes=99999-']);
    expect(readFileSync(target()).equals(data)).toBe(true);
    expect(left()).toEqual(['model.gguf']);
  });

  test('is resumed when all bytes had come', async () => {
    await beginWith(serveFile(data, { stallAfter: 100_000 }));
    const [part] = readdirSync(dirname(target()));
    writeFileSync(join(dirname(target()), part!), data);
    server.handler = serveFile(data);
    expect(await pullModel(source, once)).toMatchObject({ received: 1 });
    expect(readFileSync(target()).equals(data)).toBe(true);
  });

  test('begins anew when the file has changed', async () => {
    await beginWith(serveFile(data, { stallAfter: 100_000 }));
    const other = fakeModel(300_000, 'b');
    server.handler = serveFile(other, { etag: '"2"' });
    await pullModel(source, once);
    expect(ranges()).toEqual(['bytes=99999-', undefined]);
    expect(readFileSync(target()).equals(other)).toBe(true);
    expect(left()).toEqual(['model.gguf']);
  });

  test('begins anew when the file has become shorter (416)', async () => {
    await beginWith(serveFile(data, { stallAfter: 100_000 }));
    const other = fakeModel(1000, 'b');
    server.handler = serveFile(other);
    await pullModel(source, once);
    expect(ranges()).toEqual(['bytes=99999-', undefined]);
    expect(readFileSync(target()).equals(other)).toBe(true);
  });

  test('begins anew when the server ignores ranges', async () => {
    await beginWith(serveFile(data, { stallAfter: 100_000 }));
    server.handler = serveFile(data, { ranges: false });
    expect(await pullModel(source, once)).toMatchObject({ received: data.length });
    expect(ranges()).toEqual(['bytes=99999-']);
    expect(readFileSync(target()).equals(data)).toBe(true);
  });

  test.each(['W/"1"', undefined])('leaves nothing where the ETag is %s', async (etag) => {
    server.handler = serveFile(data, { etag, stallAfter: 100_000 });
    await expect(pullModel(source, { ...once, ...cutting })).rejects.toMatchObject({
      resumable: false,
    });
    expect(left()).toEqual([]);
  });

  test('is resumed without an ETag where there is a date or a checksum', async () => {
    const dated = {
      etag: undefined,
      headers: { 'last-modified': 'Tue, 24 Nov 2026 08:00:00 GMT' },
    };
    await beginWith(serveFile(data, { ...dated, stallAfter: 100_000 }));
    server.handler = serveFile(data, dated);
    expect(await pullModel(source, once)).toMatchObject({ received: 200_001 });

    const output = temp('out/x.gguf');
    const options = { ...once, output, sha256: sha256(data) };
    server.handler = serveFile(data, { etag: undefined, stallAfter: 100_000 });
    await expect(pullModel(source, { ...options, ...cutting })).rejects.toMatchObject({
      resumable: true,
    });
    server.handler = serveFile(data, { etag: undefined });
    expect(await pullModel(source, options)).toMatchObject({ received: 200_001 });
  });

  test('is an error after the last try', async () => {
    server.handler = serveFile(data, { breaks: true });
    await expect(pullModel(source, { retries: 1 })).rejects.toMatchObject({
      code: 'ERR_BITNET_NETWORK',
      message: expect.stringMatching(/^Expected an answer from 127\.0\.0\.1:\d+, but it closed/),
    });
    expect(server.requests.length).toBe(2);
  });

  test('a server that falls silent is an error, and what came is kept', async () => {
    server.handler = serveFile(data, { stallAfter: 100_000 });
    const pulling = pullModel(source, { ...once, stallTimeout: 1000 });
    await expect(pulling).rejects.toMatchObject({
      code: 'ERR_BITNET_NETWORK',
      message: expect.stringContaining('it stopped sending; pull again to resume'),
      resumable: true,
    });
    server.handler = () => {}; // no answer at all
    await expect(pullModel(source, { ...once, stallTimeout: 1000 })).rejects.toMatchObject({
      message: expect.stringContaining('it does not answer the request'),
      resumable: true,
    });
    expect(left()).toEqual(['model.gguf.part']);
  });

  test('an abort keeps what came', async () => {
    server.handler = serveFile(data, { stallAfter: 100_000 });
    const controller = new AbortController();
    const pulling = pullModel(source, {
      signal: controller.signal,
      onProgress: ({ bytes }) => bytes === 100_000 && controller.abort('why'),
    });
    await expect(pulling).rejects.toMatchObject({
      code: 'ERR_BITNET_ABORTED',
      name: 'AbortError',
      cause: 'why',
      resumable: true,
    });
    expect(left()).toEqual(['model.gguf.part']);
    const aborted = pullModel(source, { signal: AbortSignal.abort() });
    await expect(aborted).rejects.toMatchObject({ code: 'ERR_BITNET_ABORTED' });
    expect(left()).toEqual(['model.gguf.part']);
  });
});

describe('what arrives is checked:', () => {
  test('the checksum of the caller', async () => {
    server.handler = serveFile(data);
    const wrong = 'ab'.repeat(32);
    await expect(pullModel(source, { sha256: wrong })).rejects.toMatchObject({
      code: 'ERR_BITNET_CHECKSUM',
      expected: wrong,
      found: sha256(data),
    });
    expect(left()).toEqual([]);
    await pullModel(source, { sha256: sha256(data).toUpperCase() });
    await pullModel(source, { sha256: sha256(data) }); // is there
    await expect(pullModel(source, { sha256: wrong })).rejects.toMatchObject({
      code: 'ERR_BITNET_CHECKSUM',
      message: expect.stringContaining('--force'),
    });
    expect(server.requests.length).toBe(2);
  });

  test('the checksum of the hub, which also tells files apart', async () => {
    elsewhere.handler = serveFile(data, { etag: undefined, stallAfter: 100_000 });
    const hub = (digest: string) =>
      redirect(`${elsewhere.origin}/blob`, {
        'x-linked-etag': `"${digest}"`,
        'x-linked-size': `${data.length}`,
      });
    await beginWith(hub(sha256(data)));
    elsewhere.handler = serveFile(data, { etag: undefined });
    expect(await pullModel(source, once)).toMatchObject({ received: 200_001 });

    server.handler = hub('cd'.repeat(32));
    await expect(pullModel(source, { force: true })).rejects.toMatchObject({
      code: 'ERR_BITNET_CHECKSUM',
    });
    expect(readFileSync(target()).equals(data)).toBe(true);
    expect(left()).toEqual(['model.gguf']);
  });

  test('the length', async () => {
    const headers = { 'x-linked-size': '300001' };
    server.handler = serveFile(data, { headers });
    await expect(pullModel(source, once)).rejects.toMatchObject({
      code: 'ERR_BITNET_NETWORK',
      message: expect.stringContaining('Expected 300001 bytes'),
    });
    for (const [size, message] of [
      ['300001', 'ended after 300000'],
      ['299999', 'the server sends more'],
    ]) {
      server.handler = serveFile(data, { length: false, headers: { 'x-linked-size': size! } });
      await expect(pullModel(source, once)).rejects.toMatchObject({
        code: 'ERR_BITNET_NETWORK',
        message: expect.stringContaining(message!),
      });
    }
    expect(existsSync(target())).toBe(false);
    server.handler = serveFile(data, { headers: { 'content-length': '300500' } });
    await expect(pullModel(source, once)).rejects.toMatchObject({ code: 'ERR_BITNET_NETWORK' });
    expect(existsSync(target())).toBe(false);
    server.handler = serveFile(data, { length: false });
    expect(await pullModel(source, once)).toMatchObject({ bytes: data.length });
  });

  test.each([
    ['a web page', '<!DOCTYPE html><html></html>', {}],
    ['a web page', 'sign in', { 'content-type': 'text/html; charset=utf-8' }],
    ['something else', 'version https://git-lfs', {}],
    ['something else', 'GGU', {}],
    ['something else', '', {}],
  ])('it is no GGUF file but %s (%j)', async (found, text, headers) => {
    server.handler = serveFile(Buffer.from(text || ' '), { headers });
    if (text === '') server.handler = (_, response) => response.writeHead(200).end();
    await expect(pullModel(source, once)).rejects.toMatchObject({
      code: 'ERR_BITNET_GGUF',
      message: expect.stringContaining(`but received ${found};`),
    });
    expect(left()).toEqual([]);
  });

  test('it is not compressed', async () => {
    server.handler = serveFile(data, { headers: { 'content-encoding': 'gzip' } });
    await expect(pullModel(source, once)).rejects.toMatchObject({
      message: expect.stringContaining('encoded as "gzip"'),
    });
  });
});

describe('a refusal', () => {
  test('404 names the files there are', async () => {
    server.handler = (request, response) =>
      request.url!.startsWith('/api/')
        ? response.end(
            JSON.stringify({ siblings: [{ rfilename: 'other.gguf' }, { rfilename: 'x' }] }),
          )
        : answer(404)(request, response);
    await expect(pullModel(source)).rejects.toMatchObject({
      code: 'ERR_BITNET_NETWORK',
      status: 404,
      message:
        'Expected owner/repo to have the file "model.gguf", but there is none; choose "other.gguf".',
    });
    elsewhere.handler = answer(404);
    const address = `${elsewhere.origin}/x.gguf`;
    await expect(pullModel(`${address}?signature=secret`)).rejects.toMatchObject({
      message: `Expected a file at ${address}, but there is none (the server answered 404); check the spelling.`,
    });
  });

  test.each([401, 403])('%d says how to get a token', async (status) => {
    server.handler = answer(status);
    await expect(pullModel(source)).rejects.toMatchObject({
      status,
      message: expect.stringMatching(
        /accept its conditions on .*\/owner\/repo, make a token on .*\/settings\/tokens and set HF_TOKEN/,
      ),
    });
    process.env.HF_TOKEN = 'hf_secret';
    const error = await pullModel('owner/repo').catch((reason) => reason);
    expect(error.message).toContain('the token that was sent does not open it');
    expect(error.message).not.toContain('hf_secret');
  });

  test('503 is tried again, after the pause the server asks for', async () => {
    server.handler = (request, response) =>
      (server.requests.length === 1 ? answer(503, { 'retry-after': '2' }) : serveFile(data))(
        request,
        response,
      );
    const notices: string[] = [];
    await pullModel(source, { onNotice: (text) => notices.push(text) });
    expect(notices).toEqual([expect.stringContaining('Trying again in 2 s')]);
  });

  test('a port that nobody listens on', async () => {
    await expect(pullModel('http://127.0.0.1:1/x.gguf', once)).rejects.toMatchObject({
      code: 'ERR_BITNET_NETWORK',
      message: expect.stringContaining('it refuses the connection'),
    });
    expect(await listModels()).toEqual([]);
  });
});

describe('redirects', () => {
  test('in a circle end', async () => {
    server.handler = redirect('/again');
    await expect(pullModel(source, once)).rejects.toMatchObject({
      code: 'ERR_BITNET_NETWORK',
      message: expect.stringContaining('at most 10 redirects'),
    });
    expect(server.requests.length).toBe(11);
  });

  test.each(['file:///etc/passwd', 'http://'])('to %s are refused', async (to) => {
    server.handler = redirect(to);
    await expect(pullModel(source, once)).rejects.toMatchObject({
      message: expect.stringContaining('to redirect to an http or https address'),
    });
  });

  test('take the token to the hub only', async () => {
    mkdirSync(temp('home'), { recursive: true });
    writeFileSync(temp('home/token'), 'hf_file\n');
    server.handler = (request, response) =>
      (request.url === '/moved' ? redirect(`${elsewhere.origin}/blob`) : redirect('/moved'))(
        request,
        response,
      );
    elsewhere.handler = serveFile(data);
    await pullModel(source);
    const sent = ({ requests }: TestServer) => requests.map(({ headers }) => headers.authorization);
    expect(sent(server)).toEqual(['Bearer hf_file', 'Bearer hf_file']);
    expect(sent(elsewhere)).toEqual([undefined]);
    process.env.HF_TOKEN = 'hf_variable';
    await pullModel(`${elsewhere.origin}/m.gguf`);
    await pullModel(source, { force: true });
    expect(sent(server).at(-1)).toBe('Bearer hf_variable');
    expect(sent(elsewhere)).toEqual([undefined, undefined, undefined]);
  });
});

describe('a repository', () => {
  const listing =
    (...names: string[]): Handler =>
    (request, response) =>
      request.url === '/api/models/owner/repo'
        ? response.end(JSON.stringify({ siblings: names.map((rfilename) => ({ rfilename })) }))
        : serveFile(data)(request, response);

  test('with one GGUF file needs no more', async () => {
    server.handler = listing('README.md', 'sub/model one.gguf');
    expect(await pullModel('owner/repo')).toMatchObject({ name: 'owner/repo/sub/model one.gguf' });
    expect(server.requests.at(-1)!.url).toBe('/owner/repo/resolve/main/sub/model%20one.gguf');
    expect(await pullModel(`${server.origin}/owner/repo/tree/main`)).toMatchObject({ received: 0 });
  });

  test('with several is refused with their names', async () => {
    server.handler = listing('a.gguf', 'b.gguf', 'README.md');
    await expect(pullModel('owner/repo')).rejects.toMatchObject({
      code: 'ERR_BITNET_NETWORK',
      message:
        'Expected one GGUF file in owner/repo, but it has 2 GGUF files; choose one of "a.gguf", "b.gguf".',
    });
    server.handler = listing('model.safetensors');
    await expect(pullModel('owner/repo')).rejects.toMatchObject({
      message: expect.stringContaining('no GGUF file'),
    });
    server.handler = (_, response) => response.end('<html>');
    await expect(pullModel('owner/repo')).rejects.toMatchObject({
      message: expect.stringContaining('Expected the list of files'),
    });
    server.handler = listing('../../../x.gguf');
    await expect(pullModel('owner/repo')).rejects.toMatchObject({ code: 'ERR_BITNET_ARGUMENT' });
  });

  test('with a split file gives all its parts', async () => {
    const name = (part: number) => `owner/repo/m-0000${part}-of-00003.gguf`;
    server.handler = listing(...[1, 2, 3].map((part) => name(part).slice('owner/repo/'.length)));
    const result = await pullModel('owner/repo');
    expect(result).toMatchObject({ name: name(1), bytes: 3 * data.length });
    expect(result.files.map(({ path }) => path)).toEqual(
      [1, 2, 3].map((part) => join(temp('cache'), 'models', name(part))),
    );
    expect(await pullModel(name(2))).toMatchObject({ name: name(1), received: 0 });
    expect(await listModels()).toMatchObject([
      { name: name(1), bytes: 3 * data.length, files: result.files.map(({ path }) => path) },
    ]);
    await expect(pullModel(name(1), { sha256: sha256(data) })).rejects.toMatchObject({
      message: expect.stringContaining('a model of 3 files'),
    });
    await expect(pullModel(name(1), { output: temp('x.gguf') })).rejects.toMatchObject({
      message: expect.stringContaining('ends with -00001-of-00003.gguf'),
    });
    const output = temp('out/y-00001-of-00003.gguf');
    await pullModel(`${server.origin}/z/m-00001-of-00003.gguf`, { output });
    expect(readdirSync(temp('out')).length).toBe(3);
  });
});

describe('options', () => {
  test.each<[string, unknown]>([
    ['output', ''],
    ['sha256', 'abc'],
    ['force', 1],
    ['retries', -1],
    ['stallTimeout', 0],
    ['signal', {}],
    ['onProgress', 1],
    ['onNotice', 'x'],
  ])('%s must not be %j', async (name, value) => {
    await expect(pullModel(source, { [name]: value })).rejects.toMatchObject({
      code: 'ERR_BITNET_ARGUMENT',
      message: expect.stringContaining(`option ${name}`),
    });
  });

  test('and variables are checked before anything is sent', async () => {
    await expect(pullModel(source, { sha265: 'x' } as object)).rejects.toThrow('sha256');
    process.env.HF_TOKEN = 'a\nb';
    await expect(pullModel(source)).rejects.toThrow('visible ASCII');
    process.env.HF_TOKEN = '';
    process.env.HTTP_PROXY = 'http://user:secret@:bad';
    const error = await pullModel(source).catch((reason) => reason);
    expect(error).toMatchObject({ code: 'ERR_BITNET_ARGUMENT' });
    expect(error.message).not.toContain('secret');
    process.env.HF_ENDPOINT = 'ftp://x';
    await expect(pullModel(source)).rejects.toThrow('HF_ENDPOINT');
    expect(server.requests).toEqual([]);
  });
});
