import type { Graph } from './architectures.js';
import type { Keys } from './keys.js';
import * as limits from './limits.js';
import { notYet } from './model-error.js';
import type { ModelSpec } from './spec.js';

export type Hyperparameters = Pick<
  ModelSpec,
  | 'nLayer'
  | 'dim'
  | 'ffnDim'
  | 'nHead'
  | 'nKvHead'
  | 'headDim'
  | 'contextLength'
  | 'normEps'
  | 'local'
> & { readonly rope: Omit<ModelSpec['rope'], 'type'> };

/** Reads and checks the sizes and constants of a model. */
export function readHyperparameters(keys: Keys, graph: Graph): Hyperparameters {
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
  const local = readLocal(keys, graph, nLayer);
  refuseVariants(keys);
  return {
    ...{ nLayer, dim, ffnDim, nHead, nKvHead, headDim, contextLength, normEps, rope },
    ...(local && { local }),
  };
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
  if (keys.get('rope.scaling.type') !== 'llama3') return { dim, base, scale: readRopeScale(keys) };
  // A converter that knows this scaling writes the factors as a tensor, which then counts.
  const given = keys.file.tensors.some(({ name }) => name === 'rope_freqs.weight');
  return { dim, base, scale: 1, ...(!given && { factors: llama3Factors(keys, dim, base) }) };
}

/**
 * What Llama 3.1 divides its angles by: waves that fit the original context often enough stay,
 * those that do not fit are stretched, and between them it is gradual.
 */
function llama3Factors(keys: Keys, dim: number, base: number): number[] {
  const { ropeScaleRange, maxContextLength } = limits;
  const factor = keys.number('rope.scaling.factor', ropeScaleRange, 8);
  const low = keys.number('rope.scaling.low_freq_factor', ropeScaleRange, 1);
  const high = keys.number('rope.scaling.high_freq_factor', ropeScaleRange, 4);
  const range = { min: 1, max: maxContextLength };
  const context = keys.integer('rope.scaling.original_context_length', range, 8192);
  return Array.from({ length: dim / 2 }, (_, j) => {
    const waves = context / (2 * Math.PI * base ** ((2 * j) / dim));
    if (waves > high) return 1;
    if (waves < low) return factor;
    const smooth = (waves - low) / (high - low);
    return 1 / ((1 - smooth) / factor + smooth);
  });
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
  throw keys.error('rope.scaling.type', '"none", "linear" or "llama3"', found, notYet);
}

/** The layers with a window, of an architecture that has such and a file that states one. */
function readLocal(keys: Keys, { local }: Graph, nLayer: number): ModelSpec['local'] {
  const range = { min: 0, max: limits.maxContextLength };
  const window = local ? keys.integer('attention.sliding_window', range, 0) : 0;
  if (!local || window === 0) return undefined;
  const key = 'attention.sliding_window_pattern';
  const stated = keys.get(key);
  const ropeBase = keys.number('rope.freq_base_swa', limits.ropeBaseRange, local.ropeBase);
  if (typeof stated === 'object' && stated.elementType === 'bool') {
    if (stated.length !== nLayer) {
      const expected = `one number or ${nLayer} booleans, one per layer`;
      throw keys.error(key, expected, `an array of ${stated.length}`);
    }
    const layers = Array.from({ length: nLayer }, (_, i) => Boolean(stated.get(i)));
    return { window, layers, ropeBase };
  }
  const period = keys.integer(key, { min: 1, max: limits.maxLayers }, local.period);
  const layers = Array.from({ length: nLayer }, (_, i) => (i + 1) % period !== 0);
  return { window, layers, ropeBase };
}

/** Entries that change the graph in a way this project does not compute: to ignore one gives wrong text. */
function refuseVariants(keys: Keys): void {
  const variants: [key: string, expected: string, sound: (value: unknown) => boolean][] = [
    ['expert_count', '0, a model without experts', (value) => value === 0],
    ['attention.causal', 'true', (value) => value === true],
    ['rope.scaling.attn_factor', '1', (value) => value === 0 || value === 1],
  ];
  for (const [key, expected, sound] of variants) {
    const value = keys.get(key);
    if (value === undefined || sound(value)) continue;
    throw keys.error(key, expected, keys.describe(key), notYet);
  }
}
