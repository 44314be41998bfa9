import { beforeAll, describe, expect, it } from 'vitest';
import { cpuInfo, type LoadOptions } from '../../lib/index.js';
import { random } from '../fixtures/random.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { type TinyOptions, tinyModel } from '../fixtures/tiny-model.js';
import { compareWithTies } from '../reference/ties.js';
import { referenceModel } from '../reference/weights.js';
import { allLogits, modelLoader } from './engine.js';

const temp = tempFolder();
const load = modelLoader();
const shape = { ffnDim: 770, vocabSize: 515, contextLength: 256 };
const q8: { readonly kvType: 'q8_0' } = { kvType: 'q8_0' };

const next = random(5);
const tokens = Array.from({ length: 150 }, () => Math.floor(next() * shape.vocabSize));

describe('keys and values in q8_0', () => {
  it.each<[title: string, options: TinyOptions, tokens: number]>([
    ['heads of 64', { dim: 320, nHead: 5, nKvHead: 1 }, 12],
    [
      'heads of 100, which end in a block',
      { arch: 'bitnet', dim: 320, nHead: 4, nKvHead: 2, headDim: 100 },
      12,
    ],
    ['heads of 2', { dim: 128, nHead: 64, nKvHead: 16 }, 12],
    [
      'across blocks of 64 positions',
      { arch: 'bitnet', weightType: 'F16', nHead: 2, headDim: 100, nLayer: 1 },
      130,
    ],
  ])('agree with the reference to 1e-3 of the largest logit: %s', async (_, options, count) => {
    const path = temp('model.gguf');
    await tinyModel({ ...shape, ...options }).write(path);
    const ids = tokens.slice(0, count);
    const model = await load(path);
    const logits = await allLogits(model, ids, ids.length, q8);
    const rounding = { int8Activations: true, int8KeysAndValues: true };
    const reference = await referenceModel(path);
    const { error, ties } = compareWithTies(reference, ids, logits, 5e-6, rounding);
    expect(error).toBeLessThan(1e-3);
    expect(ties).toBeLessThanOrEqual(6);
    expect(logits).not.toEqual(await allLogits(model, ids));
  });

  describe('give the same bits', () => {
    const path = temp('bits.gguf');
    const bits = async (options: LoadOptions, chunk?: number) => {
      const logits = await allLogits(await load(path, options), tokens, chunk, q8);
      return Buffer.from(logits.buffer).toString('base64');
    };
    let expected: string;
    beforeAll(async () => {
      const options: TinyOptions = { arch: 'bitnet', dim: 320, nHead: 4, nKvHead: 2, headDim: 100 };
      await tinyModel({ ...shape, ...options }).write(path);
      expected = await bits({ kernel: 'scalar', threads: 1 });
    });

    it.each(
      cpuInfo()
        .kernels.filter(({ usable }) => usable)
        .map(({ name }) => name),
    )('with kernel %s, at once and in chunks', async (kernel) => {
      expect((await bits({ kernel })) === expected).toBe(true);
      expect((await bits({ kernel }, 7)) === expected).toBe(true);
    });

    it.each([1, 2, 3, 7])('with %d threads', async (threads) => {
      expect((await bits({ threads }, 1)) === expected).toBe(true);
    });
  });
});
