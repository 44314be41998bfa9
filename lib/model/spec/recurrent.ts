/**
 * Layers that keep a state of fixed size in place of keys and values: gated delta nets, after a causal
 * convolution of what they read.
 */
export interface Recurrent {
  /** [nLayer] which layers are. */
  readonly layers: readonly boolean[];
  /** Tokens that the convolution sees. */
  readonly taps: number;
  readonly nKeyHead: number;
  /** A multiple of nKeyHead: value head h has the keys of key head h mod nKeyHead. */
  readonly nValueHead: number;
  /** Columns of a key head and of a value head. */
  readonly headDim: number;
}
