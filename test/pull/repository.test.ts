import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { listModels, pullModel } from '../../lib/index.js';
import { type Handler, serveFile, sha256 } from './server.js';
import { data, twoServers } from './two-servers.js';

const { temp, server } = twoServers();

describe('a repository', () => {
  const listing =
    (...names: string[]): Handler =>
    (request, response) =>
      request.url === '/api/models/owner/repo'
        ? response.end(JSON.stringify({ siblings: names.map((rfilename) => ({ rfilename })) }))
        : serveFile(data)(request, response);

  test('with one GGUF file needs no more', async () => {
    server().handler = listing('README.md', 'sub/model one.gguf');
    expect(await pullModel('owner/repo')).toMatchObject({ name: 'owner/repo/sub/model one.gguf' });
    expect(server().requests.at(-1)!.url).toBe('/owner/repo/resolve/main/sub/model%20one.gguf');
    expect(await pullModel(`${server().origin}/owner/repo/tree/main`)).toMatchObject({
      received: 0,
    });
  });

  test('with several is refused with their names', async () => {
    server().handler = listing('a.gguf', 'b.gguf', 'README.md');
    await expect(pullModel('owner/repo')).rejects.toMatchObject({
      code: 'ERR_BITNET_NETWORK',
      message:
        'Expected one GGUF file in owner/repo, but it has 2 GGUF files; choose one of "a.gguf", "b.gguf".',
    });
    server().handler = listing('model.safetensors');
    await expect(pullModel('owner/repo')).rejects.toMatchObject({
      message: expect.stringContaining('no GGUF file'),
    });
    server().handler = (_, response) => response.end('<html>');
    await expect(pullModel('owner/repo')).rejects.toMatchObject({
      message: expect.stringContaining('Expected the list of files'),
    });
    server().handler = listing('../../../x.gguf');
    await expect(pullModel('owner/repo')).rejects.toMatchObject({ code: 'ERR_BITNET_ARGUMENT' });
  });

  test('with several gives the one of a type', async () => {
    server().handler = listing('m-Q2_0.gguf', 'm-TQ2_0.gguf', 'm-F16.gguf', 'old/m-F16.gguf');
    expect(await pullModel('owner/repo:q2_0')).toMatchObject({ name: 'owner/repo/m-Q2_0.gguf' });
    await expect(pullModel('owner/repo:F16')).rejects.toMatchObject({
      message:
        'Expected one file of type F16 in owner/repo, but it has 2 files of type F16; choose one of "m-F16.gguf", "old/m-F16.gguf".',
    });
    await expect(pullModel('owner/repo:Q8_0')).rejects.toMatchObject({
      message: expect.stringMatching(
        /has no file of type Q8_0; choose one of "m-Q2_0\.gguf", .*\.$/,
      ),
    });
  });

  test('at a revision is asked for at that revision, and kept apart', async () => {
    server().handler = (request, response) =>
      request.url === '/api/models/owner/repo/revision/v1.0'
        ? response.end(JSON.stringify({ siblings: [{ rfilename: 'm.gguf' }] }))
        : serveFile(data)(request, response);
    expect(await pullModel('owner/repo@v1.0')).toMatchObject({ name: 'owner/repo@v1.0/m.gguf' });
    expect(server().requests.at(-1)!.url).toBe('/owner/repo/resolve/v1.0/m.gguf');
    expect(await pullModel('owner/repo@v1.0/m.gguf')).toMatchObject({ received: 0 });
    expect(await pullModel('owner/repo/m.gguf')).toMatchObject({ received: data.length });
  });

  test('with a split file gives all its shards', async () => {
    const name = (part: number) => `owner/repo/m-0000${part}-of-00003.gguf`;
    server().handler = listing(...[1, 2, 3].map((part) => name(part).slice('owner/repo/'.length)));
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
    await pullModel(`${server().origin}/z/m-00001-of-00003.gguf`, { output });
    expect(readdirSync(temp('out')).length).toBe(3);
  });
});
