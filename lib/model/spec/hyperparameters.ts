import type { Graph } from './architectures.js';
import { readDeltaNet } from './delta-net.js';
import type { Keys, Range } from './keys.js';
import * as limits from './limits.js';
import { notYet } from './model-error.js';
import { readAttnFactor, readRope } from './rope.js';
import type { ModelSpec } from './spec.js';
import { readStateSpace } from './state-space.js';

export type Hyperparameters = ReturnType<typeof readHyperparameters>;

/** Reads and checks the sizes and constants of a model. */
export function readHyperparameters(keys: Keys, graph: Graph) {
  const upTo = (max: number) => ({ min: 1, max });
  const blocks = keys.integer('block_count', upTo(limits.maxLayers));
  const nLayer = blocks - readSpeculationBlocks(keys, graph, blocks);
  const dim = keys.integer('embedding_length', upTo(limits.maxDim));
  const experts = readExperts(keys, graph, nLayer);
  const ffnDim = readFfnDim(keys, graph, blocks);
  const recurrent = readRecurrent(keys, graph, blocks, nLayer);
  const attends = (layer: number) =>
    layer < nLayer && (!recurrent?.layers[layer] || recurrent.stateSpace === true);
  const heads = upTo(limits.maxHeads);
  const nHead = keys.perLayer('attention.head_count', heads, blocks, undefined, attends);
  const nKvHead = keys.perLayer('attention.head_count_kv', heads, blocks, nHead, attends);
  if (nHead % nKvHead !== 0) {
    const expected = `a divisor of the ${nHead} query heads`;
    throw keys.error('attention.head_count_kv', expected, `${nKvHead}`);
  }
  const headDim = readHeadDim(keys, dim, nHead);
  const contextLength = keys.integer('context_length', upTo(limits.maxContextLength));
  const { layerNorms, headNorms, clampedKqv, logitSoftcapping: softcapped } = graph;
  const epsilon = `attention.layer_norm_${layerNorms ? '' : 'rms_'}epsilon`;
  const normEps = keys.number(epsilon, limits.normEpsRange);
  const clampKqv = clampedKqv ? readCap(keys, 'attention.clamp_kqv', limits.clampRange) : 0;
  const rope = readRope(keys, graph, headDim, contextLength);
  const slidingWindow = readSlidingWindow(keys, graph, nLayer, rope.base);
  const logitSoftcapping = softcapped
    ? readCap(keys, 'final_logit_softcapping', limits.softcappingRange)
    : 0;
  refuseVariants(keys, graph);
  return {
    ...{ nLayer, dim, ffnDim, nHead, nKvHead, headDim, contextLength, normEps },
    ...(experts && { experts }),
    ...(layerNorms && { layerNorm: layerNorms }),
    ...(headNorms === 'rotated' && { normAfterRotation: true as const }),
    ...(clampKqv !== 0 && { clampKqv }),
    rope,
    ...(slidingWindow && { slidingWindow }),
    ...(graph.gatedAttention && { gatedAttention: graph.gatedAttention }),
    ...(recurrent && { recurrent }),
    ...(logitSoftcapping !== 0 && { logitSoftcapping }),
  };
}

function readRecurrent(
  keys: Keys,
  { deltaNet, stateSpace }: Graph,
  blocks: number,
  nLayer: number,
) {
  if (deltaNet) return readDeltaNet(keys, blocks, nLayer);
  return stateSpace && readStateSpace(keys, nLayer);
}

/** The width of the feed-forward layer, or of each expert. */
function readFfnDim(keys: Keys, { experts }: Graph, nLayer: number): number {
  const range = { min: 1, max: limits.maxFfnDim };
  if (experts === undefined) return keys.perLayer('feed_forward_length', range, nLayer);
  keys.get('feed_forward_length'); // of a layer without experts, which these have not
  return keys.perLayer('expert_feed_forward_length', range, nLayer);
}

