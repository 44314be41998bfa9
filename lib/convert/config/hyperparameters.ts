import { f32, u32 } from '../../gguf/typed.js';
import type { GgufTyped } from '../../gguf/writer.js';
import type { Activation } from '../../model/spec/architectures.js';
import * as limits from '../../model/spec/limits.js';
import { type Family, graphOf } from '../families.js';
import { type Config, describe } from './config.js';
import { expertEntries } from './experts.js';
import { recurrentEntries } from './recurrent.js';
import { readRopeEntries } from './rope.js';
import { type CheckpointSizes, readSizes } from './sizes.js';
import { slidingWindowEntries } from './sliding-window.js';

/** What the settings of a checkpoint say of its graph. */
export interface Hyperparameters {
  readonly sizes: CheckpointSizes;
  /** Entries of the file's metadata with the name of the architecture before them. */
  readonly entries: readonly (readonly [key: string, value: GgufTyped])[];
  /** Vectors that the file has as tensors and the checkpoint in its settings. */
  readonly tensors: ReadonlyMap<string, Float32Array>;
  /** Whether the embedding is the head as well. */
  readonly tied: boolean;
}

/** @throws ERR_BITNET_MODEL when the settings are not sound, or are of a graph that cannot be stored */
export function readHyperparameters(config: Config, family: Family): Hyperparameters {
  const { architecture, defaults } = family;
  const sizes = readSizes(config, family);
  const { dim, nHead, headDim } = sizes;
  const { entries: rope, tensors } = readRopeEntries(config, family, sizes);
  const entries: [string, GgufTyped][] = [
    ['vocab_size', u32(sizes.vocabSize)],
    ['context_length', u32(sizes.contextLength)],
    ['embedding_length', u32(sizes.dim)],
    ['block_count', u32(sizes.nLayer)],
    ['feed_forward_length', u32(config.integer('intermediate_size', ffnRange, sizes.ffnDim))],
    ['attention.head_count', u32(sizes.nHead)],
    ['attention.head_count_kv', u32(sizes.nKvHead)],
    [graphOf(family).layerNorms ? layerNormEps : rmsNormEps, f32(sizes.normEps)],
    ...(config.has('head_dim') || headDim * nHead !== dim ? headDimEntries(sizes) : []),
    ...rope.map(([key, value]): [string, GgufTyped] => [key, value]),
    ...slidingWindowEntries(config, family, sizes),
    ...expertEntries(config, family, sizes),
    ...recurrentEntries(config, sizes.recurrent),
    ...activationEntries(config, family),
    ...scaleEntries(config, family, sizes),
    ...softcappingEntries(config, family),
    ...clampEntries(config, family),
  ];
  checkAttentionScale(config, family, sizes);
  return {
    sizes,
    entries: entries.map(([key, value]) => [`${architecture}.${key}`, value]),
    tensors,
    tied: config.flag('tie_word_embeddings', defaults.tied),
  };
}

function headDimEntries({ headDim }: CheckpointSizes): [string, GgufTyped][] {
  return [
    ['attention.key_length', u32(headDim)],
    ['attention.value_length', u32(headDim)],
  ];
}

/** Graphs with sub-norms are trained with one activation or another, which their names alone do not tell. */
function activationEntries(config: Config, family: Family): [string, GgufTyped][] {
  const { activations } = family;
  const key = config.has('hidden_activation') ? 'hidden_activation' : 'hidden_act';
  const names = Object.keys(activations);
  const activation: Activation = activations[config.text(key, names, names[0]!)]!;
  if (graphOf(family).subNorms === undefined) return [];
  return [['hidden_activation', { type: 'string', value: activation }]];
}

/** What µP scales by; the checkpoint states them in other terms. */
function scaleEntries(
  config: Config,
  family: Family,
  { nLayer, dim }: CheckpointSizes,
): [string, GgufTyped][] {
  if (graphOf(family).scales === undefined) return [];
  const depth = config.number('scale_depth', limits.graphScaleRange);
  return [
    ['embedding_scale', f32(config.number('scale_emb', limits.graphScaleRange))],
    ['residual_scale', f32(depth / Math.sqrt(nLayer))],
    ['logit_scale', f32(dim / config.number('dim_model_base', limits.graphScaleRange))],
  ];
}

function softcappingEntries(config: Config, family: Family): [string, GgufTyped][] {
  for (const key of ['attn_logit_softcapping', 'final_logit_softcapping']) {
    const known = key === 'final_logit_softcapping' && graphOf(family).logitSoftcapping === true;
    if (known || !config.has(key)) continue;
    throw config.error(key, 'absent', describe(config.get(key)), notYet);
  }
  const key = 'final_logit_softcapping';
  if (!config.has(key)) return [];
  return [[key, f32(config.number(key, limits.softcappingRange))]];
}

/** What queries, keys and values are limited to. */
function clampEntries(config: Config, family: Family): [string, GgufTyped][] {
  const key = 'clip_qkv';
  if (!config.has(key)) return [];
  if (!graphOf(family).clampedKqv)
    throw config.error(key, 'null', describe(config.get(key)), notYet);
  return [['attention.clamp_kqv', f32(config.number(key, limits.clampRange))]];
}

/** What scores are multiplied by, for which GGUF files of Gemma 3 have no entry: quirks.ts knows it. */
function checkAttentionScale(
  config: Config,
  { architecture }: Family,
  { nLayer, dim, nHead, headDim }: CheckpointSizes,
): void {
  const key = 'query_pre_attn_scalar';
  if (architecture !== 'gemma3' || !config.has(key)) return;
  const expected = nLayer === 62 ? dim / nHead : headDim;
  if (config.get(key) === expected) return;
  throw config.error(key, `${expected}`, describe(config.get(key)), notYet);
}

const rmsNormEps = 'attention.layer_norm_rms_epsilon';
const layerNormEps = 'attention.layer_norm_epsilon';

const ffnRange = { min: 1, max: limits.maxFfnDim };

const notYet = 'models like this cannot be converted yet';
