import { describe, expect, test } from 'vitest';
import { bytes, gigabytes } from '../lib/byte-size.js';

describe('a number of bytes', () => {
  test.each([
    [0, '0 bytes'],
    [1023, '1023 bytes'],
    [1024, '1.0 KiB'],
    [2 ** 20 - 52, '1023.9 KiB'],
    [2 ** 20 - 51, '1.0 MiB'],
    [512 * 2 ** 20, '512.0 MiB'],
    [2 ** 30 - 1, '1.00 GiB'],
    [1.2 * 2 ** 30, '1.20 GiB'],
    [3 * 2 ** 40, '3.00 TiB'],
    [5000 * 2 ** 40, '5000.00 TiB'],
  ])('%d is %s', (count, text) => {
    expect(bytes(count)).toBe(text);
  });

  test('is decimal where memory is given so', () => {
    expect(gigabytes(16e9)).toBe('16.0 GB');
  });
});
