import { copyFile, open, readFile, rename, rm, symlink } from 'node:fs/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { BitnetError } from '../../lib/errors.js';
import { readGguf } from '../../lib/gguf/reader.js';
import { type GgufEntries, writeGguf } from '../../lib/gguf/writer.js';
import { readSpec } from '../../lib/model/spec/read-spec.js';
import { random } from '../fixtures/random.js';
import { shardName, writeSplit } from '../fixtures/split-model.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { type TinyOptions, tinyModel } from '../fixtures/tiny-model.js';

const temp = tempFolder();
const count = 3;
const shape: TinyOptions = { arch: 'llama', nLayer: 1, dim: 128, nHead: 2, vocabSize: 270 };
const model = tinyModel(shape);
const shard = (no: number) => temp(shardName('model', no, count));

beforeEach(() => writeSplit(model, shard, count));

async function refusal(path: string): Promise<BitnetError> {
  const error = await readGguf(path).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(BitnetError);
  return error as BitnetError;
}

/** A shard with other metadata, and no tensors unless they are given. */
const writeShard = (no: number, entries: GgufEntries, keep: typeof model.tensors = new Map()) =>
  writeGguf(shard(no), {
    metadata: entries,
    tensors: [...keep.values()].map((tensor) => ({ ...tensor, data: tensor.bytes })),
  });
const place = (no: number, shards = count, tensors = model.tensors.size): GgufEntries =>
  new Map([
    ['split.no', { type: 'u16', value: no }],
    ['split.count', { type: 'u16', value: shards }],
    ['split.tensors.count', { type: 'i32', value: tensors }],
  ]);

describe('a split model is read as one', () => {
  it.each([0, 1, 2])('given shard %d of 0 to 2', async (no) => {
    const whole = temp('whole.gguf');
    await model.write(whole);
    const [one, joined] = [await readGguf(whole), await readGguf(shard(no))];
    expect(joined.path).toBe(shard(0));
    expect(joined.shards?.map(({ path }) => path)).toEqual([shard(0), shard(1), shard(2)]);
    expect(joined.shards?.reduce((sum, { tensors }) => sum + tensors, 0)).toBe(one.tensors.length);
    expect(joined.size).toBe(joined.shards?.reduce((sum, { size }) => sum + size, 0));
    for (const [key, value] of one.metadata) expect(joined.metadata.get(key)).toEqual(value);
    const files = await Promise.all([whole, shard(0), shard(1), shard(2)].map((p) => readFile(p)));
    for (const [i, tensor] of one.tensors.entries()) {
      const found = joined.tensors[i]!;
      expect(found).toMatchObject({ name: tensor.name, type: tensor.type, dims: tensor.dims });
      const bytes = files[found.shard! + 1]!.subarray(found.offset, found.offset + found.bytes);
      expect(bytes.equals(files[0]!.subarray(tensor.offset, tensor.offset + tensor.bytes))).toBe(
        true,
      );
    }
  });

  it('whose first shard has the metadata only', async () => {
    await writeSplit(model, shard, count, 0);
    const file = await readGguf(shard(0));
    expect(file.shards?.map(({ tensors }) => tensors)[0]).toBe(0);
    expect(readSpec(file).shards).toEqual([shard(0), shard(1), shard(2)]);
  });

  it('and a file that says it is the only shard is whole', async () => {
    const path = temp('only.gguf');
    await writeGguf(path, { metadata: place(0, 1, 0) });
    expect((await readGguf(path)).shards).toBe(undefined);
  });

  it.skipIf(process.platform === 'win32')('through links to shards in other folders', async () => {
    await rename(shard(1), temp('elsewhere'));
    await symlink(temp('elsewhere'), shard(1));
    expect((await readGguf(shard(0))).tensors).toHaveLength(model.tensors.size);
    await rm(shard(1));
  });
});

