import { getRandomValues } from 'node:crypto';

/** A seed for a caller who gave none: any of the 2^32 unsigned 32-bit integers. */
export function randomSeed(): number {
  return getRandomValues(new Uint32Array(1))[0]!;
}

/**
 * Seeded uniform numbers: xoshiro128** (Blackman and Vigna, prng.di.unimi.it), whose 128-bit state
 * is two outputs of SplitMix64. 32-bit integer arithmetic only, so every machine draws the same.
 */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** @param state four 32-bit words, not all zero */
  constructor(state: readonly [number, number, number, number]) {
    [this.#a, this.#b, this.#c, this.#d] = state;
  }

  /**
   * @param seed any safe integer; the low 64 bits of its two's complement are used
   * @param stream another sequence of numbers of the same seed
   */
  static fromSeed(seed: number, stream = 0): Random {
    const state = splitMix64(BigInt(seed), 2 * stream + 2).slice(2 * stream);
    const words = state.flatMap((word) => [Number(word & 0xffffffffn), Number(word >> 32n)]);
    return new Random(words as [number, number, number, number]);
  }

  /** The next unsigned 32-bit integer. */
  nextUint32(): number {
    const result = Math.imul(rotateLeft(Math.imul(this.#b, 5), 7), 9) >>> 0;
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = rotateLeft(this.#d, 11);
    return result;
  }

  /** The next number in [0, 1), with all 53 bits of a double random. */
  next(): number {
    const high = this.nextUint32() >>> 5; // 27 bits
    const low = this.nextUint32() >>> 6; // 26 bits
    return (high * 2 ** 26 + low) / 2 ** 53;
  }
}

/** The first `count` outputs of SplitMix64 started at `seed`. */
export function splitMix64(seed: bigint, count: number): bigint[] {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n);
    let z = state;
    z = BigInt.asUintN(64, (z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n);
    z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d049bb133111ebn);
    return z ^ (z >> 31n);
  });
}

function rotateLeft(x: number, bits: number): number {
  return (x << bits) | (x >>> (32 - bits));
}
