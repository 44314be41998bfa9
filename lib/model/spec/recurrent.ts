import type { Keys } from './keys.js';
import { maxStateBytes } from './limits.js';

/**
 * Layers that keep a state of fixed size, after a causal convolution of what they read: gated delta nets in place of keys and values,
 * or selective state spaces (Mamba-2) beside them, of which what B and C of a group are called are keys and queries here.
 */
export interface Recurrent {
  /** [nLayer] which layers are. */
  readonly layers: readonly boolean[];
  /** Whether they are state spaces. @default false */
  readonly stateSpace?: true;
  /** Tokens that the convolution sees. */
  readonly taps: number;
  readonly nKeyHead: number;
  /**
   * A multiple of nKeyHead: value head h has the keys of key head h mod nKeyHead; of a state space, where neighbors have the same, those
   * of h div (nValueHead / nKeyHead).
   */
  readonly nValueHead: number;
  /** Columns of a key head. */
  readonly keyDim: number;
  /** Columns of a value head. */
  readonly headDim: number;
}

/** Bytes of the states of all recurrent layers at one position. */
export function stateBytes(recurrent: Recurrent | undefined): number {
  if (!recurrent) return 0;
  const { layers, taps, nKeyHead, nValueHead, keyDim, headDim } = recurrent;
  const matrices = nValueHead * paddedFloats(headDim) * paddedFloats(keyDim);
  const inputs = (taps - 1) * paddedFloats(2 * nKeyHead * keyDim + nValueHead * headDim);
  return layers.filter(Boolean).length * (matrices + inputs) * 4;
}

/** @throws if the states of all layers take more than a model may have */
export function checkStateBytes(keys: Keys, recurrent: Recurrent): void {
  const bytes = stateBytes(recurrent);
  if (bytes <= maxStateBytes) return;
  const expected = `small enough for states of at most ${maxStateBytes} bytes in all layers`;
  throw keys.error('ssm.state_size', expected, `${recurrent.keyDim}, which makes ${bytes}`);
}

/** Layers with keys and values. */
export function attendingLayers(nLayer: number, recurrent: Recurrent | undefined): number {
  if (!recurrent || recurrent.stateSpace) return nLayer;
  return nLayer - recurrent.layers.filter(Boolean).length;
}

/** The length that a row of so many floats has in the engine. */
export function paddedFloats(count: number): number {
  return Math.ceil(count / 16) * 16;
}
