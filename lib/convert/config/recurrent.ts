import { u32 } from '../../gguf/typed.js';
import type { GgufTyped } from '../../gguf/writer.js';
import * as limits from '../../model/spec/limits.js';
import type { Recurrent } from '../../model/spec/recurrent.js';
import { type Family, graphOf } from '../families.js';
import { type Config, describeSome } from './config.js';

/** The recurrent layers of a family that has such: gated delta nets. */
export function readRecurrent(
  config: Config,
  family: Family,
  nLayer: number,
): Recurrent | undefined {
  if (graphOf(family).deltaNet === undefined) return undefined;
  const upTo = (max: number) => ({ min: 1, max });
  const taps = config.integer('linear_conv_kernel_dim', upTo(limits.maxTaps));
  const headDim = config.integer('linear_key_head_dim', upTo(limits.maxHeadDim));
  const valueDim = config.integer('linear_value_head_dim', upTo(limits.maxHeadDim));
  if (valueDim !== headDim) {
    throw config.error(
      'linear_value_head_dim',
      `${headDim} like those of keys`,
      `${valueDim}`,
      notYet,
    );
  }
  const nKeyHead = config.integer('linear_num_key_heads', upTo(limits.maxHeads));
  const nValueHead = config.integer('linear_num_value_heads', upTo(limits.maxHeads));
  if (nValueHead % nKeyHead !== 0) {
    const expected = `a multiple of the ${nKeyHead} key heads`;
    throw config.error('linear_num_value_heads', expected, `${nValueHead}`);
  }
  return {
    layers: readLayers(config, nLayer),
    taps,
    nKeyHead,
    nValueHead,
    keyDim: headDim,
    headDim,
  };
}

function readLayers(config: Config, nLayer: number): boolean[] {
  const types = config.texts('layer_types');
  if (types.length === 0) return regular(nLayer, readInterval(config));
  const kinds = ['linear_attention', 'full_attention'];
  if (types.length === nLayer && types.every((type) => kinds.includes(type))) {
    return types.map((type) => type === kinds[0]);
  }
  const expected = `${nLayer} of ${kinds.join(' and ')}`;
  throw config.error('layer_types', expected, describeSome(types));
}

/** Of so many layers the last attends. */
function readInterval(config: Config): number {
  return config.integer('full_attention_interval', { min: 1, max: limits.maxLayers }, 4);
}

function regular(nLayer: number, interval: number): boolean[] {
  return Array.from({ length: nLayer }, (_, i) => (i + 1) % interval !== 0);
}

export function recurrentEntries(
  config: Config,
  recurrent: Recurrent | undefined,
): [string, GgufTyped][] {
  if (recurrent === undefined) return [];
  const { layers, taps, nKeyHead, nValueHead, headDim } = recurrent;
  const interval = readInterval(config);
  const isRegular = regular(layers.length, interval).every((value, i) => value === layers[i]);
  const rope = config.part('rope_parameters') ?? config.part('rope_scaling');
  const sections = rope?.has('mrope_section')
    ? rope.numbers('mrope_section', 3, { min: 0, max: limits.maxHeadDim })
    : [11, 11, 10];
  return [
    ['ssm.conv_kernel', u32(taps)],
    ['ssm.state_size', u32(headDim)],
    ['ssm.group_count', u32(nKeyHead)],
    ['ssm.time_step_rank', u32(nValueHead)],
    ['ssm.inner_size', u32(nValueHead * headDim)],
    ['full_attention_interval', u32(interval)],
    ...(isRegular ? [] : [listEntry(layers)]),
    // Of positions in images; llama.cpp does not load a file without it.
    ['rope.dimension_sections', { type: 'array', elementType: 'i32', values: [...sections, 0] }],
  ];
}

function listEntry(layers: readonly boolean[]): [string, GgufTyped] {
  return ['attention.recurrent_layers', { type: 'array', elementType: 'bool', values: layers }];
}

const notYet = 'models like this cannot be converted yet';
