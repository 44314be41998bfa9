import { readFile, truncate, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { partName, writeSplit } from '../fixtures/split-model.js';
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
    // 66 MB of F16 each: more than is copied into memory, so rows are read from the parts.
    [
      'an embedding and a head that stay in their files',
      { arch: 'llama', dim: 512, nHead: 4, nLayer: 1, vocab: 34_000 },
      4,
    ],
  ])('%s', async (name, options, count) => {
    const model = tinyModel(options);
    const whole = temp(`${count}.gguf`);
    const part = (no: number) => temp(partName(`split-${count}`, no, count));
    await model.write(whole);
    await writeSplit(model, part, count);
    const expected = await allLogits(await load(whole), ids);
    expect(await allLogits(await load(part(0)), ids), name).toEqual(expected);
    expect(await allLogits(await load(part(count - 1)), ids), name).toEqual(expected);
  });
});

it('a part that was cut short is named', async () => {
  const part = (no: number) => temp(partName('cut', no, 3));
  await writeSplit(tinyModel(), part, 3);
  const sound = await readFile(part(1));
  await truncate(part(1), sound.length - 100);
  await expect(load(part(0))).rejects.toMatchObject({
    code: 'ERR_BITNET_GGUF',
    message: expect.stringContaining(`"${part(1)}" to be at most`),
  });
  await writeFile(part(1), sound);
  await load(part(0));
});
