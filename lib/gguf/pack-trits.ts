/**
 * Codes 0, 1, 2 of trits −1, 0, +1, one a byte, as the ternary types store them. Each takes whole blocks
 * of the type, which begin at a multiple of 4 bytes in memory.
 *
 * Four codes are handled as one word of 32 bits: no sum or shift here carries from one byte into the next.
 */
export type PackTrits = (codes: Uint8Array, scaleAt: ScaleAt) => Uint8Array;

/** The f16 bits of the scale of the block that begins at an index of what is packed. */
export type ScaleAt = (index: number) => number;

/** By the public name of the type. I2_S lacks its tail, and Q2_0_G128 is the older Q2_0 with groups of 128. */
export const packTrits = {
  I2_S: packI2s,
  TQ1_0: packTq1,
  TQ2_0: packTq2,
  Q2_0: packQ2(64),
  Q2_0_G128: packQ2(128),
} satisfies Record<string, PackTrits>;

/** The public names of types that new files get for trits. */
export type TernaryType = Exclude<keyof typeof packTrits, 'Q2_0_G128'>;

/** The scale of an I2_S tensor and its padding. */
export function i2sTail(scale: number): Uint8Array {
  const tail = new Uint8Array(32);
  new DataView(tail.buffer).setFloat32(0, scale, true);
  return tail;
}

/** Blocks of 128: element 32 q + m is in byte m, at the bits 6 − 2 q. */
function packI2s(codes: Uint8Array): Uint8Array {
  const from = wordsOf(codes);
  const to = new Uint32Array(from.length / 4);
  for (let block = 0, out = 0; block < from.length; block += 32) {
    for (let m = block; m < block + 8; m++) {
      to[out++] = (from[m]! << 6) | (from[m + 8]! << 4) | (from[m + 16]! << 2) | from[m + 24]!;
    }
  }
  return new Uint8Array(to.buffer);
}

/** Blocks of 256: 64 bytes as in I2_S with the fields in the opposite order; the f16 scale. */
function packTq2(codes: Uint8Array, scaleAt: ScaleAt): Uint8Array {
  const from = wordsOf(codes);
  const to = new Uint16Array((codes.length / 256) * 33);
  for (let block = 0, out = 0; block < from.length; block += 64) {
    for (let half = block; half < block + 64; half += 32) {
      for (let m = half; m < half + 8; m++) {
        const word = from[m]! | (from[m + 8]! << 2) | (from[m + 16]! << 4) | (from[m + 24]! << 6);
        to[out++] = word;
        to[out++] = word >>> 16;
      }
    }
    to[out++] = scaleAt(4 * block);
  }
  return new Uint8Array(to.buffer);
}

/** Blocks of 256: five trits a byte in base 3 for 32, then 16 strided bytes; four a byte in 4 more; the f16 scale. */
function packTq1(codes: Uint8Array, scaleAt: ScaleAt): Uint8Array {
  const from = wordsOf(codes);
  const to = new Uint16Array((codes.length / 256) * 27);
  let out = 0;
  /** Four bytes whose digits are `stride` words apart, the most significant first. */
  const put = (first: number, stride: number, digits: number) => {
    let value = from[first]!;
    for (let n = 1; n < 5; n++) {
      value = (Math.imul(value, 3) + (n < digits ? from[first + stride * n]! : 0)) >>> 0;
    }
    to[out++] = base3Byte[value & 255]! | (base3Byte[(value >>> 8) & 255]! << 8);
    to[out++] = base3Byte[(value >>> 16) & 255]! | (base3Byte[value >>> 24]! << 8);
  };
  for (let block = 0; block < from.length; block += 64) {
    for (let m = 0; m < 8; m++) put(block + m, 8, 5);
    for (let m = 0; m < 4; m++) put(block + 40 + m, 4, 5);
    put(block + 60, 1, 4);
    to[out++] = scaleAt(4 * block);
  }
  return new Uint8Array(to.buffer);
}

/** For five base-3 digits the byte from which each is had by a multiplication: value · 256 / 243, rounded up. */
const base3Byte = Uint8Array.from({ length: 256 }, (_, v) => Math.floor((256 * v + 242) / 243));

/** Blocks of the f16 scale, then four codes a byte, the first in the lowest bits. */
function packQ2(block: number): PackTrits {
  return (codes, scaleAt) => {
    const from = wordsOf(codes);
    const to = new Uint16Array((codes.length / block) * (1 + block / 8));
    for (let first = 0, out = 0; first < from.length; first += block / 4) {
      to[out++] = scaleAt(4 * first);
      for (let i = first; i < first + block / 4; i += 2) {
        to[out++] = byteOf(from[i]!) | (byteOf(from[i + 1]!) << 8);
      }
    }
    return new Uint8Array(to.buffer);
  };
}

/** Four codes of a word as one byte. */
function byteOf(word: number): number {
  return (word | (word >>> 6) | (word >>> 12) | (word >>> 18)) & 255;
}

function wordsOf(codes: Uint8Array): Uint32Array {
  return new Uint32Array(codes.buffer, codes.byteOffset, codes.length / 4);
}
