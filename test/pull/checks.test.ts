import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { pullModel } from '../../lib/index.js';
import { redirect, serveFile, sha256 } from './server.js';
import { data, once, source, twoServers } from './two-servers.js';

const { server, elsewhere, target, left, beginWith } = twoServers();

describe('what arrives is checked:', () => {
  test('the checksum of the caller', async () => {
    server().handler = serveFile(data);
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
    expect(server().requests.length).toBe(2);
  });

  test('the checksum of the hub, which also tells files apart', async () => {
    elsewhere().handler = serveFile(data, { etag: undefined, stallAfter: 100_000 });
    const hub = (digest: string) =>
      redirect(`${elsewhere().origin}/blob`, {
        'x-linked-etag': `"${digest}"`,
        'x-linked-size': `${data.length}`,
      });
    await beginWith(hub(sha256(data)));
    elsewhere().handler = serveFile(data, { etag: undefined });
    expect(await pullModel(source, once)).toMatchObject({ received: 200_001 });

    server().handler = hub('cd'.repeat(32));
    await expect(pullModel(source, { force: true })).rejects.toMatchObject({
      code: 'ERR_BITNET_CHECKSUM',
    });
    expect(readFileSync(target()).equals(data)).toBe(true);
    expect(left()).toEqual(['model.gguf']);
  });

  test('the length', async () => {
    const headers = { 'x-linked-size': '300001' };
    server().handler = serveFile(data, { headers });
    await expect(pullModel(source, once)).rejects.toMatchObject({
      code: 'ERR_BITNET_NETWORK',
      message: expect.stringContaining('Expected 300001 bytes'),
    });
    for (const [size, message] of [
      ['300001', 'ended after 300000'],
      ['299999', 'the server sends more'],
    ]) {
      server().handler = serveFile(data, { length: false, headers: { 'x-linked-size': size! } });
      await expect(pullModel(source, once)).rejects.toMatchObject({
        code: 'ERR_BITNET_NETWORK',
        message: expect.stringContaining(message!),
      });
    }
    expect(existsSync(target())).toBe(false);
    server().handler = serveFile(data, { headers: { 'content-length': '300500' } });
    await expect(pullModel(source, once)).rejects.toMatchObject({ code: 'ERR_BITNET_NETWORK' });
    expect(existsSync(target())).toBe(false);
    server().handler = serveFile(data, { length: false });
    expect(await pullModel(source, once)).toMatchObject({ bytes: data.length });
  });

  test.each([
    ['a web page', '<!DOCTYPE html><html></html>', {}],
    ['a web page', 'sign in', { 'content-type': 'text/html; charset=utf-8' }],
    ['something else', 'version https://git-lfs', {}],
    ['something else', 'GGU', {}],
    ['something else', '', {}],
  ])('it is no GGUF file but %s (%j)', async (found, text, headers) => {
    server().handler = serveFile(Buffer.from(text || ' '), { headers });
    if (text === '') server().handler = (_, response) => response.writeHead(200).end();
    await expect(pullModel(source, once)).rejects.toMatchObject({
      code: 'ERR_BITNET_GGUF',
      message: expect.stringContaining(`but received ${found};`),
    });
    expect(left()).toEqual([]);
  });

  test('it is not compressed', async () => {
    server().handler = serveFile(data, { headers: { 'content-encoding': 'gzip' } });
    await expect(pullModel(source, once)).rejects.toMatchObject({
      message: expect.stringContaining('encodes them as "gzip"'),
    });
  });
});
