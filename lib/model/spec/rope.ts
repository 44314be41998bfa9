import type { Graph } from './architectures.js';
import type { Keys } from './keys.js';
import * as limits from './limits.js';
import { convertAgain, notYet } from './model-error.js';
import type { ModelSpec } from './spec.js';

type Rope = Omit<ModelSpec['rope'], 'type'>;

/** The rotary embedding of a file: which columns turn, how fast, and how it was stretched to a longer context. */
export function readRope(keys: Keys, graph: Graph, headDim: number, contextLength: number): Rope {
  const key = 'rope.dimension_count';
  const all = keys.integer(key, { min: 2, max: headDim }, headDim);
  // Where only sliding-window layers rotate, what is said of these counts.
  const inWindows = graph.slidingWindow?.ropeOnly;
  const windowKey = `${key}_swa`;
  const dim = inWindows ? keys.integer(windowKey, { min: 2, max: headDim }, all) : all;
  if (dim % 2 !== 0) throw keys.error(dim === all ? key : windowKey, 'even', `${dim}`);
  const usual = readBase(keys, graph, headDim);
  const base = inWindows ? keys.number('rope.freq_base_swa', limits.ropeBaseRange, usual) : usual;
  const { magnitude: stretched = 1, ...scaling } = readScaling(keys, dim, base, contextLength);
  const magnitude = stretched * readAttnFactor(keys);
  return { dim, base, ...scaling, ...(magnitude !== 1 && { magnitude }) };
}

/** Hunyuan's files may state a base and how it is stretched; most hold the finished one. */
function readBase(keys: Keys, { ropeAlpha }: Graph, headDim: number): number {
  const stated = keys.number('rope.freq_base', limits.ropeBaseRange, 10_000);
  const key = 'rope.scaling.alpha';
  if (!ropeAlpha || keys.get(key) === undefined || keys.get(key) === 0) return stated;
  const alpha = keys.number(key, limits.ropeAlphaRange);
  const base = stated * alpha ** (headDim / (headDim - 2));
  const { min, max } = limits.ropeBaseRange;
  if (base >= min && base <= max) return base;
  const expected = `a factor that brings the base of the rotary angles to ${min} to ${max}`;
  throw keys.error(key, expected, `${alpha}, which makes ${stated} ${base}`);
}

/** What cosines and sines are multiplied by besides what the kind of scaling says; converters write 0 for none. */
export function readAttnFactor(keys: Keys): number {
  const key = 'rope.scaling.attn_factor';
  return keys.get(key) === 0 ? 1 : keys.number(key, limits.ropeMagnitudeRange, 1);
}

type Scaling = Pick<Rope, 'scale' | 'factors' | 'magnitude' | 'longAbove'>;

function readScaling(keys: Keys, dim: number, base: number, contextLength: number): Scaling {
  const key = 'rope.scaling.type';
  const type = keys.get(key) ?? 'linear';
  switch (type) {
    case 'none':
      return { scale: 1 };
    case 'linear':
      return { scale: readFactor(keys) };
    case 'yarn':
      return yarn(keys, dim, base, contextLength);
    case 'longrope':
      return longRope(keys, contextLength);
    case 'llama3':
      return llama3(keys, dim, base);
    case '':
    case 'default':
      return unscaled(keys, type);
  }
  const expected = '"none", "linear", "yarn", "longrope" or "llama3"';
  const advice = typeof type === 'string' ? notYet : convertAgain;
  throw keys.error(key, expected, keys.describe(key), advice);
}

/** Other names of "none" that converters have written; under an empty one a factor could mean anything. */
function unscaled(keys: Keys, type: string): Scaling {
  const factor = keys.get('rope.scaling.factor') ?? keys.get('rope.scale_linear') ?? 1;
  const unused = factor === 1 || factor === 0 ? '' : ', whose factor is not for it';
  const warning = type === '' && unused !== '';
  keys.decide('rotary scaling', 'none', `the file says "${type}"${unused}`, warning);
  return { scale: 1 };
}

/** The factor by which the context was stretched; converters write 0 for 1. */
function readFactor(keys: Keys, fallback = 1): number {
  const key =
    keys.get('rope.scaling.factor') === undefined ? 'rope.scale_linear' : 'rope.scaling.factor';
  return keys.get(key) === 0 ? 1 : keys.number(key, limits.ropeScaleRange, fallback);
}

/**
 * What Llama 3.1 divides its angles by: waves that fit the original context often enough stay,
 * those that do not fit are stretched, and between them it is gradual.
 */
function llama3(keys: Keys, dim: number, base: number): Scaling {
  // A converter that knows this scaling writes the factors as a tensor, which then counts.
  if (keys.file.tensors.some(({ name }) => name === 'rope_freqs.weight')) return { scale: 1 };
  const { ropeScaleRange, maxContextLength } = limits;
  const factor = readFactor(keys, 8);
  const low = keys.number('rope.scaling.low_freq_factor', ropeScaleRange, 1);
  const high = keys.number('rope.scaling.high_freq_factor', ropeScaleRange, 4);
  const range = { min: 1, max: maxContextLength };
  const context = keys.integer('rope.scaling.original_context_length', range, 8192);
  return { scale: 1, factors: llama3Factors({ factor, low, high, context }, dim, base) };
}

