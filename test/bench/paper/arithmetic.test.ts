import { describe, expect, test } from 'vitest';
import {
  bestThroughput,
  cheaper,
  largestBatch,
  packedTritBits,
  timesSmaller,
  tritBits,
} from '../../../bench/paper/arithmetic.js';
import { claims } from '../../../bench/paper/claims.js';

const exact = (value: number) => ({ value, error: 0, samples: 0 });
const measured = (value: number, error: number | null, samples: number) => ({
  ...{ value, error, samples },
});

describe('the arithmetic of the tables', () => {
  test('no ternary weights are more than ten times smaller than FP16, five in a byte', () => {
    expect(timesSmaller(packedTritBits)).toBe(10);
    expect(timesSmaller(2)).toBe(8);
    expect(3 ** 5).toBeLessThan(2 ** 8); // five trits are in a byte
    expect(timesSmaller(tritBits)).toBeCloseTo(10.095, 3);
    expect(timesSmaller(tritBits)).toBeLessThan(16);
  });

  test.each([
    [exact(2.9), exact(6.7), 'holds'],
    [exact(6.7), exact(2.9), 'fails'],
    [exact(3), exact(3), 'within noise'],
    // 0.95 with an error of 0.019, then of 0.0475
    [measured(95, 0.02, 61), exact(100), 'holds'],
    [measured(95, 0.02, 5), exact(100), 'within noise'],
    [measured(95, 0.03, 61), measured(100, 0.04, 61), 'within noise'],
    [measured(120, 0.05, 61), exact(100), 'fails'],
    [measured(20, null, 1), exact(100), 'unknown'],
    [exact(20), measured(100, null, 1), 'unknown'],
  ])('%j against %j %s', (cost, than, verdict) => {
    expect(cheaper(cost, than)).toBe(verdict);
  });

  test.each([
    // 16 GB less 13.5 GB are 2.5 GB: nine times 268 MB and a rest
    [16e9, 13.5e9, 268_435_456, 9],
    [16e9, 1.7e9, 268_435_456, 53],
    [16e9, 15.9e9, 268_435_456, 0],
    [16e9, 138e9, 268_435_456, 0],
    [10, 4, 2, 3],
  ])('%d bytes with %d of the model have room for sequences of %d: %d', (...numbers) => {
    const [budget, fixed, perSequence, expected] = numbers;
    expect(largestBatch(budget, fixed, perSequence)).toBe(expected);
  });
});

describe('the best throughput', () => {
  const steps = [
    { sequences: 1, milliseconds: 100 },
    { sequences: 8, milliseconds: 170 },
    { sequences: 32, milliseconds: 650 },
  ];

  test.each([
    [1, 1, 10],
    // 100 ms + 3 × 10 ms for four
    [4, 4, 4 / 0.13],
    [8, 8, 8 / 0.17],
    // 170 ms + 12 × 20 ms: 20 / 0.41 = 48.8
    [20, 20, 20 / 0.41],
    [32, 32, 32 / 0.65],
    [1000, 32, 32 / 0.65],
  ])('with at most %d sequences has %d of them', (batch, sequences, tokensPerSecond) => {
    const best = bestThroughput(steps, batch)!;
    expect(best.sequences).toBe(sequences);
    expect(best.tokensPerSecond).toBeCloseTo(tokensPerSecond, 9);
  });

  test('is where more sequences are slower again, and nowhere without one', () => {
    const worse = [...steps.slice(0, 2), { sequences: 32, milliseconds: 1000 }];
    expect(bestThroughput(worse, 32)).toEqual({ sequences: 8, tokensPerSecond: 8000 / 170 });
    expect(bestThroughput(steps, 0)).toBeNull();
  });
});

describe('claims', () => {
  const facts = { whole: { size: '70b', ratio: 9.466 } } as const;

  test('are held against arithmetic', () => {
    const [smaller, energy, hundred] = claims({ ...facts, gbPerSecond: 36 });
    expect(smaller).toMatchObject({ claim: '16 times smaller than FP16', verdict: 'impossible' });
    expect(smaller!.why).toMatch(/^10 times .* 1\.6 bits, 10\.1 .*; all of the 70b is 9\.5 times/);
    expect(energy!.verdict).toBe('modeled');
    // 72 layers of four matrices 8192 x 8192 and three 8192 x 45568, 1.6 bits a weight; 36 / 19.99 = 1.80
    expect((72 * (4 * 8192 ** 2 + 3 * 8192 * 45_568) * 1.6) / 8 / 1e9).toBeCloseTo(19.99, 2);
    expect(hundred).toMatchObject({ verdict: 'impossible here' });
    expect(hundred!.why).toContain('20.0 GB of linear weights a token at 1.6 bits and the 36.0');
    expect(hundred!.why).toContain('at most 1.8 tokens/s');
  });

  test('depend on the machine where they are about one, not on its kernel', () => {
    // 5 tokens of 19.99 GB are 99.96 GB/s
    expect(claims({ ...facts, gbPerSecond: 99.9 })[2]!.verdict).toBe('impossible here');
    expect(claims({ ...facts, gbPerSecond: 100 })[2]!.verdict).toBe('possible here');
    expect(claims({ whole: null, gbPerSecond: 1 })[0]!.why).not.toContain('all of');
  });
});
