import type { Decision } from '../../decision.js';
import type { Activation, RopeType } from './architectures.js';
import type { TensorRole } from './graph-tensors.js';
import type { Recurrent } from './recurrent.js';
import type { Tile } from './tl-tables.js';

/** A model, described completely enough to run it: what a file says, checked and interpreted. */
export interface ModelSpec {
  readonly architecture: string;
  /** `general.name`. */
  readonly name?: string;
  readonly nLayer: number;
  /** Width of the residual stream. */
  readonly dim: number;
  /** Width of the feed-forward layer, or of one expert. */
  readonly ffnDim: number;
  /** Of a mixture of experts: how many feed-forward networks a layer has, and a token uses. */
  readonly experts?: {
    readonly count: number;
    readonly used: number;
    /** [nLayer] gates are at most so large, and ups between minus that and that; 0: they stay. */
    readonly clamps: readonly number[];
  };
  readonly nHead: number;
  /** Key and value heads; nHead is a multiple of it. */
  readonly nKvHead: number;
  /** Columns of one head, even. */
  readonly headDim: number;
  /** Rows of the embedding. */
  readonly vocabSize: number;
  /** Positions the model was trained for. */
  readonly contextLength: number;
  readonly normEps: number;
  /** Whether norms are LayerNorms without weights. @default false */
  readonly layerNorm?: true;
  /** Whether heads of queries and keys are normed after they are rotated. @default false */
  readonly normAfterRotation?: true;
  /** Queries, keys and values are kept within ± it, before norms and rotation. */
  readonly clampKqv?: number;
  readonly rope: {
    /** 'norm' rotates columns 2j and 2j + 1 of a head, 'neox' columns j and j + dim / 2. */
    readonly type: RopeType;
    /** Rotated columns of a head, even; the others stay. */
    readonly dim: number;
    readonly base: number;
    /** Positions are divided by it. */
    readonly scale: number;
    /** [dim / 2] divisors of the angles, besides those of a tensor, where the metadata says any. */
    readonly factors?: readonly number[];
    /** Cosines and sines are multiplied by it. @default 1 */
    readonly magnitude?: number;
    /**
     * Of LongRoPE: sessions for more positions than this turn by the divisors in the tensor
     * rope_factors_long, the others by those in rope_factors_short.
     */
    readonly longAbove?: number;
  };
  /** The sum over query · key is multiplied by it. */
  readonly attentionScale: number;
  /** Layers that see only the last positions; without, all see all. */
  readonly slidingWindow?: {
    /** Positions a token of such a layer sees, itself included. */
    readonly window: number;
    /** [nLayer] which layers have one. */
    readonly layers: readonly boolean[];
    /** Base of the rotary angles in them; positions are not scaled there. */
    readonly ropeBase: number;
    /** As `rope.magnitude`, in them. */
    readonly ropeMagnitude?: number;
    /** Whether only these layers rotate, and do as `rope` says. @default false */
    readonly ropeOnly?: boolean;
  };
  /** How inputs of the matrices that are `rotated` are, and rows of such an embedding. */
  readonly rotation?: Rotation;
  /** Whether behind each head's query stands its gate, as wide: the head's result is multiplied by its sigmoid. */
  readonly gatedAttention?: true;
  /** Layers that are recurrent; without, all attend. */
  readonly recurrent?: Recurrent;
  /** Embeddings are multiplied by it. */
  readonly embeddingScale: number;
  /** What attention and feed-forward layers add to the residual stream is multiplied by it. @default 1 */
  readonly residualScale?: number;
  /** Logits are divided by it: the state is, before the head multiplies it. @default 1 */
  readonly logitScale?: number;
  /** Logits become c · tanh(logit / c), where the graph has that and the file says c. */
  readonly logitSoftcapping?: number;
  /**
   * What the gate goes through before it multiplies: relu(x)², x / (1 + exp(−x)), or GELU with its
   * tanh approximation.
   */
  readonly activation: Activation;
  /** How the file says that states become the embedding of a text. */
  readonly pooling?: Pooling;
  /** What was not plain from the metadata, and the rule that decided it. */
  readonly decisions: readonly Decision[];
  /** The tensors of the graph: first those the model has once, then layer by layer. */
  readonly tensors: readonly TensorBinding[];
  /** Paths of the files of a split model; `TensorBinding.shard` counts them. Absent when there is one file. */
  readonly shards?: readonly string[];
  /** Names of tensors in the file that the graph does not need. */
  readonly unused: readonly string[];
}

/** A normalized Walsh-Hadamard transform, before which an input is multiplied by signs. */
export interface Rotation {
  /** Consecutive values that are transformed together, a power of two. */
  readonly block: number;
  /** Vectors of ±1, for inputs of their length; none where nothing is negated. */
  readonly signs: readonly Int8Array[];
  /** Whether the heads of a recurrent layer's output are in another order then: all of one key head together. */
  readonly grouped: boolean;
}

/** Which states make the embedding of a text: that of the last or first token, or the mean of all. */
export type Pooling = 'last' | 'mean' | 'first';

/** A tensor of the graph and where its data is. */
export interface TensorBinding {
  /** Without an 'output' tensor, 'token_embd' is the head as well. */
  readonly role: TensorRole;
  /** From 0; −1 for tensors the model has once. */
  readonly layer: number;
  readonly name: string;
  /** Public name of its type; of I2_S with the layout where that is not the canonical one. */
  readonly type: string;
  /** 1 for a vector. */
  readonly rows: number;
  readonly cols: number;
  /** That so many experts have such a matrix, one after the other. */
  readonly experts?: number;
  /** Whether it was folded with the model's rotation. @default false */
  readonly rotated?: boolean;
  /** Bytes from the start of the file. */
  readonly offset: number;
  readonly bytes: number;
  /** How a TL1 or TL2 matrix is cut. */
  readonly tile?: Tile;
  /** Bytes from the start of the file to an f32 that the products are multiplied by, if any. */
  readonly scaleOffset?: number;
  /** Which of the model's `shards` has that. */
  readonly scaleShard?: number;
  /** Which of the model's `shards` it is in. */
  readonly shard?: number;
}
