import { halfBits } from '../../lib/gguf/half.js';
import { i2sTail } from '../../lib/gguf/pack-trits.js';
import {
  encodeTrits,
  i2sCodes,
  type SynthFormat,
  type SynthScales,
  scalesFrom,
} from './formats.js';
import { WeightRandom } from './random.js';

/** Every piece of so many weights has random numbers of its own (native/load/synthetic_source.cpp). */
const pieceWeights = 2 ** 18;

/** Two random bits become a code: 00 → 0, 01 and 10 → 1, 11 → 2, so that trits are −1, 0, +1 with 1/4, 1/2, 1/4. */
const codeOfBits = [0, 1, 1, 2] as const;

/** For a byte of random bits the I2_S byte of its four codes. */
const i2sByte = Uint8Array.from({ length: 256 }, (_, bits) =>
  [6, 4, 2, 0].reduce((byte, shift) => byte | (codeOfBits[(bits >> shift) & 3]! << shift), 0),
);

/** For 16 random bits an f16 drawn from a normal distribution. */
export function normalTable(mean: number, deviation: number): Uint16Array {
  return Uint16Array.from({ length: 65_536 }, (_, i) =>
    halfBits(mean + deviation * normalQuantile((i + 0.5) / 65_536)),
  );
}

/** Data of a matrix of random trits (whole blocks of the format), each ± scale or 0, the same whatever the format. */
export function* tritTensor(
  { format, scales }: { readonly format: SynthFormat; readonly scales: SynthScales },
  rows: number,
  cols: number,
  scale: number,
  seed: number,
  name: string,
): Generator<Uint8Array> {
  let first = 0;
  for (const bytes of randomPieces((rows * cols) / 4, pieceWeights / 4, seed, name)) {
    for (let i = 0; i < bytes.length; i++) bytes[i] = i2sByte[bytes[i]!]!;
    const scaleAt = scalesFrom(format, scales, scale, cols, first);
    yield format === 'i2_s' ? bytes : encodeTrits(format, i2sCodes(bytes), scaleAt);
    first += pieceWeights;
  }
  if (format === 'i2_s') yield i2sTail(scale);
}

/** The same in F32, each the F16 of the scale or its negative, or 0. */
export function* f32Trits(
  rows: number,
  cols: number,
  scale: number,
  seed: number,
  name: string,
): Generator<Uint8Array> {
  const bits = halfBits(scale);
  const exact = 2 ** ((bits >> 10) - 25) * (1024 + (bits & 1023));
  const f16 = { format: 'f16', scales: 'tensor' } as const;
  for (const bytes of tritTensor(f16, rows, cols, scale, seed, name)) {
    const halves = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
    const floats = Float32Array.from(halves, (half) =>
      half === 0 ? 0 : half === bits ? exact : -exact,
    );
    yield new Uint8Array(floats.buffer);
  }
}

/**
 * F16 data `[rows, cols]` of normal noise around `direction` `[cols]`, whose components all have the same size. A row depends on
 * its number only, not on how many rows follow.
 */
export function* f16Embedding(
  rows: number,
  direction: Float64Array,
  deviation: number,
  seed: number,
  name: string,
): Generator<Uint8Array> {
  const cols = direction.length;
  const size = Math.abs(direction[0]!);
  const [plus, minus] = [normalTable(size, deviation), normalTable(-size, deviation)];
  const tables = Array.from(direction, (component) => (component < 0 ? minus : plus));
  let col = 0;
  for (const bytes of randomPieces(rows * cols * 2, pieceWeights * 2, seed, name)) {
    const words = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
    for (let i = 0; i < words.length; i++) {
      words[i] = tables[col]![words[i]!]!;
      if (++col === cols) col = 0;
    }
    yield bytes;
  }
}

/** F16 data of so many normal numbers. */
export function* normalTensor(
  count: number,
  deviation: number,
  seed: number,
  name: string,
): Generator<Uint8Array> {
  const table = normalTable(0, deviation);
  for (const bytes of randomPieces(count * 2, pieceWeights * 2, seed, name)) {
    const words = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
    for (let i = 0; i < words.length; i++) words[i] = table[words[i]!]!;
    yield bytes;
  }
}

/** Random bytes in pieces, to be turned into weights in place. */
function* randomPieces(
  total: number,
  pieceBytes: number,
  seed: number,
  name: string,
): Generator<Uint8Array> {
  for (let done = 0, piece = 0; done < total; done += pieceBytes, piece++) {
    const count = Math.min(pieceBytes, total - done);
    const words = new Uint32Array(Math.ceil(count / 4));
    new WeightRandom(seed, name, piece).fill(words);
    yield new Uint8Array(words.buffer, 0, count);
  }
}

/** Quantile of the standard normal distribution, to 1e-9 relative (Acklam 2003). */
export function normalQuantile(p: number): number {
  if (p > 0.5) return -normalQuantile(1 - p);
  if (p > 0.02425) {
    const q = p - 0.5;
    const r = q * q;
    return (
      ((((((-39.69683028665376 * r + 220.9460984245205) * r - 275.9285104469687) * r +
        138.357751867269) *
        r -
        30.66479806614716) *
        r +
        2.506628277459239) *
        q) /
      (((((-54.47609879822406 * r + 161.5858368580409) * r - 155.6989798598866) * r +
        66.80131188771972) *
        r -
        13.28068155288572) *
        r +
        1)
    );
  }
  const q = Math.sqrt(-2 * Math.log(p));
  return (
    (((((-0.007784894002430293 * q - 0.3223964580411365) * q - 2.400758277161838) * q -
      2.549732539343734) *
      q +
      4.374664141464968) *
      q +
      2.938163982698783) /
    ((((0.007784695709041462 * q + 0.3224671290700398) * q + 2.445134137142996) * q +
      3.754408661907416) *
      q +
      1)
  );
}
