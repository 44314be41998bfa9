import { describe, expect, it } from 'vitest';
import type { TopLogits } from '../../lib/generate/evaluator.js';
import type { LoadOptions, Model } from '../../lib/index.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyModel } from '../fixtures/tiny-model.js';
import { describeShared, sharedPath } from '../shared.js';
import { allLogits, modelLoader } from './engine.js';

const temp = tempFolder();
const load = modelLoader();
const ids = Array.from({ length: 12 }, (_, i) => (7 * i) % 300);

/** The logits of a model without its soft cap. */
async function rawLogits(path: string): Promise<Float32Array> {
  const metadataOverrides = { 'gemma3.final_logit_softcapping': 0 };
  return allLogits(await load(path, { metadataOverrides }), ids);
}

/** Every logit is that of c · tanh(x / c), rounded once. */
function expectCapped(logits: Float32Array, raw: Float32Array, c: number): void {
  const error = logits.map((logit, i) => {
    const exact = c * Math.tanh(raw[i]! / c);
    return Math.abs(logit - exact) / Math.abs(exact || 1);
  });
  expect(Math.max(...error)).toBeLessThan(6e-8);
}

/** What one session says of the ids in every way there is. */
async function everyWay(model: Model) {
  const session = model.createSession({ contextLength: ids.length });
  const last = await session.evaluate(ids);
  session.reset();
  const top = await session.evaluate(ids, { top: 20 });
  session.reset();
  const scores = await session.score(ids);
  session.reset();
  const [first] = await session.evaluator.evaluate(ids, [{ top: 20, extraIds: [1, 300] }]); // the prefilter's own
  session.close();
  return { last, top, scores, best: first as TopLogits };
}

describe('soft-capped logits', () => {
  const c = 3;
  const path = temp('capped.gguf');
  const shape = { arch: 'gemma3', nLayer: 1, logitSoftcapping: c } as const;

  it('are c · tanh(x / c) of those without a cap, however they are asked for', async () => {
    await tinyModel(shape).write(path);
    const model = await load(path);
    const raw = await rawLogits(path);
    const all = await allLogits(model, ids);
    expectCapped(all, raw, c);
    expect(await allLogits(model, ids, 1)).toEqual(all);

    const { last, top, scores, best } = await everyWay(model);
    const vocabSize = last.length;
    expect(last).toEqual(all.slice(-vocabSize));
    const order = [...last.keys()].sort((a, b) => last[b]! - last[a]! || a - b);
    expect([...top.ids]).toEqual(order.slice(0, 20));
    expect(best.ids).toEqual(top.ids);
    expect([...best.logits]).toEqual([...best.ids].map((id) => last[id]));
    expect([...best.extraLogits]).toEqual([last[1], last[300]]);
    const logSumExp = (row: Float32Array) => {
      const max = Math.max(...row);
      return max + Math.log(row.reduce((sum, logit) => sum + Math.exp(logit - max), 0));
    };
    top.ids.forEach((id, i) => {
      expect(top.logProbs[i]).toBeCloseTo(last[id]! - logSumExp(last), 12);
    });
    scores.forEach((score, i) => {
      const row = all.subarray(i * vocabSize, (i + 1) * vocabSize);
      expect(score).toBeCloseTo(row[ids[i + 1]!]! - logSumExp(row), 12);
    });
  });

  const sameBits = async (file: string, options: readonly LoadOptions[]) => {
    const answers = [];
    for (const option of options) answers.push(await everyWay(await load(file, option)));
    for (const answer of answers) expect(answer).toEqual(answers[0]);
  };

  it('have the same bits with every kernel and number of threads', async () => {
    await tinyModel(shape).write(path);
    await sameBits(path, [{}, { kernel: 'scalar' }, { threads: 1 }]);
  });

  it('have the same bits with a head prefilter', async () => {
    const large = temp('large.gguf');
    // 32 MiB: the smallest head that is prefiltered. At a cap of 0.5 many of the best logits tie.
    const head = { dim: 256, ffnDim: 256, vocabSize: 2 ** 15, headType: 'F32' } as const;
    await tinyModel({ ...shape, ...head, logitSoftcapping: 0.5 }).write(large);
    await sameBits(large, [{}, { headPrefilter: false }]);
  });
});

describeShared('gemma3 with a soft cap of 2', () => {
  it('gives c · tanh(x / c)', async () => {
    const path = sharedPath('cases/g3cap.gguf');
    expectCapped(await allLogits(await load(path), ids), await rawLogits(path), 2);
  });
});
