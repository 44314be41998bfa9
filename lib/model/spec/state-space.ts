import type { Keys } from './keys.js';
import * as limits from './limits.js';
import { checkStateBytes, type Recurrent } from './recurrent.js';

/** The sizes of state spaces (Mamba-2), which are beside the attention of every layer. */
export function readStateSpace(keys: Keys, nLayer: number): Recurrent {
  const upTo = (max: number) => ({ min: 1, max });
  const taps = keys.integer('ssm.conv_kernel', upTo(limits.maxTaps));
  const keyDim = keys.integer('ssm.state_size', upTo(limits.maxHeadDim));
  const nKeyHead = keys.integer('ssm.group_count', upTo(limits.maxHeads));
  const nValueHead = keys.integer('ssm.time_step_rank', upTo(limits.maxHeads));
  if (nValueHead % nKeyHead !== 0) {
    const expected = `a multiple of the ${nKeyHead} groups (ssm.group_count)`;
    throw keys.error('ssm.time_step_rank', expected, `${nValueHead}`);
  }
  if (nKeyHead * keyDim > limits.maxQueryDim) {
    const expected = `at most ${limits.maxQueryDim} columns in all groups`;
    throw keys.error('ssm.group_count', expected, `${nKeyHead} groups of ${keyDim}`);
  }
  const values = keys.integer('ssm.inner_size', upTo(limits.maxQueryDim));
  const headDim = values / nValueHead;
  if (!Number.isInteger(headDim) || headDim > limits.maxHeadDim) {
    const expected = `the columns of ${nValueHead} heads (ssm.time_step_rank) of 1 to ${limits.maxHeadDim}`;
    throw keys.error('ssm.inner_size', expected, `${values}`);
  }
  const layers = new Array<boolean>(nLayer).fill(true);
  const sizes = { taps, nKeyHead, nValueHead, keyDim, headDim };
  const recurrent: Recurrent = { layers, stateSpace: true, ...sizes };
  checkStateBytes(keys, recurrent);
  return recurrent;
}
