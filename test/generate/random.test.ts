import { describe, expect, test } from 'vitest';
import { Random, randomSeed, splitMix64 } from '../../lib/generate/random.js';

describe('the random generator', () => {
  test('xoshiro128** gives the published sequence for the state 1, 2, 3, 4', () => {
    const random = new Random([1, 2, 3, 4]);
    const numbers = Array.from({ length: 10 }, () => random.nextUint32());
    expect(numbers).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597,
      4258142804,
    ]);
  });

  test('SplitMix64 gives the published sequence for the seed 1234567', () => {
    expect(splitMix64(1234567n, 5)).toEqual([
      6457827717110365317n,
      3203168211198807973n,
      9817491932198370423n,
      4593380528125082431n,
      16408922859458223821n,
    ]);
  });

  test('numbers lie in [0, 1), have 53 bits and a mean near one half', () => {
    const random = Random.fromSeed(7);
    let sum = 0;
    let odd = 0;
    for (let i = 0; i < 100_000; i++) {
      const x = random.next();
      expect(x >= 0 && x < 1).toBe(true);
      sum += x;
      odd += (x * 2 ** 53) % 2;
    }
    expect(sum / 100_000).toBeCloseTo(0.5, 2);
    expect(odd / 100_000).toBeCloseTo(0.5, 1);
  });

  test('seeds that differ in one bit, even above 2^32, give different numbers', () => {
    const seeds = [0, 1, 2, 2 ** 31, 2 ** 32, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER];
    const firsts = seeds.map((seed) => Random.fromSeed(seed).nextUint32());
    expect(new Set(firsts).size).toBe(seeds.length);
  });

  test('random seeds are unsigned 32-bit integers', () => {
    for (let i = 0; i < 100; i++) expect(randomSeed() >>> 0).toBeGreaterThanOrEqual(0);
    expect(new Set(Array.from({ length: 10 }, randomSeed)).size).toBeGreaterThan(5);
  });
});
