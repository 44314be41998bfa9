import { beforeAll, describe, expect, it } from 'vitest';
import { compareModels, type Model, perplexity, quantizeModel } from '../../lib/index.js';
import { rejection } from '../api/tiny.js';
import { allLogits, modelLoader } from '../engine/engine.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyModel } from '../fixtures/tiny-model.js';

const vocabSize = 320;
const file = tempFolder();
const load = modelLoader();
let base: Model;
let other: Model;
beforeAll(async () => {
  const path = file('base.gguf');
  await tinyModel({ arch: 'llama', weightType: 'F16', vocabSize }).write(path);
  await quantizeModel(path, file('other.gguf'), { type: 'q4_0' });
  [base, other] = [await load(path), await load(file('other.gguf'))];
});
const text = 'the rain on the tin roof, again and then there. '.repeat(4);
const options = { contextLength: 32, chunks: 2 };

describe('compareModels', () => {
  it('finds no difference between a model and itself', async () => {
    const result = await compareModels(base, base, text, options);
    expect(result).toMatchObject({
      klDivergence: { mean: 0, error: 0, median: 0, p99: 0, max: 0 },
      logRatio: { value: 0, error: 0 },
      topAgreement: { value: 1, error: 0 },
      rmsProbability: 0,
      largestLogitDifference: 0,
    });
    expect(result.perplexity[0]).toEqual(result.perplexity[1]);
  });

  it('computes what its formulas say, from all logits', async () => {
    const result = await compareModels(base, other, text, options);
    const ids = base.tokenizer.encode(text, { addSpecial: true });
    const kl: number[] = [];
    let same = 0;
    let largest = 0;
    for (let chunk = 0; chunk < 2; chunk++) {
      const window = ids.slice(32 * chunk, 32 * chunk + 32);
      const [a, b] = [await allLogits(base, window), await allLogits(other, window)];
      for (let at = 16; at < 31; at++) {
        const [p, q] = [a, b].map((all) =>
          Array.from(all.subarray(at * vocabSize, (at + 1) * vocabSize)),
        ) as [number[], number[]];
        const [sumP, sumQ] = [p, q].map((l) =>
          Math.log(l.reduce((sum, v) => sum + Math.exp(v), 0)),
        ) as [number, number];
        kl.push(p.reduce((sum, v, i) => sum + Math.exp(v - sumP) * (v - sumP - q[i]! + sumQ), 0));
        if (p.indexOf(Math.max(...p)) === q.indexOf(Math.max(...q))) same++;
        largest = Math.max(largest, ...p.map((v, i) => Math.abs(v - q[i]!)));
      }
    }
    expect(result.tokens).toBe(kl.length);
    expect(result.klDivergence.mean).toBeCloseTo(kl.reduce((s, v) => s + v, 0) / kl.length, 9);
    expect(result.klDivergence.max).toBeCloseTo(Math.max(...kl), 9);
    expect(result.klDivergence.mean).toBeGreaterThan(0);
    expect(result.topAgreement.value).toBe(same / kl.length);
    expect(result.largestLogitDifference).toBe(largest);
    for (const [i, model] of [base, other].entries()) {
      const alone = await perplexity(model, text, options);
      expect(result.perplexity[i]!.nll).toBeCloseTo(alone.nll, 9);
    }
  });

  it('refuses models with other tokens, and what is no model', async () => {
    const path = file('larger.gguf');
    await tinyModel({ arch: 'llama', vocabSize: 330 }).write(path);
    const larger = await load(path);
    const error = (await rejection(compareModels(base, larger, text, options))) as Error;
    expect(error).toMatchObject({ code: 'ERR_BITNET_ARGUMENT' });
    expect(error.message).toContain(
      '320 and 330 tokens; compare models made from the same checkpoint',
    );
    const none = compareModels(base, undefined as unknown as Model, text, options);
    expect(await rejection(none)).toMatchObject({ code: 'ERR_BITNET_ARGUMENT' });
  });

  it('stops with what it has', async () => {
    const controller = new AbortController();
    const onProgress = () => controller.abort();
    const given = { ...options, signal: controller.signal, onProgress };
    const error = (await rejection(compareModels(base, other, text, given))) as { result?: object };
    expect(error).toMatchObject({ code: 'ERR_BITNET_ABORTED', result: { chunks: 1 } });
  });
});
