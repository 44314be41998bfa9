import { i2sTail } from '../../lib/gguf/pack-trits.js';
import { encodeTrits, type SynthFormat, type SynthScales, scalesFrom } from './formats.js';
import { WeightRandom } from './random.js';
import { normalQuantile } from './weights.js';

/**
 * Share of an embedding's energy that lies along the direction all embeddings have in common. A gate row tilted against that
 * direction is negative for most tokens, as gates of trained squared-ReLU models are.
 */
export const commonShare = 0.5;

/**
 * Residual branches are this small beside the embedding, so that what all embeddings have in common is still there in the last
 * layer.
 */
export const branchGain = 0.1;

/** Rows of weights made at a time: 128 of them are whole I2_S blocks whatever the number of columns. */
const pieceRows = 128;

/**
 * How far the probability of a trit must be moved from 1/4 so that the share of gate outputs that are at most 0 goes `from` → `to`.
 *
 * An output is Σ t x over `cols` columns with E x² = 1 and, along the common direction, |E x| = √share. Moving the probability of
 * "against" by +δ and of "along" by −δ gives a mean of −2 δ cols √share beside a deviation of √(cols / 2).
 */
export function tiltBetween(from: number, to: number, cols: number, layer: number): number {
  const share = shareAtGate(layer);
  return (normalQuantile(to) - normalQuantile(from)) / (2 * Math.sqrt(2 * cols * share));
}

/** What is left of `commonShare` after the branches before a layer's gate, each of energy branchGain². */
function shareAtGate(layer: number): number {
  return commonShare / (1 + (2 * layer + 1) * branchGain ** 2);
}

/** Data of a gate `[rows, cols]`, of whole I2_S blocks, whose trits lean against `direction` `[cols]` by `tilt`, at most ±1/4. */
export function* gateTensor(
  rows: number,
  direction: Float64Array,
  tilt: number,
  scale: number,
  { format, scales }: { readonly format: SynthFormat; readonly scales: SynthScales },
  seed: number,
  name: string,
): Generator<Uint8Array> {
  const cols = direction.length;
  const random = new WeightRandom(seed, name);
  const [along, against] = [codeTable(-tilt), codeTable(tilt)];
  const tables = Array.from(direction, (d) => (d >= 0 ? against : along));
  for (let row = 0; row < rows; row += pieceRows) {
    const count = Math.min(pieceRows, rows - row) * cols;
    const bits = new Uint16Array(count + (count & 1));
    random.fill(new Uint32Array(bits.buffer));
    const codes = new Uint8Array(count);
    for (let i = 0, col = 0; i < count; i++) {
      codes[i] = tables[col]![bits[i]!]!;
      if (++col === cols) col = 0;
    }
    const scaleAt = scalesFrom(format, scales, scale, cols, row * cols);
    yield encodeTrits(format, codes, scaleAt);
  }
  if (format === 'i2_s') yield i2sTail(scale);
}

/** For 16 random bits a code: −1 with probability 1/4 + tilt, +1 with 1/4 − tilt. */
function codeTable(tilt: number): Uint8Array {
  const negative = Math.round((0.25 + tilt) * 65_536);
  const positive = Math.round((0.25 - tilt) * 65_536);
  return new Uint8Array(65_536)
    .fill(1)
    .fill(0, 0, negative)
    .fill(2, 65_536 - positive);
}
