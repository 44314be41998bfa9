import { describe, expect, it } from 'vitest';
import type { DenseType, TernaryType } from '../fixtures/encode.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { difference, worstRow } from '../reference/difference.js';
import { engineRounding, referenceLogits } from '../reference/forward.js';
import { convertProjections } from '../reference/golden-convert.js';
import { goldenIds, goldenLogits, goldenPath } from '../reference/golden-files.js';
import { referenceModel } from '../reference/weights.js';
import { describeShared, sharedPath } from '../shared.js';
import { allLogits, modelLoader } from './engine.js';

const temp = tempFolder();
const load = modelLoader();
const vocabSize = 512;

/** Relative rms against logits of the golden folder: over all positions, and at the worst one. */
async function rmsTo(path: string, engine: string, model: string, variant: string) {
  const logits = await allLogits(await load(path), goldenIds(model));
  const expected = goldenLogits(engine, model, variant);
  const [all, worst] = [difference(logits, expected), worstRow(logits, expected, vocabSize)];
  return { overall: all.rms, worst: worst.rms };
}

/** Worst position's error as a fraction of its largest logit, against the reference. */
async function maxToReference(path: string, model: string) {
  const ids = goldenIds(model);
  const expected = referenceLogits(await referenceModel(path), ids, engineRounding);
  return worstRow(await allLogits(await load(path), ids), expected, vocabSize).max;
}

const models = ['tiny-b158', 'tiny-bitnet', 'mix-b158', 'mix-llama'];

/** The other engines whose logits of the F16 file there are. */
const otherEngines = (model: string) => {
  if (model === 'tiny-bitnet') return ['bitnetcpp', 'mainline', 'ik'];
  return model === 'tiny-b158' ? ['bitnetcpp', 'ik'] : ['bitnetcpp'];
};
const i2s = (model: string) =>
  goldenPath(`${model.startsWith('mix') ? 'mix/' : ''}${model}-i2s.gguf`);

describe('dense weights give the logits of exact arithmetic,', () => {
  it.each<[DenseType, string]>([
    ['F16', 'tiny-b158'],
    ['F16', 'tiny-bitnet'],
    ['F16', 'mix-llama'],
    ['F32', 'tiny-b158'],
    ['BF16', 'tiny-bitnet'],
  ])('within 0.2 percent rms at every position: %s, %s', async (type, model) => {
    const path = temp(`${model}-${type}.gguf`);
    await convertProjections(i2s(model), path, type);
    expect(await maxToReference(path, model)).toBeLessThan(1e-4);
    if (type === 'BF16') return; // it cannot hold the scales exactly
    expect((await rmsTo(path, 'numpy', model, 'none')).worst).toBeLessThan(0.002);
    expect((await rmsTo(path, 'numpy', model, 'none-kv16')).worst).toBeLessThan(1e-4);
    for (const engine of otherEngines(model)) {
      expect((await rmsTo(path, engine, model, 'f16-step')).worst, engine).toBeLessThan(0.002);
    }
  });
});

describeShared('F16 files of llama.cpp', () => {
  it.each(models)('give those of exact arithmetic within 0.2 percent rms: %s', async (model) => {
    const folder = model.startsWith('mix') ? 'golden/mix' : 'golden';
    const path = sharedPath(`${folder}/${model}-f16.gguf`);
    expect((await rmsTo(path, 'numpy', model, 'none')).worst).toBeLessThan(0.002);
    for (const engine of otherEngines(model)) {
      expect((await rmsTo(path, engine, model, 'f16-step')).worst, engine).toBeLessThan(0.002);
    }
  });
});

