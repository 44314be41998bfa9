import { WeightRandom } from './random.js';
import { halfBits, i2sTail, normalQuantile, type SynthFormat } from './weights.js';

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
  format: SynthFormat,
  seed: number,
  name: string,
): Generator<Uint8Array> {
  const cols = direction.length;
  const random = new WeightRandom(seed, name);
  const [along, against] = [codeTable(-tilt), codeTable(tilt)];
  const tables = Array.from(direction, (d) => (d >= 0 ? against : along));
  const halves = [-scale, 0, scale].map(halfBits);
  for (let row = 0; row < rows; row += pieceRows) {
    const count = Math.min(pieceRows, rows - row) * cols;
    const bits = new Uint16Array(count + (count & 1));
    random.fill(new Uint32Array(bits.buffer));
    for (let i = 0, col = 0; i < count; i++) {
      bits[i] = tables[col]![bits[i]!]!;
      if (++col === cols) col = 0;
    }
    const codes = bits.subarray(0, count);
    yield format === 'i2_s' ? packI2s(codes) : f16Bytes(codes, halves);
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

/** Four codes a byte; element 128 b + j in byte 32 b + (j mod 32), first quarter in the top bits. */
function packI2s(codes: Uint16Array): Uint8Array {
  const bytes = new Uint8Array(codes.length / 4);
  for (let block = 0, out = 0; block < codes.length; block += 128) {
    for (let m = block; m < block + 32; m++) {
      bytes[out++] =
        (codes[m]! << 6) | (codes[m + 32]! << 4) | (codes[m + 64]! << 2) | codes[m + 96]!;
    }
  }
  return bytes;
}

function f16Bytes(codes: Uint16Array, halves: readonly number[]): Uint8Array {
  const words = Uint16Array.from(codes, (code) => halves[code]!);
  return new Uint8Array(words.buffer);
}
