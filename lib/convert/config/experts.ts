import type { GgufTyped } from '../../gguf/writer.js';
import * as limits from '../../model/spec/limits.js';
import { type Family, graphOf } from '../families.js';
import type { Config } from './config.js';

/** How many feed-forward networks a layer has, of a family that has more than one. */
export function readExpertCount(config: Config, family: Family): number | undefined {
  if (graphOf(family).experts === undefined) return undefined;
  return config.integer('num_experts', { min: 1, max: limits.maxExperts });
}

/** @throws ERR_BITNET_MODEL for experts that are chosen in another way than the graph here does */
export function expertEntries(
  config: Config,
  family: Family,
  { nLayer, ffnDim }: { readonly nLayer: number; readonly ffnDim: number },
): [string, GgufTyped][] {
  const count = readExpertCount(config, family);
  const { experts } = graphOf(family);
  if (count === undefined || experts === undefined) return [];
  const used = config.integer('num_experts_per_tok', { min: 1, max: count });
  refuseOther(config, 'norm_topk_prob', true);
  refuseOther(config, 'nope_on_global_attention', false, true);
  if (config.integer('num_shared_experts', { min: 0, max: count }, 0) !== 0) {
    throw config.error('num_shared_experts', '0', 'others', notYet);
  }
  const clamps = new Array(nLayer).fill(experts.clamp);
  return [
    ['expert_count', { type: 'u32', value: count }],
    ['expert_used_count', { type: 'u32', value: used }],
    ['expert_feed_forward_length', { type: 'u32', value: ffnDim }],
    ['swiglu_clamp_exp', { type: 'array', elementType: 'f32', values: clamps }],
  ];
}

/** A choice of which the graph here knows one. */
function refuseOther(config: Config, key: string, usual: boolean, known = usual): void {
  if (config.flag(key, usual) === known) return;
  throw config.error(key, `${known}`, `${!known}`, notYet);
}

const notYet = 'models like this cannot be converted yet';
