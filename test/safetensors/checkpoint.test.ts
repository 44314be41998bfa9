import { mkdir, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../lib/safetensors/checkpoint.js';
import { readTensor } from '../../lib/safetensors/read-tensor.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { type RawTensor, rawFile, refusal, writeTensors } from './raw-file.js';

const temp = tempFolder();
const first = 'model-00001-of-00002.safetensors';
const second = 'model-00002-of-00002.safetensors';
const index = 'model.safetensors.index.json';

const bytes = (...values: number[]): RawTensor => ({
  dtype: 'U8',
  shape: [values.length],
  bytes: Uint8Array.from(values),
});

let folders = 0;

/** A folder with two shards, `a` and `b` in the first and `c` in the second, and an index. */
async function sharded(
  weightMap: object | string = { c: second, a: first, b: first },
  inSecond: Record<string, RawTensor> = { c: bytes(3, 4) },
): Promise<string> {
  const folder = temp(`checkpoint-${folders++}`);
  await mkdir(folder);
  await writeTensors(join(folder, first), { a: bytes(1), b: bytes(2) });
  await writeTensors(join(folder, second), inSecond);
  const text =
    typeof weightMap === 'string'
      ? weightMap
      : JSON.stringify({ metadata: { total_size: 4 }, weight_map: weightMap });
  await writeFile(join(folder, index), text);
  return folder;
}

describe('A checkpoint', () => {
  it('is one file, given itself or by its folder', async () => {
    const folder = await sharded();
    const path = join(folder, 'model.safetensors');
    await writeTensors(path, { whole: bytes(7) });
    expect([...(await openCheckpoint(path)).keys()]).toEqual(['whole']);
    expect([...(await openCheckpoint(folder)).keys()]).toEqual(['whole']);
    expect([...(await openCheckpoint(join(folder, first))).keys()]).toEqual(['a', 'b']);
  });

  it('is all shards that an index names, given itself or by its folder', async () => {
    const folder = await sharded();
    for (const path of [folder, join(folder, index)]) {
      const tensors = await openCheckpoint(path);
      expect([...tensors.keys()]).toEqual(['c', 'a', 'b']);
      expect([...(await readTensor(tensors.get('c')!))]).toEqual([3, 4]);
      expect([...(await readTensor(tensors.get('b')!))]).toEqual([2]);
    }
  });

  it('has the tensors of its shards that the index forgot', async () => {
    const folder = await sharded({ a: first, c: second });
    expect([...(await openCheckpoint(folder)).keys()]).toEqual(['a', 'b', 'c']);
  });

  it.skipIf(process.platform === 'win32')('may be links into one other folder', async () => {
    const blobs = await sharded();
    const folder = temp('snapshot');
    await mkdir(folder);
    for (const [i, name] of [first, second, index].entries()) {
      await rename(join(blobs, name), join(blobs, `${i}`));
      await symlink(join(blobs, `${i}`), join(folder, name));
    }
    expect((await openCheckpoint(folder)).size).toBe(3);
  });
});

describe('A checkpoint is refused in one sentence', () => {
  it.each([
    '../outside.safetensors',
    '/etc/x.safetensors',
    '..\\outside.safetensors',
    'C:x.safetensors',
    'sub/x.safetensors',
    'x\0.safetensors',
    'x\n.safetensors',
    '.safetensors',
    '..',
    '',
    'config.json',
    `${'x'.repeat(201)}.safetensors`,
  ])('when its index names %j', async (name) => {
    const folder = await sharded({ a: name });
    expect(await refusal(openCheckpoint(folder))).toMatchObject({
      code: 'ERR_BITNET_SAFETENSORS',
      path: join(folder, index),
      expected: 'the name of a .safetensors file beside it',
    });
  });

  it.skipIf(process.platform === 'win32')('when a shard is a link to elsewhere', async () => {
    const folder = await sharded({ a: 'link.safetensors' });
    const target = temp('outside.safetensors');
    await writeTensors(target, { a: bytes(1) });
    await symlink(target, join(folder, 'link.safetensors'));
    const { message } = await refusal(openCheckpoint(folder));
    expect(message).toBe(
      `Expected shard "link.safetensors" of "${join(folder, index)}" to be a file in its folder, but found a link to "${target}"; do not trust this checkpoint.`,
    );
  });

  it('when a shard is a folder or missing', async () => {
    const folder = await sharded({ a: first, c: 'd.safetensors' });
    const path = join(folder, 'd.safetensors');
    expect((await refusal(openCheckpoint(folder))).message).toBe(
      `Expected a shard at "${path}", as "${join(folder, index)}" says, but there is none; put all shards into one folder.`,
    );
    await mkdir(path);
    expect((await refusal(openCheckpoint(folder))).message).toContain('but it is a directory');
  });

  it('when a tensor is not in the shard that the index says', async () => {
    const inOther = await sharded({ a: second, c: second, b: first });
    expect((await refusal(openCheckpoint(inOther))).message).toBe(
      `Expected weight_map "a" of "${join(inOther, index)}" to be a tensor in "${join(inOther, second)}", but found it in "${join(inOther, first)}"; the files are of different checkpoints, download all of them again.`,
    );
    const nowhere = await sharded({ a: first, constructor: second });
    expect((await refusal(openCheckpoint(nowhere))).message).toContain('found it in no shard');
  });

  it('when a tensor is in two shards, whole or as two halves', async () => {
    const folder = await sharded({ a: first, c: second }, { c: bytes(3), a: bytes(5) });
    expect((await refusal(openCheckpoint(folder))).message).toBe(
      `Expected tensor "a" of "${join(folder, second)}" to be in one shard only, but found it in "${join(folder, first)}" too; the files are of different checkpoints, download all of them again.`,
    );
  });

  it('when the data of a tensor goes on in the next shard', async () => {
    const folder = await sharded();
    const header = { c: { dtype: 'U8', shape: [4], data_offsets: [0, 4] } };
    await writeFile(join(folder, second), rawFile(header, new Uint8Array(2)));
    expect(await refusal(openCheckpoint(folder))).toMatchObject({
      path: join(folder, second),
      field: 'the size',
    });
  });

  it.each([
    ['', 'JSON with "{" at character 0'],
    ['[]', 'JSON with "{" at character 0'],
    ['{"weight_map":{', 'JSON with a string at character 15'],
    ['{"weight_map":{"a":1}}', 'JSON with a string at character 19'],
    ['{"weight_map":null}', 'JSON with "{" at character 14'],
    ['{"weight_map":{"a":"x","a":"y"}}', 'different'],
    ['{"weight_map":{},"weight_map":{}}', 'different'],
    ['{"metadata":{}}', 'an object'],
    [`{"metadata":${'['.repeat(100_000)}`, 'at most 8 levels deep'],
    ['\ufeff{"weight_map":{}}', 'JSON with "{" at character 0'],
    [
      JSON.stringify({
        weight_map: Object.fromEntries(
          Array.from({ length: 1025 }, (_, i) => [i, `${i}.safetensors`]),
        ),
      }),
      'at most 1024',
    ],
  ])('when its index is %.40j', async (text, expected) => {
    const folder = await sharded(text);
    expect(await refusal(openCheckpoint(folder))).toMatchObject({
      code: 'ERR_BITNET_SAFETENSORS',
      path: join(folder, index),
      expected,
    });
  });

  it('when a folder has none, and for a path that is none', async () => {
    const folder = temp('empty');
    await mkdir(folder);
    await writeFile(join(folder, 'pytorch_model.bin'), '');
    expect((await refusal(openCheckpoint(folder))).message).toBe(
      `Expected "model.safetensors" or "model.safetensors.index.json" in "${folder}", but there is neither; download one, or save the model as safetensors first.`,
    );
    expect((await refusal(openCheckpoint(''))).code).toBe('ERR_BITNET_ARGUMENT');
    expect((await refusal(openCheckpoint(temp('none.json')))).code).toBe('ERR_BITNET_FILE');
  });
});
