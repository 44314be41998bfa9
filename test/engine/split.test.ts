import { readFile, truncate, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { readGguf } from '../../lib/gguf/reader.js';
import { readSpec } from '../../lib/model/spec/read-spec.js';
import { shardName, writeSplit } from '../fixtures/split-model.js';
import { addScale } from '../fixtures/storage-variants.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { type TinyOptions, tinyModel } from '../fixtures/tiny-model.js';
import { allLogits, modelLoader } from './engine.js';

const temp = tempFolder();
const load = modelLoader();
const ids = [3, 141, 59, 26, 5, 35, 89, 79];

describe('a split model gives the bits of the whole file', () => {
  it.each<[string, TinyOptions, number]>([
    ['ternary, two files', { arch: 'bitnet' }, 2],
    ['dense, a file for every few tensors', { arch: 'llama', weightType: 'Q8_0' }, 7],
    // 34 MB: more than is copied into memory, so its rows are read from the second file.
    [
      'an embedding that stays in its file and is the head too',
      { arch: 'bitnet', headType: 'F32', dim: 512, nHead: 4, nLayer: 1, vocabSize: 16_500 },
      4,
    ],
  ])('%s', async (name, options, count) => {
    const model = tinyModel(options);
    const whole = temp(`${count}.gguf`);
    const shard = (no: number) => temp(shardName(`split-${count}`, no, count));
    await model.write(whole);
    await writeSplit(model, shard, count, count === 4 ? 0 : undefined);
    const expected = await allLogits(await load(whole), ids);
    expect(await allLogits(await load(shard(0)), ids), name).toEqual(expected);
    expect(await allLogits(await load(shard(count - 1)), ids), name).toEqual(expected);
  });
});

it('finds the scales of projections in another part', async () => {
  const model = tinyModel();
  const projections = [...model.tensors.keys()].filter((name) =>
    /attn_|ffn_(gate|up|down)/.test(name),
  );
  for (const [i, name] of projections.entries()) {
    if (!name.includes('norm')) addScale(model, name, 0.5 + i / 16);
  }
  const shard = (no: number) => temp(shardName('scales', no, 4));
  await model.write(temp('scales.gguf'));
  await writeSplit(model, shard, 4);
  const places = readSpec(await readGguf(shard(0))).tensors;
  expect(
    places.some(({ shard: own, scaleShard }) => scaleShard !== undefined && scaleShard !== own),
  ).toBe(true);
  const expected = await allLogits(await load(temp('scales.gguf')), ids);
  expect(await allLogits(await load(shard(0)), ids)).toEqual(expected);
});

it('a part that was cut short is named', async () => {
  const shard = (no: number) => temp(shardName('cut', no, 3));
  await writeSplit(tinyModel(), shard, 3);
  const sound = await readFile(shard(1));
  await truncate(shard(1), sound.length - 100);
  await expect(load(shard(0))).rejects.toMatchObject({
    code: 'ERR_BITNET_GGUF',
    message: expect.stringContaining(`"${shard(1)}" to be at most`),
  });
  await writeFile(shard(1), sound);
  await load(shard(0));
});
