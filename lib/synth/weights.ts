import { WeightRandom } from './random.js';

/** How the linear layers of a synthetic model are stored. */
export type SynthFormat = 'i2_s' | 'f16';

/** Weights are made and written in pieces made from this many random bytes. */
const pieceBytes = 1 << 21;

/** Two random bits become a code: 00 → 0, 01 and 10 → 1, 11 → 2, so that trits are −1, 0, +1 with 1/4, 1/2, 1/4. */
const codeOfBits = [0, 1, 1, 2] as const;

/** For a byte of random bits the I2_S byte of its four codes. */
const i2sByte = Uint8Array.from({ length: 256 }, (_, bits) =>
  [6, 4, 2, 0].reduce((byte, shift) => byte | (codeOfBits[(bits >> shift) & 3]! << shift), 0),
);

/** For 16 random bits an f16 drawn from a normal distribution. */
function normalTable(mean: number, deviation: number): Uint16Array {
  return Uint16Array.from({ length: 65_536 }, (_, i) =>
    halfBits(mean + deviation * normalQuantile((i + 0.5) / 65_536)),
  );
}

/** I2_S data of `count` random trits (a multiple of 128) with one scale. */
export function* i2sTensor(
  count: number,
  scale: number,
  seed: number,
  name: string,
): Generator<Uint8Array> {
  yield* randomI2sPieces(count, seed, name);
  yield i2sTail(scale);
}

/** The same trits as F16 data, each ± scale or 0. */
export function* f16TritTensor(
  count: number,
  scale: number,
  seed: number,
  name: string,
): Generator<Uint8Array> {
  const values = [-scale, 0, scale].map(halfBits);
  for (const bytes of randomI2sPieces(count, seed, name)) {
    const words = new Uint16Array(4 * bytes.length);
    // Element 128 b + 32 q + m is in byte 32 b + m, at the bits 6 − 2 q.
    for (let i = 0; i < bytes.length; i++) {
      const first = 4 * (i & ~31) + (i & 31);
      const byte = bytes[i]!;
      words[first] = values[byte >> 6]!;
      words[first + 32] = values[(byte >> 4) & 3]!;
      words[first + 64] = values[(byte >> 2) & 3]!;
      words[first + 96] = values[byte & 3]!;
    }
    yield new Uint8Array(words.buffer);
  }
}

function* randomI2sPieces(count: number, seed: number, name: string): Generator<Uint8Array> {
  for (const bytes of randomPieces(count / 4, seed, name)) {
    for (let i = 0; i < bytes.length; i++) bytes[i] = i2sByte[bytes[i]!]!;
    yield bytes;
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
  for (const bytes of randomPieces(rows * cols * 2, seed, name)) {
    const words = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
    for (let i = 0; i < words.length; i++) {
      words[i] = tables[col]![words[i]!]!;
      if (++col === cols) col = 0;
    }
    yield bytes;
  }
}

/** Random bytes in pieces, to be turned into weights in place. */
function* randomPieces(total: number, seed: number, name: string): Generator<Uint8Array> {
  const random = new WeightRandom(seed, name);
  for (let done = 0; done < total; ) {
    const count = Math.min(pieceBytes, total - done);
    const words = new Uint32Array(Math.ceil(count / 4));
    random.fill(words);
    yield new Uint8Array(words.buffer, 0, count);
    done += count;
  }
}

/** The scale of an I2_S tensor and its padding. */
export function i2sTail(scale: number): Uint8Array {
  const tail = new Uint8Array(32);
  new DataView(tail.buffer).setFloat32(0, scale, true);
  return tail;
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

/** Bits of the f16 nearest to a value, ties to even; for values within f16's normal range and zero. */
export function halfBits(value: number): number {
  if (value === 0) return 0;
  const sign = value < 0 ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  const exponent = Math.max(-14, Math.floor(Math.log2(magnitude)));
  const units = magnitude / 2 ** (exponent - 10);
  const floor = Math.floor(units);
  const rest = units - floor;
  const rounded = floor + (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? 1 : 0);
  // A mantissa that rounds up to 2048 carries into the exponent by itself.
  return sign + (exponent + 14) * 1024 + rounded;
}
