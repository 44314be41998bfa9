import { describe, expect, test } from 'vitest';
import { ratioOf, relativeError, studentFactor } from '../../../bench/report/estimate.js';

const counted = (value: number) => ({ value, error: 0, samples: 0 });

describe('the error of the middle of samples', () => {
  test('is the standard error in parts of the mean, unknown of one sample', () => {
    expect(relativeError({ median: 99, mean: 100, sd: 4 }, 4)).toBe(0.02);
    expect(relativeError({ median: 100, mean: 100, sd: 0 }, 1)).toBeNull();
  });
});

describe("Student's factor", () => {
  test.each([
    [0.5, 12.706],
    [1, 12.706],
    [1.99, 12.706],
    [2, 4.303],
    [7, 2.447],
    [8, 2.306],
    [59, 2.042],
    [1e9, 2],
    [Number.POSITIVE_INFINITY, 2],
  ])('of %d degrees of freedom is %d', (degrees, factor) => {
    expect(studentFactor(degrees)).toBeCloseTo(factor, 9);
  });
});

describe('a ratio', () => {
  test('is known to the errors of both', () => {
    const over = { value: 6, error: 0.03, samples: 5 };
    expect(ratioOf(over, { value: 2, error: 0.04, samples: 5 })).toEqual({
      ...{ value: 3, error: 0.05, withinNoise: false },
    });
    expect(ratioOf(counted(3), counted(2))).toEqual({ value: 1.5, error: 0, withinNoise: false });
    expect(ratioOf(counted(3), counted(3)).withinNoise).toBe(true);
  });

  test('is not known to anything where one of them has a single sample', () => {
    const single = { value: 9, error: null, samples: 1 };
    const unknown = { value: 3, error: null, withinNoise: null };
    expect(ratioOf(single, counted(3))).toEqual(unknown);
    expect(ratioOf({ value: 27, error: 0.01, samples: 9 }, single)).toEqual(unknown);
  });

  test.each([
    // Errors alike: twice the degrees of one.
    [2, 4.303, 0.01],
    [3, 2.776, 0.01],
    [5, 2.306, 0.01],
    // One error alone: its own degrees.
    [2, 12.706, 0],
    [5, 2.776, 0],
  ])('of %d samples is noise within %d standard errors', (samples, factor, other) => {
    const under = { value: 1, error: other, samples };
    const error = Math.hypot(0.01, other);
    // ratio − 1 = factor × error × ratio
    const edge = 1 / (1 - factor * error);
    const at = (value: number) => ratioOf({ value, error: 0.01, samples }, under).withinNoise;
    expect(at(edge * 0.9999)).toBe(true);
    expect(at(edge * 1.0001)).toBe(false);
  });
});
