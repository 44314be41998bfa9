import { quote } from '../../gguf/malformed.js';
import { f32, text, u32 } from '../../gguf/typed.js';
import type { GgufTyped } from '../../gguf/writer.js';
import * as limits from '../../model/spec/limits.js';
import { llama3Factors } from '../../model/spec/rope.js';
import { type Family, graphOf } from '../families.js';
import type { Config } from './config.js';
import type { CheckpointSizes } from './sizes.js';

/** Rotary embedding as GGUF has it. */
export interface RopeEntries {
  /** Without the name of the architecture before them. */
  readonly entries: readonly (readonly [key: string, value: GgufTyped])[];
  /** [headDim / 2] what divides each angle, by the names of tensors. */
  readonly tensors: ReadonlyMap<string, Float32Array>;
}

type Sizes = Pick<CheckpointSizes, 'headDim' | 'contextLength'>;

/**
 * Reads `rope_theta` and `rope_scaling`, or `rope_parameters`, which has both since Transformers 5.
 *
 * @throws ERR_BITNET_MODEL for a kind of scaling that cannot be stored
 */
export function readRopeEntries(config: Config, family: Family, sizes: Sizes): RopeEntries {
  const parameters = config.part('rope_parameters');
  // Of Gemma 3 each kind of layer has its own.
  const own = parameters?.part('full_attention') ?? parameters;
  const base = own?.has('rope_theta') ? own : config;
  const stated = base.number('rope_theta', limits.ropeBaseRange, family.defaults.ropeBase);
  const ropeDim = readRopeDim(config, own, family, sizes.headDim);
  const scaling = own ?? config.part('rope_scaling');
  const stretched = stretchedBase(scaling, family, stated, ropeDim);
  const ropeBase = stretched ?? stated;
  const plain = stretched === undefined ? scaling : undefined;
  const { entries, tensors } = scalingOf(plain, config, ropeBase, { ...sizes, headDim: ropeDim });
  return {
    entries: [
      ['rope.dimension_count', u32(ropeDim)],
      ['rope.freq_base', f32(ropeBase)],
      ...entries,
    ],
    tensors,
  };
}

/** The base where a factor stretches it once and for all, as in Hunyuan's models. */
function stretchedBase(
  scaling: Config | undefined,
  family: Family,
  base: number,
  headDim: number,
): number | undefined {
  if (!graphOf(family).ropeAlpha || !scaling?.has('alpha')) return undefined;
  const key = scaling.has('rope_type') ? 'rope_type' : 'type';
  scaling.text(key, ['dynamic'], 'dynamic');
  const alpha = scaling.number('alpha', limits.ropeAlphaRange);
  const stretched = base * alpha ** (headDim / (headDim - 2));
  const { min, max } = limits.ropeBaseRange;
  if (stretched >= min && stretched <= max) return stretched;
  const expected = `a factor that brings the base of the rotary angles to ${min} to ${max}`;
  throw scaling.error('alpha', expected, `${alpha}, which makes ${base} ${stretched}`);
}

/** Columns of a head that turn. */
function readRopeDim(
  config: Config,
  own: Config | undefined,
  { partialRotary }: Family,
  headDim: number,
): number {
  const key = 'partial_rotary_factor';
  const settings = own?.has(key) ? own : config;
  const ropeDim = headDim * settings.number(key, { min: 0, max: 1 }, partialRotary ?? 1);
  const sound = Number.isInteger(ropeDim / 2) && ropeDim > 0;
  if (sound && (partialRotary !== undefined || ropeDim === headDim)) return ropeDim;
  const expected = partialRotary ? `an even part of the ${headDim} columns of a head` : '1';
  throw settings.error(key, expected, `${settings.get(key)}`, notYet);
}

const notYet = 'models like this cannot be converted yet';

function scalingOf(
  scaling: Config | undefined,
  config: Config,
  ropeBase: number,
  { headDim, contextLength }: Sizes,
): RopeEntries {
  const tensors = new Map<string, Float32Array>();
  if (scaling === undefined) return { entries: [], tensors };
  const key = scaling.has('rope_type') ? 'rope_type' : 'type';
  const kind = scaling.text(key, kinds, 'default');
  const other = scaling.keys().find((name) => name !== key && !unscaled.includes(name));
  if (!scaling.has(key) && other !== undefined) {
    const found = `no such entry beside ${quote(other)}`;
    throw scaling.error('rope_type', 'a kind of scaling', found, notYet);
  }
  if (kind === 'default' || kind === 'none') return { entries: [], tensors };
  if (kind === 'longrope') return longRope(scaling, config, { headDim, contextLength });
  const factor = scaling.number('factor', limits.ropeScaleRange);
  const kindEntry = ['rope.scaling.type', text(kind)] as const;
  switch (kind) {
    case 'linear':
      return { entries: [kindEntry, ['rope.scaling.factor', f32(factor)]], tensors };
    case 'yarn': {
      const context = originalContext(scaling, config, contextLength);
      return { entries: [kindEntry, ...yarn(scaling, factor, context)], tensors };
    }
    case 'llama3':
      // Other programs know no name for this scaling.
      tensors.set('rope_freqs.weight', llama3(scaling, factor, ropeBase, headDim));
      return { entries: [], tensors };
  }
}

