import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readGguf } from '../../lib/gguf/reader.js';
import { convertRepository, findModel, pullModel } from '../../lib/index.js';
import { madeCheckpoint } from '../convert/made-checkpoint.js';
import { type Handler, serveFile } from './server.js';
import { twoServers } from './two-servers.js';

const { temp, server } = twoServers();

/** A repository with the files of a folder and others, which nobody may ask for. */
const repository =
  (folder: string, ...others: string[]): Handler =>
  (request, response) => {
    const names = [...readdirSync(folder), ...others];
    if (request.url === '/api/models/owner/repo') {
      return response.end(JSON.stringify({ siblings: names.map((rfilename) => ({ rfilename })) }));
    }
    const name = request.url!.replace('/owner/repo/resolve/main/', '');
    return serveFile(readFileSync(join(folder, name)))(request, response);
  };

test('a repository without GGUF files is converted from its checkpoint when asked', async () => {
  const folder = await madeCheckpoint(temp('made'));
  server().handler = repository(folder, 'README.md', 'pytorch_model.bin', '../../outside.json');
  await expect(pullModel('owner/repo')).rejects.toMatchObject({
    message: expect.stringMatching(/, or convert its checkpoint \(--convert, option convert\)\.$/),
  });
  const { name, path } = await pullModel('owner/repo', { convert: true });
  expect(name).toBe('owner/repo/repo.gguf');
  expect((await readGguf(path)).metadata.get('general.name')).toBe('repo');
  expect((await findModel('repo')).path).toBe(path);
  const asked = server().requests.map(({ url }) => url.replace(/^.*\//, ''));
  expect(asked.slice(2).sort()).toEqual(['config.json', 'model.safetensors', 'tokenizer.json']);
  expect(existsSync(path.replace(/\.gguf$/, ''))).toBe(false);
  expect(await pullModel('owner/repo', { convert: true })).toMatchObject({ path, received: 0 });
});

test('a repository becomes a file of the type that is asked for, and what was pulled for it is removed', async () => {
  const folder = await madeCheckpoint(temp('asked'));
  server().handler = repository(folder, 'model.gguf');
  const output = temp('asked.gguf');
  const pulled = new Set<string>();
  const { architecture, types } = await convertRepository('owner/repo@main', output, {
    type: 'i2_s',
    onPull: ({ file }) => pulled.add(file),
  });
  expect({ architecture, types }).toEqual({
    architecture: 'llama',
    types: { F16: 1, F32: 3, I2_S: 7 },
  });
  expect([...pulled].sort()).toEqual(['config.json', 'model.safetensors', 'tokenizer.json']);
  expect(existsSync(join(temp('cache'), 'models/owner/repo/repo'))).toBe(false);
  const asked = server().requests.length;
  const again = convertRepository('owner/repo', output);
  await expect(again).rejects.toMatchObject({ code: 'ERR_BITNET_FILE' });
  expect(server().requests.length).toBe(asked); // before anything is pulled
  for (const source of ['owner/repo:Q2_0', 'owner/repo/model.gguf', 'https://example.org/a.gguf'])
    await expect(convertRepository(source, temp('no.gguf'))).rejects.toMatchObject({
      code: 'ERR_BITNET_ARGUMENT',
    });
});

test('one without a checkpoint is refused, and one of an unknown kind before its weights are pulled', async () => {
  const folder = await madeCheckpoint(temp('other'), { config: { model_type: 'mamba7' } });
  server().handler = (_request, response) =>
    response.end(JSON.stringify({ siblings: [{ rfilename: 'a.bin' }] }));
  await expect(pullModel('owner/repo', { convert: true, force: true })).rejects.toMatchObject({
    message: expect.stringMatching(
      /^Expected a GGUF file, or config\.json and model\.safetensors, in owner\/repo/,
    ),
  });
  server().handler = repository(folder);
  const output = temp('other.gguf');
  await expect(pullModel('owner/repo', { convert: true, output })).rejects.toMatchObject({
    code: 'ERR_BITNET_MODEL',
  });
  expect(existsSync(output)).toBe(false);
  expect(readdirSync(join(temp('cache'), 'models/owner/repo/repo'))).not.toContain(
    'model.safetensors',
  );
});
