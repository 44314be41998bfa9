import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { listModels, pullModel } from '../../lib/index.js';
import { fakeModel, serveFile, sha256 } from './server.js';
import { data, once, source, twoServers } from './two-servers.js';

const { temp, server, target, left, cutting, beginWith } = twoServers();
const ranges = () => server().requests.map(({ headers }) => headers.range);

describe('a cut connection', () => {
  test('is resumed at once', async () => {
    server().handler = (request, response) => {
      const behavior = server().requests.length === 1 ? { stallAfter: 100_000 } : {};
      return serveFile(data, behavior)(request, response);
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
    server().handler = serveFile(data);
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
    server().handler = serveFile(data);
    expect(await pullModel(source, once)).toMatchObject({ received: 1 });
    expect(readFileSync(target()).equals(data)).toBe(true);
  });

  test('begins anew when the file has changed', async () => {
    await beginWith(serveFile(data, { stallAfter: 100_000 }));
    const other = fakeModel(300_000, 'b');
    server().handler = serveFile(other, { etag: '"2"' });
    await pullModel(source, once);
    expect(ranges()).toEqual(['bytes=99999-', undefined]);
    expect(readFileSync(target()).equals(other)).toBe(true);
    expect(left()).toEqual(['model.gguf']);
  });

  test('begins anew when the file has become shorter (416)', async () => {
    await beginWith(serveFile(data, { stallAfter: 100_000 }));
    const other = fakeModel(1000, 'b');
    server().handler = serveFile(other);
    await pullModel(source, once);
    expect(ranges()).toEqual(['bytes=99999-', undefined]);
    expect(readFileSync(target()).equals(other)).toBe(true);
  });

  test('begins anew when the server ignores ranges', async () => {
    await beginWith(serveFile(data, { stallAfter: 100_000 }));
    server().handler = serveFile(data, { ranges: false });
    expect(await pullModel(source, once)).toMatchObject({ received: data.length });
    expect(ranges()).toEqual(['bytes=99999-']);
    expect(readFileSync(target()).equals(data)).toBe(true);
  });

  test.each(['W/"1"', undefined])('leaves nothing where the ETag is %s', async (etag) => {
    server().handler = serveFile(data, { etag, stallAfter: 100_000 });
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
    server().handler = serveFile(data, dated);
    expect(await pullModel(source, once)).toMatchObject({ received: 200_001 });

    const output = temp('out/x.gguf');
    const options = { ...once, output, sha256: sha256(data) };
    server().handler = serveFile(data, { etag: undefined, stallAfter: 100_000 });
    await expect(pullModel(source, { ...options, ...cutting })).rejects.toMatchObject({
      resumable: true,
    });
    server().handler = serveFile(data, { etag: undefined });
    expect(await pullModel(source, options)).toMatchObject({ received: 200_001 });
  });

  test('is an error after the last try', async () => {
    server().handler = serveFile(data, { breaks: true });
    await expect(pullModel(source, { retries: 1 })).rejects.toMatchObject({
      code: 'ERR_BITNET_NETWORK',
      message: expect.stringMatching(/^Expected an answer from 127\.0\.0\.1:\d+, but it closed/),
    });
    expect(server().requests.length).toBe(2);
  });

  test('a server that falls silent is an error, and what came is kept', async () => {
    server().handler = serveFile(data, { stallAfter: 100_000 });
    const pulling = pullModel(source, { ...once, stallTimeout: 1000 });
    await expect(pulling).rejects.toMatchObject({
      code: 'ERR_BITNET_NETWORK',
      message: expect.stringContaining('it stopped sending; pull again to resume'),
      resumable: true,
    });
    server().handler = () => {}; // no answer at all
    await expect(pullModel(source, { ...once, stallTimeout: 1000 })).rejects.toMatchObject({
      message: expect.stringContaining('it does not answer the request'),
      resumable: true,
    });
    expect(left()).toEqual(['model.gguf.part']);
  });

  test('an abort keeps what came', async () => {
    server().handler = serveFile(data, { stallAfter: 100_000 });
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