describe('a split model is refused', () => {
  const again = 'this shard belongs to another model, get it again';

  it('without one of its shards', async () => {
    await rm(shard(1));
    expect(await refusal(shard(2))).toMatchObject({
      code: 'ERR_BITNET_FILE',
      message: `Expected shard 2 of 3 of the split model "${shard(2)}" at "${shard(1)}", but there is none; put all its shards into one folder.`,
    });
    await rm(shard(0));
    expect((await refusal(shard(2))).message).toBe(
      `Expected shard 1 of 3 of the split model "${shard(2)}" at "${shard(0)}", but there is none, and of 1 more there are none either; put all its shards into one folder.`,
    );
  });

  it('with a name that does not say its place', async () => {
    await copyFile(shard(0), temp('renamed.gguf'));
    expect(await refusal(temp('renamed.gguf'))).toMatchObject({
      code: 'ERR_BITNET_GGUF',
      message: `Expected the name of "${temp('renamed.gguf')}" to be one that ends in "-00001-of-00003.gguf", as shard 1 of 3, but found another; give all shards of the model back the names they were made with.`,
    });
  });

  it('with the same shard twice', async () => {
    await copyFile(shard(1), shard(2));
    expect((await refusal(shard(0))).message).toBe(
      `Expected the split metadata of "${shard(2)}" to be shard 3 of 3, but found shard 2 of 3; the file was renamed or belongs to another model, get this shard again.`,
    );
  });

  it.each<[string, GgufEntries, string]>([
    ['a shard of a model of four files', place(1, 4), 'shard 2 of 4'],
    ['a whole model', new Map(), 'a whole model'],
  ])('with %s in place of a shard', async (_, entries, found) => {
    await writeShard(1, entries);
    expect((await refusal(shard(0))).message).toBe(
      `Expected the split metadata of "${shard(1)}" to be shard 2 of 3, but found ${found}; the file was renamed or belongs to another model, get this shard again.`,
    );
  });

  it('with a shard of another model: other metadata, or a tensor that is there already', async () => {
    const name: GgufEntries = new Map([
      ...place(1),
      ['general.architecture', { type: 'string', value: 'bitnet' }],
    ]);
    await writeShard(1, name);
    expect((await refusal(shard(0))).message).toBe(
      `Expected metadata "general.architecture" of "${shard(1)}" to be "llama" as in "${shard(0)}", but found "bitnet"; ${again}.`,
    );
    const first = [...model.tensors][0]!;
    await writeShard(1, place(1), new Map([first]));
    expect((await refusal(shard(0))).message).toBe(
      `Expected tensor "${first[0]}" of "${shard(1)}" to be in no earlier shard, but found it in one of them too; ${again}.`,
    );
    await writeShard(1, place(1, count, 99));
    expect((await refusal(shard(0))).message).toContain('metadata "split.tensors.count"');
  });

  it('with fewer tensors than it says', async () => {
    await writeShard(1, place(1));
    const left = (await readGguf(shard(0)).catch((error: BitnetError) => error)) as BitnetError;
    expect(left.message).toMatch(
      /^Expected metadata "split.tensors.count" of ".*" to be \d+, the tensors of all shards, but found \d+; a shard belongs to another model, get all shards again\.$/,
    );
  });

  it.each<[string, GgufEntries, string]>([
    [
      'more shards than can be',
      new Map([['split.count', { type: 'u16', value: 65_535 }]]),
      'metadata "split.count" of "PATH" to be an integer from 0 to 512, but found "65535"',
    ],
    [
      'a number of shards that is none',
      new Map([['split.count', { type: 'string', value: 'two' }]]),
      'metadata "split.count" of "PATH" to be an integer from 0 to 512, but found "two"',
    ],
    [
      'no number of its own',
      new Map([['split.count', { type: 'u16', value: 3 }]]),
      'metadata "split.no" of "PATH" to be the number of the shard, but found no such key',
    ],
    [
      'a number past the last',
      place(3),
      'metadata "split.no" of "PATH" to be an integer from 0 to 2, but found "3"',
    ],
  ])('with %s', async (_, entries, sentence) => {
    await writeShard(0, entries);
    expect(await refusal(shard(0))).toMatchObject({
      code: 'ERR_BITNET_GGUF',
      message: `Expected ${sentence.replace('PATH', shard(0))}; the file is damaged, download or convert it again.`,
    });
  });

  it('or read, with bytes of any shard changed, 1500 times', async () => {
    const next = random(5);
    const sound = await Promise.all([0, 1, 2].map((no) => readFile(shard(no))));
    const ends = await Promise.all(
      [0, 1, 2].map(async (no) => {
        const offsets = (await readGguf(shard(0))).tensors.filter((t) => t.shard === no);
        return Math.min(...offsets.map(({ offset }) => offset));
      }),
    );
    const handles = await Promise.all([0, 1, 2].map((no) => open(shard(no), 'r+')));
    const outcomes = new Map<string, number>();
    for (let i = 0; i < 1500; i++) {
      const no = i % 3;
      const at = Math.floor(next() * ends[no]!);
      await handles[no]!.write(Buffer.of(256 * next()), 0, 1, at);
      const outcome = await readGguf(shard(i % 2))
        .then((file) => readSpec(file))
        .then(
          () => 'read',
          (error: unknown) => (error instanceof BitnetError ? error.code : String(error)),
        );
      outcomes.set(outcome, 1 + (outcomes.get(outcome) ?? 0));
      await handles[no]!.write(sound[no]!, at, 1, at);
    }
    await Promise.all(handles.map((handle) => handle.close()));
    const allowed = ['read', 'ERR_BITNET_GGUF', 'ERR_BITNET_MODEL', 'ERR_BITNET_TYPE'];
    expect(
      [...outcomes.keys()].filter((key) => ![...allowed, 'ERR_BITNET_FILE'].includes(key)),
    ).toEqual([]);
    expect(outcomes.get('ERR_BITNET_GGUF')).toBeGreaterThan(100);
  });
});
