import { describe, expect, test } from 'vitest';
import {
  modeledJoules,
  modeledJoulesPerToken,
  operationPicojoules,
} from '../../../bench/energy/model.js';
import { sumOperations, tokenOperations } from '../../../bench/energy/operations.js';
import { readSpec } from '../../../lib/model/spec/read-spec.js';
import { PaperModel, type PaperOptions } from '../../model/paper-model.js';

const specOf = (options: PaperOptions) => readSpec(new PaperModel(options).file);

/** Two layers of width 128, four heads of 32 columns, two of them with keys, 192 units, 300 tokens. */
const small = { arch: 'bitnet-b1.58', nLayer: 2, dim: 128, ffnDim: 192, nHead: 4, nKvHead: 2 };
const linear = 2 * (2 * 128 * 128 + 2 * 64 * 128 + 3 * 128 * 192);

describe('the operations of a token', () => {
  test('are an addition for each ternary weight, and what is between the matrices', () => {
    const operations = tokenOperations(specOf(small), 10);
    const none = { int8Add: 0, fp16Add: 0, fp16Multiply: 0, fp32Add: 0, fp32Multiply: 0 };
    expect(operations.linear).toEqual({ ...none, int8Add: linear });
    // Scores and values of 10 positions, 4 heads of 32, in 2 layers.
    const attention = 2 * 10 * 4 * 32 * 2;
    expect(operations.attention).toEqual({ ...none, fp16Add: attention, fp16Multiply: attention });
    expect(operations.head).toEqual({ ...none, fp16Add: 300 * 128, fp16Multiply: 300 * 128 });
    // Two norms of 128, one of 128 and one of 192 in each layer, and the last one.
    const normed = 2 * (3 * 128 + 192) + 128;
    const scaled = 2 * (2 * 256 + 2 * (64 + 128) + 3 * (128 + 192));
    expect(operations.rest).toEqual({
      ...none,
      fp16Add: normed,
      fp16Multiply: 2 * normed + scaled,
    });
  });

  test('are a multiplication and an addition for each weight of other types', () => {
    const of = (weightType: string) => tokenOperations(specOf({ ...small, weightType }), 1);
    for (const type of ['F16', 'BF16']) {
      expect(of(type).linear).toMatchObject({
        ...{ int8Add: 0, fp16Add: linear, fp16Multiply: linear, fp32Add: 0 },
      });
    }
    expect(of('F32').linear).toMatchObject({
      ...{ fp16Add: 0, fp32Add: linear, fp32Multiply: linear },
    });
    // Nothing is scaled around them.
    expect(of('F16').rest.fp16Multiply).toBe(2 * of('F16').rest.fp16Add);
  });
});

describe('the modeled energy', () => {
  test('of matrices is 71.4 times less for ternary ones at 7 nm, and 50 times at 45 nm', () => {
    const joules = (weightType: string) =>
      modeledJoules(tokenOperations(specOf({ ...small, weightType }), 1).linear);
    const [fp16, ternary] = [joules('F16'), joules('I2_S')];
    expect(fp16.nm7).toBeCloseTo(linear * (0.16 + 0.34) * 1e-12, 20);
    expect(ternary.nm7).toBeCloseTo(linear * 0.007 * 1e-12, 20);
    expect((fp16.nm7 / ternary.nm7).toFixed(1)).toBe('71.4');
    expect(fp16.nm45 / ternary.nm45).toBeCloseTo((0.4 + 1.1) / 0.03, 9);
  });

  // Ma et al. 2024, figure 3, with the shapes of LLaMA: its numbers are those of matrices and attention, without the head.
  test.each([
    ['1.3B', { nLayer: 24, dim: 2048, ffnDim: 5460, nHead: 32, nKvHead: 32 }, 18.6],
    ['70B', { nLayer: 80, dim: 8192, ffnDim: 28_672, nHead: 64, nKvHead: 8 }, 41.2],
  ])('of a whole %s at 512 tokens is less by about the published factor', (_, shape, published) => {
    const joules = (weightType: string) => {
      const operations = tokenOperations(specOf({ ...shape, arch: 'llama', weightType }), 512);
      return modeledJoules(sumOperations([operations.linear, operations.attention])).nm7;
    };
    const ratio = joules('F16') / joules('I2_S');
    expect(Math.abs(ratio / published - 1)).toBeLessThan(0.03);
  });

  // Ma et al. 2025 (2B4T report), table 1, which is for 512 tokens that see 512 positions each, again without the head.
  test.each([
    ['BitNet b1.58 2B4T', 'I2_S', [30, 2560, 6912, 20, 5], '0.028'],
    ['Llama 3.2 1B', 'F16', [16, 2048, 8192, 32, 8], '0.258'],
    ['Qwen2.5 1.5B', 'F16', [28, 1536, 8960, 12, 2], '0.347'],
    ['SmolLM2 1.7B', 'F16', [24, 2048, 8192, 32, 32], '0.425'],
  ] as const)('of %s is the published one', (_, weightType, numbers, published) => {
    const [nLayer, dim, ffnDim, nHead, nKvHead] = numbers;
    const shape = { nLayer, dim, ffnDim, nHead, nKvHead, weightType, arch: 'llama' };
    const { linear, attention } = tokenOperations(specOf(shape), 512);
    const { nm7 } = modeledJoules(sumOperations([linear, attention]));
    expect((512 * nm7).toFixed(3)).toBe(published);
  });

  test('of a run counts a head for each generated token and one for a prompt, and positions as they grow', () => {
    const spec = specOf(small);
    const { nm7: joules } = modeledJoulesPerToken(spec, { prompt: 3, generate: 2, depth: 100 });
    const picojoules = (positions: number, heads: number) => {
      const { rest } = tokenOperations(spec, positions);
      const attended = 2 * positions * 4 * 32 * 2;
      return (
        0.007 * linear +
        0.5 * (attended + heads * 300 * 128) +
        0.16 * rest.fp16Add +
        0.34 * rest.fp16Multiply
      );
    };
    const tokens = [
      ...[picojoules(101, 0), picojoules(102, 0), picojoules(103, 1)],
      ...[picojoules(104, 1), picojoules(105, 1)],
    ];
    expect((joules * 1e12) / (tokens.reduce((sum, x) => sum + x, 0) / 5)).toBeCloseTo(1, 12);
    const prompt = modeledJoulesPerToken(spec, { prompt: 8, generate: 0, depth: 0 });
    const decoded = modeledJoulesPerToken(spec, { prompt: 0, generate: 8, depth: 0 });
    expect((decoded.nm45 - prompt.nm45) * 1e12).toBeCloseTo((7 / 8) * 1.5 * 300 * 128, 6);
  });

  test('has a cost for every operation, higher at 45 nm', () => {
    const { nm7, nm45 } = operationPicojoules;
    for (const name of Object.keys(nm7) as (keyof typeof nm7)[]) {
      expect(nm45[name]).toBeGreaterThan(nm7[name]);
    }
  });
});