function readExperts(keys: Keys, { experts }: Graph, nLayer: number): ModelSpec['experts'] {
  if (experts === undefined) return undefined;
  const count = keys.integer('expert_count', { min: 1, max: limits.maxExperts });
  const used = keys.integer('expert_used_count', { min: 1, max: count });
  if (count * nLayer > limits.maxExpertsInAll) {
    const expected = `at most ${limits.maxExpertsInAll} in all layers`;
    throw keys.error('expert_count', expected, `${count} in each of ${nLayer}`);
  }
  const key = 'swiglu_clamp_exp';
  const clamps = keys.numbers(key, limits.expertClampRange, nLayer, experts.clamp);
  // llama.cpp clamps to nothing smaller.
  return { count, used, clamps: clamps.map((clamp) => (clamp > 1e-6 ? clamp : 0)) };
}

/** Blocks at the end that predict further tokens, of an architecture that has such: nothing runs them. */
function readSpeculationBlocks(keys: Keys, { deltaNet }: Graph, blocks: number): number {
  const key = 'nextn_predict_layers';
  const count = deltaNet ? keys.integer(key, { min: 0, max: blocks - 1 }, 0) : 0;
  if (count > 0) {
    const noun = count === 1 ? 'the last block' : `the last ${count} blocks`;
    keys.decide('speculation', 'left out', `${noun} of the file predict tokens further ahead`);
  }
  return count;
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

/** The layers with a window, of an architecture that has such and a file that states one. */
function readSlidingWindow(
  keys: Keys,
  { slidingWindow }: Graph,
  nLayer: number,
  base: number,
): ModelSpec['slidingWindow'] {
  if (!slidingWindow) return undefined;
  const { period: usualPeriod, ropeOnly } = slidingWindow;
  const range = { min: ropeOnly ? 1 : 0, max: limits.maxContextLength };
  const window = keys.integer('attention.sliding_window', range, ropeOnly ? undefined : 0);
  if (window === 0) return undefined;
  const key = 'attention.sliding_window_pattern';
  const stated = keys.get(key);
  const magnitude = slidingWindow.ropeBase === undefined ? 1 : readAttnFactor(keys);
  const usual = slidingWindow.ropeBase ?? base;
  const rope = ropeOnly
    ? { ropeBase: base, ropeOnly }
    : {
        ropeBase: keys.number('rope.freq_base_swa', limits.ropeBaseRange, usual),
        ...(magnitude !== 1 && { ropeMagnitude: magnitude }),
      };
  if (typeof stated === 'object' && stated.elementType === 'bool') {
    if (stated.length !== nLayer) {
      const expected = `one number or ${nLayer} booleans, one per layer`;
      throw keys.error(key, expected, `an array of ${stated.length}`);
    }
    const layers = Array.from({ length: nLayer }, (_, i) => Boolean(stated.get(i)));
    return { window, layers, ...rope };
  }
  if (usualPeriod === 0) {
    throw keys.error(key, `an array of ${nLayer} booleans, one per layer`, keys.describe(key));
  }
  const period = keys.integer(key, { min: 1, max: limits.maxLayers }, usualPeriod);
  const layers = Array.from({ length: nLayer }, (_, i) => (i + 1) % period !== 0);
  return { window, layers, ...rope };
}

/** What values are capped or clamped to; 0 for nothing. */
function readCap(keys: Keys, key: string, range: Range): number {
  return keys.get(key) === 0 ? 0 : keys.number(key, range, 0);
}

type Variant = [key: string, expected: string, sound: (value: unknown) => boolean];

/** Entries that change the graph in a way this project does not compute: to ignore one gives wrong text. */
function refuseVariants(keys: Keys, { experts }: Graph): void {
  const yes = (value: unknown) => value === true || value === 1;
  const upToOne = (value: unknown) => value === 0 || value === 1;
  const mixture: Variant[] = [
    ['expert_gating_func', '1, softmax', upToOne],
    ['expert_weights_norm', 'true', yes],
    ['expert_weights_scale', '1', upToOne],
    ['expert_group_count', '1', upToOne],
    ['expert_shared_count', '0', (value) => value === 0],
  ];
  const variants: Variant[] = [
    ['attention.causal', 'true', yes],
    ...(experts === undefined
      ? [['expert_count', '0, a model without experts', (value) => value === 0] satisfies Variant]
      : mixture),
  ];
  for (const [key, expected, sound] of variants) {
    const value = keys.get(key);
    if (value === undefined || sound(value)) continue;
    throw keys.error(key, expected, keys.describe(key), notYet);
  }
}
