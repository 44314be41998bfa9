import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { listModels, pullModel } from '../../lib/index.js';
import { fakeModel, serveFile, sha256 } from './server.js';
import { data, source, twoServers } from './two-servers.js';

const { temp, server, elsewhere, target, left } = twoServers();

describe('pullModel', () => {
  test('gets a file of the hub into the cache folder, and only once', async () => {
    server().handler = serveFile(data);
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
    expect(server().requests.map(({ url }) => url)).toEqual([
      '/owner/repo/resolve/main/model.gguf',
    ]);
    expect(await pullModel(source)).toMatchObject({ received: 0, bytes: data.length });
    expect(server().requests.length).toBe(1);
    const newer = fakeModel(1000, 'b');
    server().handler = serveFile(newer, { etag: '"2"' });
    expect(await pullModel(source, { force: true })).toMatchObject({ received: newer.length });
    expect(readFileSync(target()).equals(newer)).toBe(true);
  });

  test('gets a file from an address, and names it after that', async () => {
    elsewhere().handler = serveFile(data);
    const { host } = new URL(elsewhere().origin);
    const result = await pullModel(`${elsewhere().origin}/some/m.gguf?download=true#x`);
    expect(result.name).toBe(`${host.replace(':', '_')}/some/m.gguf`);
    expect(elsewhere().requests[0]!.url).toBe('/some/m.gguf?download=true');
    expect((await listModels()).map(({ name }) => name)).toEqual([result.name]);
  });

  test('reports progress', async () => {
    server().handler = serveFile(data);
    const seen: unknown[] = [];
    await pullModel(source, { onProgress: (progress) => seen.push(progress) });
    const common = { file: 'model.gguf', shard: 1, shards: 1, total: data.length };
    expect(seen[0]).toEqual({ ...common, bytes: 0 });
    expect(seen.at(-1)).toEqual({ ...common, bytes: data.length });
  });

  test('writes to another file or folder, and replaces nothing unasked', async () => {
    server().handler = serveFile(data);
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
    expect(server().requests).toEqual([]);
  });
});
