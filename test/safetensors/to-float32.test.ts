import { describe, expect, it } from 'vitest';
import { type Dtype, dtypeBits } from '../../lib/safetensors/dtypes.js';
import { toFloat32 } from '../../lib/safetensors/to-float32.js';
import type { SafetensorsTensor } from '../../lib/safetensors/types.js';
import { fromBfloat, fromHalf } from '../fixtures/half.js';
import { refusal } from './raw-file.js';

const path = 'a.safetensors';

function tensorOf(dtype: Dtype): SafetensorsTensor {
  return {
    name: 't',
    dtype,
    shape: [],
    begin: 0,
    end: 0,
    file: { path, size: 0, mtimeNs: 0n, ino: 0n },
  };
}

function decoded(dtype: Dtype, values: { buffer: ArrayBufferLike; byteLength: number }): number[] {
  const bytes = new Uint8Array(values.buffer);
  const floats = toFloat32(tensorOf(dtype), bytes);
  // The same from memory where elements lie across words.
  const shifted = new Uint8Array(bytes.length + 1).subarray(1);
  shifted.set(bytes);
  expect(toFloat32(tensorOf(dtype), shifted)).toEqual(floats);
  return [...floats];
}

const { POSITIVE_INFINITY: infinity, NaN: nan } = Number;
const allBits = Uint16Array.from({ length: 2 ** 16 }, (_, bits) => bits);

describe('The floats of a tensor', () => {
  it('of F32 are its bits', () => {
    const values = Float32Array.of(0, -0, 1.5, -3.4028234663852886e38, 2 ** -149, infinity, nan);
    expect(decoded('F32', values)).toEqual([...values]);
  });

  it('of F64 are the nearest', () => {
    const values = Float64Array.of(-0, 0.1, 1 + 2 ** -24, 1 + 2 ** -23, 1e-60, -infinity, nan);
    expect(decoded('F64', values)).toEqual([
      -0,
      0.10000000149011612,
      1,
      1 + 2 ** -23,
      0,
      -infinity,
      nan,
    ]);
  });

  it('of F16 and BF16 are all 65,536 values', () => {
    expect(decoded('F16', allBits)).toEqual([...allBits].map(fromHalf));
    expect(decoded('BF16', allBits)).toEqual([...allBits].map(fromBfloat));
    const known = Uint16Array.of(0x3c00, 0xc000, 0x7bff, 0x0001, 0x8000, 0x7c00);
    expect(decoded('F16', known)).toEqual([1, -2, 65504, 2 ** -24, -0, infinity]);
    const bfloats = Uint16Array.of(0x3f80, 0xc000, 0x7f7f, 0x0001, 0x8000, 0xff80);
    expect(decoded('BF16', bfloats)).toEqual([1, -2, 255 * 2 ** 120, 2 ** -133, -0, -infinity]);
  });

  it('of integers are their values', () => {
    expect(decoded('U8', Uint8Array.of(0, 1, 255))).toEqual([0, 1, 255]);
    expect(decoded('I8', Int8Array.of(-128, -1, 127))).toEqual([-128, -1, 127]);
    expect(decoded('I16', Int16Array.of(-32768, 32767))).toEqual([-32768, 32767]);
    const wide = [-(2 ** 31), 2 ** 24, 2 ** 24 + 2, -(2 ** 24 - 1)];
    expect(decoded('I32', Int32Array.from(wide))).toEqual(wide);
    const wider = [-(2n ** 63n), 2n ** 62n, -1n, 0n, 3n * 2n ** 40n];
    expect(decoded('I64', BigInt64Array.from(wider))).toEqual(wider.map(Number));
  });

  it('of nothing are none', () => {
    for (const dtype of ['F64', 'F32', 'F16', 'BF16', 'U8', 'I8', 'I16', 'I32', 'I64'] as const) {
      expect(toFloat32(tensorOf(dtype), new Uint8Array())).toHaveLength(0);
    }
  });
});

async function sentence(dtype: Dtype, values: ArrayBufferView): Promise<string> {
  const error = await refusal(
    (async () => toFloat32(tensorOf(dtype), new Uint8Array(values.buffer)))(),
  );
  expect(error.code).toBe('ERR_BITNET_TYPE');
  return error.message;
}

const cannot = (found: string) =>
  `Expected tensor "t" data of "${path}" to be numbers that a 32-bit float can hold, but found ${found}; save the tensor as F32.`;

describe('A tensor has no floats', () => {
  it('when an integer lies between two, or a number beyond all', async () => {
    expect(await sentence('I32', Int32Array.of(0, 2 ** 24 + 1))).toBe(cannot('16777217'));
    expect(await sentence('I64', BigInt64Array.of(2n ** 63n - 1n))).toBe(
      cannot('9223372036854775807'),
    );
    // Rounded to a double first, it would seem to have one.
    expect(await sentence('I64', BigInt64Array.of(2n ** 60n + 1n))).toBe(
      cannot('1152921504606846977'),
    );
    expect(await sentence('F64', Float64Array.of(1, -1e39))).toBe(cannot('-1e+39'));
  });

  it('when its dtype is another', async () => {
    const known = ['F64', 'F32', 'F16', 'BF16', 'U8', 'I8', 'I16', 'I32', 'I64'];
    const others = Object.keys(dtypeBits).filter((dtype) => !known.includes(dtype)) as Dtype[];
    expect(others).toHaveLength(13);
    for (const dtype of others) {
      expect(await sentence(dtype, new Uint8Array(8))).toBe(
        `Expected tensor "t" dtype of "${path}" to be one of ${known.join(', ')}, but found ${dtype}; save the tensor as F32.`,
      );
    }
  });
});
