import * as limits from '../../model/spec/limits.js';
import type { Recurrent } from '../../model/spec/recurrent.js';
import type { Family } from '../families.js';
import { type Config, describe } from './config.js';
import { readExpertCount } from './experts.js';
import { readRecurrent } from './recurrent.js';

/** The sizes of a model that its settings state. */
export interface CheckpointSizes {
  readonly nLayer: number;
  readonly dim: number;
  readonly ffnDim: number;
  readonly nHead: number;
  readonly nKvHead: number;
  readonly headDim: number;
  readonly vocabSize: number;
  readonly contextLength: number;
  readonly normEps: number;
  /** How many feed-forward networks a layer has, where it chooses among several; `ffnDim` is of each. */
  readonly experts?: { readonly count: number };
  readonly recurrent?: Recurrent;
}

/** @throws ERR_BITNET_MODEL when one is missing, out of range or contradicts another */
export function readSizes(config: Config, family: Family): CheckpointSizes {
  const { defaults } = family;
  const count = readExpertCount(config, family);
  const upTo = (max: number) => ({ min: 1, max });
  const nLayer = config.integer('num_hidden_layers', upTo(limits.maxLayers));
  const recurrent = readRecurrent(config, family, nLayer);
  const dim = config.integer('hidden_size', upTo(limits.maxDim));
  const width = count === undefined ? 'intermediate_size' : 'moe_intermediate_size';
  const ffnDim = config.integer(width, upTo(limits.maxFfnDim));
  const nHead = config.integer('num_attention_heads', upTo(limits.maxHeads));
  const nKvHead = config.integer('num_key_value_heads', upTo(limits.maxHeads), nHead);
  if (nHead % nKvHead !== 0) {
    const expected = `a divisor of the ${nHead} query heads`;
    throw config.error('num_key_value_heads', expected, `${nKvHead}`);
  }
  const headDim = readHeadDim(config, defaults.headDim ?? dim / nHead);
  const vocabSize = config.integer('vocab_size', upTo(limits.maxVocab));
  const contextLength = config.integer('max_position_embeddings', upTo(limits.maxContextLength));
  const normEps = config.number('rms_norm_eps', limits.normEpsRange, defaults.normEps);
  return {
    ...{ nLayer, dim, ffnDim, nHead, nKvHead, headDim, vocabSize, contextLength, normEps },
    ...(count !== undefined && { experts: { count } }),
    ...(recurrent && { recurrent }),
  };
}

function readHeadDim(config: Config, usual: number): number {
  const headDim = config.get('head_dim') ?? usual;
  const { maxHeadDim } = limits;
  if (typeof headDim === 'number' && headDim >= 2 && headDim <= maxHeadDim && headDim % 2 === 0) {
    return headDim;
  }
  const expected = `an even number of columns from 2 to ${maxHeadDim}, "hidden_size" by heads if not stated`;
  throw config.error('head_dim', expected, describe(headDim));
}
