import type { Keys } from './keys.js';
import * as limits from './limits.js';
import { checkStateBytes, type Recurrent } from './recurrent.js';

/**
 * The recurrent layers of a file: which they are, and their sizes.
 * @param blocks those of the file, of which the first `nLayer` are layers
 */
export function readDeltaNet(keys: Keys, blocks: number, nLayer: number): Recurrent {
  const upTo = (max: number) => ({ min: 1, max });
  const taps = keys.integer('ssm.conv_kernel', upTo(limits.maxTaps));
  const headDim = keys.integer('ssm.state_size', upTo(limits.maxHeadDim));
  const nKeyHead = keys.integer('ssm.group_count', upTo(limits.maxHeads));
  const nValueHead = keys.integer('ssm.time_step_rank', upTo(limits.maxHeads));
  if (nValueHead % nKeyHead !== 0) {
    const expected = `a multiple of the ${nKeyHead} key heads (ssm.group_count)`;
    throw keys.error('ssm.time_step_rank', expected, `${nValueHead}`);
  }
  const values = nValueHead * headDim;
  if (values > limits.maxQueryDim) {
    const expected = `at most ${limits.maxQueryDim} columns in all heads`;
    throw keys.error('ssm.time_step_rank', expected, `${nValueHead} heads of ${headDim}`);
  }
  const inner = keys.integer('ssm.inner_size', upTo(limits.maxQueryDim), values);
  if (inner !== values) {
    const expected = `${values}, the ${nValueHead} heads of ssm.time_step_rank by the ${headDim} columns of ssm.state_size`;
    throw keys.error('ssm.inner_size', expected, `${inner}`);
  }
  const layers = readRecurrentLayers(keys, blocks).slice(0, nLayer);
  const recurrent = { layers, taps, nKeyHead, nValueHead, keyDim: headDim, headDim };
  checkStateBytes(keys, recurrent);
  return recurrent;
}

/** A list has the say; without, every n-th block attends. */
function readRecurrentLayers(keys: Keys, blocks: number): boolean[] {
  const key = 'attention.recurrent_layers';
  const stated = keys.get(key);
  const intervalKey = 'full_attention_interval';
  if (stated === undefined) {
    const interval = keys.integer(intervalKey, { min: 1, max: limits.maxLayers }, 4);
    return Array.from({ length: blocks }, (_, i) => (i + 1) % interval !== 0);
  }
  keys.get(intervalKey); // of no account beside a list
  const expected = `${blocks} booleans, one per block`;
  if (typeof stated !== 'object' || stated.length !== blocks) {
    throw keys.error(key, expected, keys.describe(key));
  }
  return Array.from({ length: blocks }, (_, i) => {
    const recurrent = stated.get(i);
    if (recurrent === true || recurrent === 1) return true;
    if (recurrent === false || recurrent === 0) return false;
    throw keys.error(key, expected, keys.describe(key));
  });
}
