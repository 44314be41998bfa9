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

/** `[nLayer, n, dim]`; of the last layer its norm is what the head multiplies. */
async function streamsOf(model: Model, ids: readonly number[]): Promise<Float32Array> {
  const session = model.createSession();
  const { layers } = await session.layers(ids, undefined);
  session.reset();
  const states = await session.states(ids, 'all', undefined);
  const { dim, nLayer } = model.spec;
  for (let at = 0; at < ids.length; at++) {
    const x = layers.subarray(((nLayer - 1) * ids.length + at) * dim).subarray(0, dim);
    const state = states.subarray(at * dim, (at + 1) * dim);
    const [i] = [...x.keys()].sort((a, b) => Math.abs(x[b]!) - Math.abs(x[a]!));
    expect(Math.sign(state[i!]!)).toBe(Math.sign(x[i!]!));
  }
  session.close();
  return layers;
}

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

  it('compares what each layer leaves in the residual stream', async () => {
    const { layers, ...rest } = await compareModels(base, other, text, {
      ...options,
      layers: true,
    });
    expect(rest).toEqual(await compareModels(base, other, text, options));
    const { nLayer, dim } = base.spec;
    expect(layers).toHaveLength(nLayer);
    const ids = base.tokenizer.encode(text, { addSpecial: true });
    const sums = Array.from({ length: nLayer }, () => ({ aa: 0, bb: 0, ab: 0, errors: 0 }));
    for (let chunk = 0; chunk < 2; chunk++) {
      const window = ids.slice(32 * chunk, 32 * chunk + 31);
      const [a, b] = [await streamsOf(base, window), await streamsOf(other, window)];
      for (const [layer, sum] of sums.entries()) {
        for (let at = 16; at < 31; at++) {
          for (let i = 0; i < dim; i++) {
            const [x, y] = [a, b].map((all) => all[(layer * 31 + at) * dim + i]!) as [
              number,
              number,
            ];
            sum.aa += x * x;
            sum.bb += y * y;
            sum.ab += x * y;
            sum.errors += (y - x) ** 2;
          }
        }
      }
    }
    for (const [layer, { aa, bb, ab, errors }] of sums.entries()) {
      expect(layers![layer]!.error).toBeCloseTo(Math.sqrt(errors / aa), 9);
      expect(layers![layer]!.error).toBeGreaterThan(0);
      expect(layers![layer]!.cosine).toBeCloseTo(ab / Math.sqrt(aa * bb), 9);
    }
    const same = await compareModels(base, base, text, { ...options, layers: true });
    expect(same.layers).toEqual(sums.map(() => ({ error: 0, cosine: 1 })));
  });

  it('refuses to compare layers that have no counterparts', async () => {
    const path = file('deeper.gguf');
    await tinyModel({ arch: 'llama', weightType: 'F16', vocabSize, nLayer: 3 }).write(path);
    const compared = compareModels(base, await load(path), text, { ...options, layers: true });
    expect(await rejection(compared)).toMatchObject({
      ...{ code: 'ERR_BITNET_ARGUMENT', option: 'option layers' },
    });
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
