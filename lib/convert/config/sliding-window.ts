import { count } from '../../count.js';
import { quote } from '../../gguf/malformed.js';
import type { GgufTyped } from '../../gguf/writer.js';
import * as limits from '../../model/spec/limits.js';
import { type Family, graphOf } from '../families.js';
import { type Config, describeSome } from './config.js';
import type { CheckpointSizes } from './sizes.js';

/**
 * The window of attention, of a family whose graph has one.
 *
 * @throws ERR_BITNET_MODEL when a window would be used that the graph here does not have
 */
export function slidingWindowEntries(
  config: Config,
  family: Family,
  { nLayer, contextLength }: CheckpointSizes,
): [string, GgufTyped][] {
  const graph = graphOf(family).slidingWindow;
  if (graph === undefined) {
    refuseWindow(config, nLayer, contextLength);
    return [];
  }
  // OLMo 2 has none, and OLMo 3 the same graph with one.
  if (config.get('model_type') === 'olmo2') return [];
  const range = { min: 1, max: limits.maxContextLength };
  const { ropeBase = limits.ropeBaseRange.min } = graph;
  const swaBase = localBase(config, ropeBase);
  return [
    ['attention.sliding_window', { type: 'u32', value: config.integer('sliding_window', range) }],
    ...patternEntry(config, nLayer, graph.period),
    ...(swaBase === ropeBase
      ? []
      : [['rope.freq_base_swa', { type: 'f32', value: swaBase }] as [string, GgufTyped]]),
  ];
}

/** Models of other families state a window that they do not use, or use one that cannot be stored. */
function refuseWindow(config: Config, nLayer: number, contextLength: number): void {
  const key = 'use_sliding_window';
  const window = config.get('sliding_window');
  const wide = typeof window === 'number' && window >= contextLength;
  const short = typeof window === 'number' && !wide;
  // Mistral has no such switch: a window is used where there is one.
  const always = config.get('model_type') === 'mistral' && short;
  const asked = config.flag(key, always);
  // Qwen uses it from this layer on, if the layers are not named.
  const from = config.integer('max_window_layers', { min: 0, max: 2 ** 31 }, 0);
  const kinds = config.texts('layer_types');
  if (wide || config.isNull('sliding_window')) return;
  const windowed = kinds.filter(
    (kind) => kind === 'sliding_attention' || kind === 'chunked_attention',
  );
  if (windowed.length > 0) {
    const found = `${quote(windowed[0]!)} for ${count(windowed.length, 'layer')}`;
    throw config.error('layer_types', '"full_attention" for each layer', found, notYet);
  }
  if (!asked || kinds.length > 0 || from >= nLayer) return;
  if (config.has(key)) throw config.error(key, 'false', 'true', notYet);
  throw config.error('sliding_window', 'null', `${window}`, notYet);
}

const notYet = 'models like this cannot be converted yet';

function localBase(config: Config, usual: number): number {
  const key = 'rope_local_base_freq';
  const part = config.part('rope_parameters')?.part('sliding_attention');
  part?.text('rope_type', ['default'], 'default');
  if (part?.has('rope_theta')) return part.number('rope_theta', limits.ropeBaseRange);
  return config.number(key, limits.ropeBaseRange, usual);
}

/** Which layers have the window, where not all but each sixth. */
function patternEntry(config: Config, nLayer: number, usual: number): [string, GgufTyped][] {
  const key = 'attention.sliding_window_pattern';
  const types = config.texts('layer_types');
  if (types.length === 0 && usual > 0) {
    const of = config.has('sliding_window_pattern') ? '' : '_';
    const period = config.integer(
      `${of}sliding_window_pattern`,
      { min: 1, max: limits.maxLayers },
      usual,
    );
    return period === usual ? [] : [[key, { type: 'u32', value: period }]];
  }
  const kinds = ['full_attention', 'sliding_attention'];
  if (types.length !== nLayer || !types.every((type) => kinds.includes(type))) {
    const expected = `${nLayer} of ${kinds.join(' and ')}`;
    throw config.error('layer_types', expected, describeSome(types));
  }
  const windowed = types.map((type) => type === 'sliding_attention');
  if (usual > 0 && windowed.every((value, i) => value === ((i + 1) % usual !== 0))) return [];
  return [[key, { type: 'array', elementType: 'bool', values: windowed }]];
}