describe('ternary weights give the logits of the stated rounding points', () => {
  it.each<[string, string]>([
    ['tiny-b158-i2s', 'tiny-b158'],
    ['tiny-b158-iq1bn', 'tiny-b158'],
    ['tiny-b158-iq2bn', 'tiny-b158'],
    ['tiny-bitnet-i2s', 'tiny-bitnet'],
    ['tiny-bitnet-iq1bn', 'tiny-bitnet'],
    ['tiny-bitnet-iq2bn', 'tiny-bitnet'],
    ['tiny-bitnet-tq1_0', 'tiny-bitnet'],
    ['tiny-bitnet-tq2_0', 'tiny-bitnet'],
    ['mix/mix-b158-i2s', 'mix-b158'],
    ['mix/mix-llama-i2s', 'mix-llama'],
    ['mix/mix-llama-tq2_0', 'mix-llama'],
  ])('%s', async (file, model) => {
    const path = goldenPath(`${file}.gguf`);
    expect(await maxToReference(path, model)).toBeLessThan(1e-3);
    expect((await rmsTo(path, 'numpy', model, 'tok8-kv16')).worst).toBeLessThan(0.005);
    expect((await rmsTo(path, 'numpy', model, 'tok8')).overall).toBeLessThan(0.03);
  });

  it('tiny-b158-i2s-q6k, whose embedding is Q6_K', async () => {
    const path = goldenPath('tiny-b158-i2s-q6k.gguf');
    expect(await maxToReference(path, 'tiny-b158')).toBeLessThan(1e-3);
  });
});

describe('other engines, which round at other points, agree within 3 percent rms', () => {
  it.each(models)('bitnet.cpp on I2_S, %s', async (model) => {
    const { overall } = await rmsTo(i2s(model), 'bitnetcpp', model, 'i2s-step');
    expect(overall).toBeLessThan(0.03);
  });

  it.each(['tq1_0', 'tq2_0'])('llama.cpp on %s', async (type) => {
    const path = goldenPath(`tiny-bitnet-${type}.gguf`);
    const { overall } = await rmsTo(path, 'mainline', 'tiny-bitnet', `${type}-step`);
    expect(overall).toBeLessThan(0.03);
  });
});

describe('block formats of dense weights give the logits of their numbers', () => {
  it.each<[DenseType, string]>([
    ['Q8_0', 'tiny-b158'],
    ['Q6_K', 'tiny-bitnet'],
    ['Q4_0', 'tiny-bitnet'],
    ['Q4_K', 'tiny-b158'],
    ['Q4_1', 'tiny-b158'],
    ['Q5_0', 'tiny-bitnet'],
    ['Q5_1', 'mix-llama'],
    ['Q5_K', 'tiny-b158'],
    ['IQ4_NL', 'tiny-bitnet'],
  ])('%s, %s', async (type, model) => {
    const path = temp(`${model}-${type}.gguf`);
    await convertProjections(i2s(model), path, type);
    expect(await maxToReference(path, model)).toBeLessThan(1e-4);
  });
});

describeShared('block formats written by llama.cpp', () => {
  it.each(['q8_0', 'q6_k', 'q4_0', 'q4_k_m'])(
    'mix-llama-%s gives the logits of its numbers',
    async (type) => {
      const path = sharedPath(`golden/mix/mix-llama-${type}.gguf`);
      expect(await maxToReference(path, 'mix-llama')).toBeLessThan(1e-4);
      const { overall } = await rmsTo(path, 'mainline', 'mix-llama', `${type}-step`);
      expect(overall).toBeLessThan(0.03);
    },
  );
});

describe('the same trits and scales', () => {
  it('give the same bits in every ternary format', async () => {
    const ids = goldenIds('tiny-b158');
    const expected = await allLogits(await load(i2s('tiny-b158')), ids);
    for (const type of ['TQ1_0', 'TQ2_0', 'IQ1_BN', 'IQ2_BN'] satisfies TernaryType[]) {
      const path = temp(`tiny-b158-${type}.gguf`);
      await convertProjections(i2s('tiny-b158'), path, type);
      expect(await allLogits(await load(path), ids), type).toEqual(expected);
    }
  });

  it('give the same bits in the files of llama.cpp and ik_llama.cpp', async () => {
    const logits = async (name: string) =>
      allLogits(await load(goldenPath(`${name}.gguf`)), goldenIds(name));
    const [tq1, tq2] = [await logits('tiny-bitnet-tq1_0'), await logits('tiny-bitnet-tq2_0')];
    expect(tq1).toEqual(tq2);
    for (const model of ['tiny-b158', 'tiny-bitnet']) {
      expect(await logits(`${model}-iq1bn`)).toEqual(await logits(`${model}-iq2bn`));
    }
  });
});
