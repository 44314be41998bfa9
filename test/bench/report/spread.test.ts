import { describe, expect, test } from 'vitest';
import { spread } from '../../../bench/report/spread.js';

describe('spread', () => {
  test.each([
    [[3], { median: 3, mean: 3, sd: 0 }],
    [[4, 2], { median: 3, mean: 3, sd: Math.SQRT2 }],
    [[10, 1, 4], { median: 4, mean: 5, sd: Math.sqrt(21) }],
    [[2, 9, 4, 5], { median: 4.5, mean: 5, sd: Math.sqrt(26 / 3) }],
  ])('of %j', (samples, expected) => {
    const found = spread(samples);
    expect(found.median).toBe(expected.median);
    expect(found.mean).toBeCloseTo(expected.mean, 12);
    expect(found.sd).toBeCloseTo(expected.sd, 12);
  });
});