/** What may stand without a kind of scaling. */
const unscaled: readonly string[] = [
  ...['rope_theta', 'partial_rotary_factor'],
  ...['mrope_section', 'mrope_interleaved'], // of positions in images
];

const kinds = ['default', 'none', 'linear', 'yarn', 'llama3', 'longrope'] as const;

/** The positions before the context was stretched, which older settings have beside the others. */
function originalContext(scaling: Config, config: Config, fallback: number): number {
  const key = 'original_max_position_embeddings';
  const holder = scaling.has(key) ? scaling : config;
  return holder.integer(key, { min: 1, max: limits.maxContextLength }, fallback);
}

/** Divisors for sessions within the original context, and others for longer ones. */
function longRope(scaling: Config, config: Config, sizes: Sizes): RopeEntries {
  const { headDim, contextLength } = sizes;
  const context = originalContext(scaling, config, contextLength);
  const stretch = Math.max(1, contextLength / context);
  const usual = Math.sqrt(1 + Math.log(stretch) / Math.log(context));
  const magnitude = scaling.number('attention_factor', limits.ropeMagnitudeRange, usual);
  const factors = (key: string) =>
    Float32Array.from(scaling.numbers(key, headDim / 2, limits.ropeScaleRange));
  return {
    entries: [
      ['rope.scaling.type', text('longrope')],
      ['rope.scaling.original_context_length', u32(context)],
      ...(magnitude === 1 ? [] : [['rope.scaling.attn_factor', f32(magnitude)] as const]),
    ],
    tensors: new Map([
      ['rope_factors_long.weight', factors('long_factor')],
      ['rope_factors_short.weight', factors('short_factor')],
    ]),
  };
}

function yarn(scaling: Config, factor: number, context: number): RopeEntries['entries'] {
  if (!scaling.flag('truncate', true)) {
    throw scaling.error('truncate', 'true', 'false', notYet);
  }
  const attention = yarnMagnitude(scaling, factor);
  const detail = (key: string, name: string, range: { min: number; max: number }) =>
    scaling.has(key) ? [[name, f32(scaling.number(key, range))] as const] : [];
  return [
    ['rope.scaling.factor', f32(factor)],
    ['rope.scaling.original_context_length', u32(context)],
    ...detail('extrapolation_factor', 'rope.scaling.yarn_ext_factor', { min: 0, max: 1 }),
    ...(attention === undefined
      ? []
      : [['rope.scaling.yarn_attn_factor', f32(attention)] as const]),
    ...detail('beta_fast', 'rope.scaling.yarn_beta_fast', limits.yarnBetaRange),
    ...detail('beta_slow', 'rope.scaling.yarn_beta_slow', limits.yarnBetaRange),
  ];
}

/** What cosines and sines are multiplied by, where it is not the usual 1 + 0.1 ln(factor). */
function yarnMagnitude(scaling: Config, factor: number): number | undefined {
  for (const key of ['attention_factor', 'attn_factor']) {
    if (scaling.has(key)) return scaling.number(key, limits.ropeMagnitudeRange);
  }
  const range = { min: 0, max: limits.ropeMagnitudeRange.max };
  const scale = scaling.number('mscale', range, 0);
  const allDims = scaling.number('mscale_all_dim', range, 0);
  if (scale === 0 || allDims === 0) return undefined;
  const magnitude = (times: number) => 0.1 * times * Math.log(Math.max(factor, 1)) + 1;
  return magnitude(scale) / magnitude(allDims);
}

function llama3(scaling: Config, factor: number, base: number, headDim: number): Float32Array {
  const { ropeScaleRange, maxContextLength } = limits;
  const low = scaling.number('low_freq_factor', ropeScaleRange);
  const high = scaling.number('high_freq_factor', ropeScaleRange);
  const range = { min: 1, max: maxContextLength };
  const context = scaling.integer('original_max_position_embeddings', range);
  return Float32Array.from(llama3Factors({ factor, low, high, context }, headDim, base));
}
