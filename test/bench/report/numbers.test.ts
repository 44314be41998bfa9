import { describe, expect, test } from 'vitest';
import { digits, rateText, significant } from '../../../bench/report/numbers.js';

describe('a number of three digits', () => {
  test.each([
    [0, '0.00'],
    [1, '1.00'],
    [9.994, '9.99'],
    [9.999, '10.0'],
    [99.94, '99.9'],
    [99.96, '100'],
    [123_456.7, '123457'],
  ])('of %d is %s', (value, text) => {
    expect(digits(value)).toBe(text);
    expect(significant(value)).toBe(text);
  });

  test.each([
    [0.0523, '0.0523'],
    [0.004, '0.00400'],
    [0.9996, '1.00'],
  ])('below 1 has them too where it must: %d is %s', (value, text) => {
    expect(significant(value)).toBe(text);
  });

  test('is a slow rate as well', () => {
    expect(rateText({ median: 0.0523, mean: 0.05, sd: 0.0012 })).toBe('0.0523 ± 0.00120');
    expect(rateText({ median: 5480, mean: 5000, sd: 0 })).toBe('5480 ± 0.00');
  });
});
