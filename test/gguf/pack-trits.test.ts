import { describe, expect, it } from 'vitest';
import { halfBits, halfValue } from '../../lib/gguf/half.js';
import { i2sTail, packTrits } from '../../lib/gguf/pack-trits.js';
import { encodeTernary } from '../fixtures/encode.js';
import { fromHalf, toHalf } from '../fixtures/half.js';
import { random } from '../fixtures/random.js';

describe('packTrits', () => {
  const [rows, cols] = [4, 512];
  const next = random(7);
  const trits = Int8Array.from({ length: rows * cols }, () => Math.floor(3 * next()) - 1);
  const codes = Uint8Array.from(trits, (trit) => trit + 1);

  it.each([
    ['TQ1_0', 256, 'TQ1_0'],
    ['TQ2_0', 256, 'TQ2_0'],
    ['Q2_0', 64, 'Q2_0'],
    ['Q2_0_G128', 128, 'PQ2_0'],
  ] as const)('%s stores what the format says', (type, block, layout) => {
    const scales = Float64Array.from({ length: codes.length / block }, (_, i) => (i + 1) / 64);
    const packed = packTrits[type](codes, (index) => toHalf(scales[index / block]!));
    expect(packed).toEqual(encodeTernary(layout, trits, scales, rows, cols));
  });

  it('I2_S as well, but for its tail', () => {
    const expected = encodeTernary('I2_S', trits, [0.1], rows, cols);
    const packed = Buffer.concat([packTrits.I2_S(codes), i2sTail(0.1)]);
    expect(packed.subarray(0, codes.length / 4 + 4)).toEqual(
      Buffer.from(expected).subarray(0, codes.length / 4 + 4),
    );
  });
});

describe('halfBits', () => {
  it('is the nearest half, ties to even, of all halves and what lies between them', () => {
    const wrong: number[] = [];
    for (let bits = 0; bits < 0x7c00; bits++) {
      const [value, above] = [fromHalf(bits), bits === 0x7bff ? 65536 : fromHalf(bits + 1)];
      const middle = (value + above) / 2;
      const right =
        halfBits(value) === bits &&
        halfBits(middle * (1 - 1e-9)) === bits &&
        halfBits(middle) === bits + (bits % 2) &&
        halfBits(middle * (1 + 1e-9)) === bits + 1 &&
        halfValue(bits) === value;
      if (!right) wrong.push(bits);
    }
    expect(wrong).toEqual([]);
    expect([-2, -0, Number.NaN, Number.NEGATIVE_INFINITY].map(halfBits)).toEqual([
      0xc000, 0x8000, 0x7e00, 0xfc00,
    ]);
  });
});
