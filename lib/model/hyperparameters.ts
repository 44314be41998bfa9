import type { Keys } from './keys.js';
import * as limits from './limits.js';
import { notYet } from './model-error.js';
import type { ModelSpec } from './spec.js';

export type Hyperparameters = Pick<
  ModelSpec,
  'nLayer' | 'dim' | 'ffnDim' | 'nHead' | 'nKvHead' | 'headDim' | 'contextLength' | 'normEps'
> & { readonly rope: Omit<ModelSpec['rope'], 'type'> };

/** Reads and checks the sizes and constants of a model. */
export function readHyperparameters(keys: Keys): Hyperparameters {
  const upTo = (max: number) => ({ min: 1, max });
  const nLayer = keys.integer('block_count', upTo(limits.maxLayers));
  const dim = keys.integer('embedding_length', upTo(limits.maxDim));
  const ffnDim = keys.perLayer('feed_forward_length', upTo(limits.maxFfnDim), nLayer);
  const heads = upTo(limits.maxHeads);
  const nHead = keys.perLayer('attention.head_count', heads, nLayer);
  const nKvHead = keys.perLayer('attention.head_count_kv', heads, nLayer, nHead);
  if (nHead % nKvHead !== 0) {
    const expected = `a divisor of the ${nHead} query heads`;
    throw keys.error('attention.head_count_kv', expected, `${nKvHead}`);
  }
  const headDim = readHeadDim(keys, dim, nHead);
  const contextLength = keys.integer('context_length', upTo(limits.maxContextLength));
  const normEps = keys.number('attention.layer_norm_rms_epsilon', limits.normEpsRange);
  const rope = readRope(keys, headDim);
  refuseVariants(keys, headDim);
  return { nLayer, dim, ffnDim, nHead, nKvHead, headDim, contextLength, normEps, rope };
}

function readHeadDim(keys: Keys, dim: number, nHead: number): number {
  const range = { min: 2, max: limits.maxHeadDim };
  const headDim = keys.integer('attention.key_length', range, dim / nHead);
  if (!Number.isInteger(headDim)) {
    throw keys.error('attention.head_count', `a divisor of the dimension ${dim}`, `${nHead}`);
  }
  if (headDim < range.min || headDim > range.max || headDim % 2 !== 0) {
    const expected = `an even number from ${range.min} to ${range.max}, the columns of a head`;
    const derived = keys.get('attention.key_length') === undefined;
    const found = derived ? `${headDim}, the dimension ${dim} by ${nHead} heads` : `${headDim}`;
    throw keys.error('attention.key_length', expected, found);
  }
  if (nHead * headDim > limits.maxQueryDim) {
    const expected = `at most ${limits.maxQueryDim} columns in all heads`;
    throw keys.error('attention.head_count', expected, `${nHead} heads of ${headDim}`);
  }
  const valueLength = keys.integer('attention.value_length', range, headDim);
  if (valueLength !== headDim) {
    const expected = `${headDim} like attention.key_length`;
    throw keys.error('attention.value_length', expected, `${valueLength}`, notYet);
  }
  return headDim;
}

function readRope(keys: Keys, headDim: number): Hyperparameters['rope'] {
  const key = 'rope.dimension_count';
  const dim = keys.integer(key, { min: 2, max: headDim }, headDim);
  if (dim % 2 !== 0) throw keys.error(key, 'even', `${dim}`);
  const base = keys.number('rope.freq_base', limits.ropeBaseRange, 10_000);
  return { dim, base, scale: readRopeScale(keys) };
}

/** The factor by which positions are divided. Other kinds of scaling are refused unless they do nothing. */
function readRopeScale(keys: Keys): number {
  const type = keys.get('rope.scaling.type') ?? 'linear';
  if (type === 'none') return 1;
  const key =
    keys.get('rope.scaling.factor') === undefined ? 'rope.scale_linear' : 'rope.scaling.factor';
  // Converters write 0 for "no scaling".
  const factor = keys.get(key) === 0 ? 1 : keys.number(key, limits.ropeScaleRange, Number.NaN);
  if (type === 'linear') return Number.isNaN(factor) ? 1 : factor;
  if (factor === 1) return 1;
  const found = keys.describe('rope.scaling.type');
  throw keys.error('rope.scaling.type', '"none" or "linear"', found, notYet);
}

/** Entries that change the graph in a way this project does not compute: to ignore one gives wrong text. */
function refuseVariants(keys: Keys, headDim: number): void {
  const attentionScale = 1 / Math.sqrt(headDim);
  const close = (value: unknown) => Math.abs(Number(value) / attentionScale - 1) < 1e-5;
  const variants: [key: string, expected: string, sound: (value: unknown) => boolean][] = [
    ['expert_count', '0, a model without experts', (value) => value === 0],
    ['attention.causal', 'true', (value) => value === true],
    ['attention.scale', `${attentionScale}`, (value) => value === 0 || close(value)],
    ['rope.scaling.attn_factor', '1', (value) => value === 0 || value === 1],
  ];
  for (const [key, expected, sound] of variants) {
    const value = keys.get(key);
    if (value === undefined || sound(value)) continue;
    throw keys.error(key, expected, keys.describe(key), notYet);
  }
}