/** How Llama 3.1 stretches a context. */
export interface Llama3Scaling {
  readonly factor: number;
  /** Waves that fit the original context fewer times than `low` are stretched, more than `high` are not. */
  readonly low: number;
  readonly high: number;
  /** Positions of the original context. */
  readonly context: number;
}

/** [dim / 2] what the angles are divided by. */
export function llama3Factors(
  { factor, low, high, context }: Llama3Scaling,
  dim: number,
  base: number,
): number[] {
  return Array.from({ length: dim / 2 }, (_, j) => {
    const waves = context / (2 * Math.PI * base ** ((2 * j) / dim));
    if (waves > high) return 1;
    if (waves < low) return factor;
    const smooth = (waves - low) / (high - low);
    return 1 / ((1 - smooth) / factor + smooth);
  });
}

/** Positions the model was trained for before its context was stretched; converters write 0 for unknown. */
function originalContext(keys: Keys, contextLength: number): number {
  const range = { min: 0, max: limits.maxContextLength };
  const stated = keys.integer('rope.scaling.original_context_length', range, 0);
  return stated === 0 ? contextLength : stated;
}

/**
 * LongRoPE (Ding et al. 2024): each pair has a divisor of its angle, in one tensor for sessions longer than the
 * original context, and in another for the rest.
 */
function longRope(keys: Keys, contextLength: number): Scaling {
  const longAbove = originalContext(keys, contextLength);
  const choice = `rope_factors_short in sessions for up to ${longAbove} tokens, rope_factors_long in longer ones`;
  const reason = `${longAbove} is the context that the short factors were made for`;
  keys.decide('LongRoPE', choice, reason);
  const factor = readFactor(keys);
  if (factor !== 1) {
    const beside = 'the tensors hold the whole scaling, though llama.cpp divides positions by it';
    keys.decide('LongRoPE', `without rope.scaling.factor ${factor}`, beside, true);
  }
  return { scale: 1, longAbove };
}

/** Entries that llama.cpp does not read for these architectures, though its converter writes them. */
const yarnDetails = ['yarn_ext_factor', 'yarn_attn_factor', 'yarn_beta_fast', 'yarn_beta_slow'].map(
  (name) => `rope.scaling.${name}`,
);

/**
 * YaRN (Peng et al. 2023), at every position: pairs that turn more than betaFast times within the
 * original context keep their angles, those that turn less than betaSlow times are stretched by the
 * whole factor, and between them it is a ramp over the pairs. Queries and keys grow by a magnitude,
 * because attention over a longer context is flatter.
 */
function yarn(keys: Keys, dim: number, base: number, contextLength: number): Scaling {
  const factor = readFactor(keys);
  const context = originalContext(keys, contextLength);
  const [ext, attn, betaFast, betaSlow] = readYarnDetails(keys);
  if (factor === 1) return { scale: 1 };

  // The pair that turns so many times within the original context.
  const pair = (turns: number) =>
    (dim * Math.log(context / (2 * Math.PI * turns))) / (2 * Math.log(base));
  const low = Math.max(0, Math.floor(pair(betaFast)));
  const high = Math.min(dim - 1, Math.ceil(pair(betaSlow)));
  const factors = Array.from({ length: dim / 2 }, (_, i) => {
    const ramp = Math.min(Math.max((i - low) / Math.max(0.001, high - low), 0), 1);
    const keep = (1 - ramp) * ext;
    return 1 / ((1 - keep) / factor + keep);
  });
  const magnitude = attn === 0 ? 1 + 0.1 * Math.log(Math.max(factor, 1)) : attn;
  return { scale: 1, factors, magnitude };
}

/** How the file departs from the usual YaRN, as Transformers means the entries they come from. */
function readYarnDetails(keys: Keys): [ext: number, attn: number, fast: number, slow: number] {
  const usual = [1, 0, 32, 1] as const; // an attn of 0 is 1 + 0.1 ln(factor)
  const ranges = [
    { min: 0, max: 1 },
    { min: 0, max: limits.ropeMagnitudeRange.max },
    limits.yarnBetaRange,
    limits.yarnBetaRange,
  ];
  const details = yarnDetails.map((key, i) => keys.number(key, ranges[i]!, usual[i]));
  const unusual = yarnDetails.filter((_, i) => details[i] !== usual[i]);
  if (unusual.length > 0) {
    const named = unusual.map((key) => `${key} ${keys.get(key)}`).join(', ');
    const reason =
      'they come from the model’s configuration, though llama.cpp does not read them here';
    keys.decide('YaRN', `with ${named}`, reason);
  }
  return details as [number, number, number, number];
}
