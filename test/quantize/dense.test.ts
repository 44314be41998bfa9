import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { quantizeModel } from '../../lib/quantize/quantize.js';
import type { TensorTypeName } from '../../lib/quantize/types.js';
import { decode } from '../fixtures/decode.js';
import { type DenseType, encodeTernary } from '../fixtures/encode.js';
import { toBfloat, toHalf } from '../fixtures/half.js';
import { random } from '../fixtures/random.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { describeShared, sharedPath } from '../shared.js';
import { floats, quantized, type StoredMatrix, tensorsOf, writeMatrix } from './one-tensor.js';

const folder = tempFolder();
const [rows, cols] = [8, 512];
const next = random(3);
const values = Float32Array.from({ length: rows * cols }, (_, i) =>
  i % 512 < 32 ? 0 : (next() + next() + next() - 1.5) * (1 + (i % 7)),
);
const matrix: StoredMatrix = { type: 'F32', rows, cols, data: floats(values) };
const f32 = Math.fround;

/** Of a block of 32: the scale, the codes of rounding, and perhaps a least value, in f32 throughout. */
const roundings = {
  Q8_0: (x: Float32Array) => {
    const d = f32(Math.max(...x.map(Math.abs)) / 127);
    const id = d === 0 ? 0 : f32(1 / d);
    const codes = Array.from(x, (v) => {
      const q = f32(v * id);
      return Math.sign(q) * Math.floor(Math.abs(q) + 0.5); // halves away from zero
    });
    return Buffer.concat([half(d), Buffer.from(Int8Array.from(codes).buffer)]);
  },
  Q4_0: (x: Float32Array) => {
    const codes = around(x, 8);
    return Buffer.concat([half(codes.d), nibbles(codes.q)]);
  },
  Q5_0: (x: Float32Array) => {
    const codes = around(x, 16);
    return Buffer.concat([half(codes.d), fifths(codes.q), nibbles(codes.q)]);
  },
  Q4_1: (x: Float32Array) => {
    const codes = between(x, 15);
    return Buffer.concat([half(codes.d), half(codes.least), nibbles(codes.q)]);
  },
  Q5_1: (x: Float32Array) => {
    const codes = between(x, 31);
    return Buffer.concat([half(codes.d), half(codes.least), fifths(codes.q), nibbles(codes.q)]);
  },
} as const;

function around(x: Float32Array, most: number) {
  const far = x.reduce((best, v) => (Math.abs(v) > Math.abs(best) ? v : best), 0);
  const d = f32(far / -most);
  const id = d === 0 ? 0 : f32(1 / d);
  const q = Array.from(x, (v) => Math.min(2 * most - 1, Math.trunc(f32(f32(v * id) + most + 0.5))));
  return { d, q };
}

function between(x: Float32Array, most: number) {
  const least = Math.min(...x);
  const d = f32(f32(Math.max(...x) - least) / most);
  const id = d === 0 ? 0 : f32(1 / d);
  const q = Array.from(x, (v) => Math.min(most, Math.trunc(f32(f32(f32(v - least) * id) + 0.5))));
  return { d, least, q };
}

function half(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(toHalf(value));
  return bytes;
}

function nibbles(q: readonly number[]): Buffer {
  return Buffer.from(Array.from({ length: 16 }, (_, j) => (q[j]! & 15) | ((q[j + 16]! & 15) << 4)));
}

function fifths(q: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4);
  q.forEach((code, j) => {
    bytes[j >> 3]! |= (code >> 4) << (j & 7);
  });
  return bytes;
}

/** Root mean square error relative to the values. */
function errorOf(type: DenseType, bytes: Uint8Array): number {
  const found = decode(type, bytes, rows, cols);
  const square = (list: ArrayLike<number>) => Array.from(list).reduce((sum, v) => sum + v * v, 0);
  return Math.sqrt(square(found.map((v, i) => v - values[i]!)) / square(values));
}

describe('quantizeModel', () => {
  it.each(Object.keys(roundings) as (keyof typeof roundings)[])(
    'rounds to %s as the type defines it',
    async (type) => {
      const expected = Array.from({ length: values.length / 32 }, (_, b) =>
        roundings[type](values.subarray(32 * b, 32 * b + 32)),
      );
      expect((await headAs(type)).equals(Buffer.concat(expected))).toBe(true);
    },
  );

  it('rounds to F16 and BF16 half to even', async () => {
    const f16 = await quantized(folder, matrix, { type: 'F16' });
    expect(f16.equals(Buffer.from(Uint16Array.from(values, toHalf).buffer))).toBe(true);
    const bf16 = await quantized(folder, matrix, { type: 'BF16' });
    expect(bf16.equals(Buffer.from(Uint16Array.from(values, toBfloat).buffer))).toBe(true);
  });

  // Of what ggml's own quantizer, built beside this project, writes for these values.
  it.each([
    ['Q6_K', 0.02, 'ea2367506812487e'],
    ['Q5_K', 0.042, '7e2cf386c8d72cc8'],
    ['Q4_K', 0.082, 'c34c5b2a7c843e23'],
    ['IQ4_NL', 0.085, 'a4a9e1ce66a3b5ef'],
  ] as const)('searches the scales of %s as llama.cpp does', async (type, most, hash) => {
    const bytes = await headAs(type);
    expect(errorOf(type, bytes)).toBeLessThan(most);
    expect(createHash('sha256').update(bytes).digest('hex').slice(0, 16)).toBe(hash);
  });

  it('turns ternary weights into floats exactly', async () => {
    const trits = Int8Array.from({ length: rows * cols }, (_, i) => (i % 3) - 1);
    const data = encodeTernary('I2_S', trits, [0.1], rows, cols);
    const to = await quantized(folder, { type: 'I2_S', rows, cols, data }, { type: 'F32' });
    expect(to.equals(floats(Array.from(trits, (trit) => trit * f32(0.1))))).toBe(true);
  });

  it('rounds what was rounded to another dense type only if that is allowed', async () => {
    const data = await headAs('Q8_0');
    const from = { type: 'Q8_0', rows, cols, data };
    await expect(quantized(folder, from, { type: 'Q4_0' })).rejects.toMatchObject({
      code: 'ERR_BITNET_TYPE',
      message: expect.stringContaining('--allow-requantize'),
    });
    const to = await quantized(folder, from, { type: 'Q4_0', allowRequantize: true });
    expect(errorOf('Q4_0', to)).toBeLessThan(0.12);
  });

  it.each([
    ['Q4_0', 1e8, 'a number beyond'],
    ['F16', 1e5, 'a number beyond'],
    ['Q4_K_M', Number.POSITIVE_INFINITY, 'infinite or no number'],
  ] as const)('refuses %s of %d', async (type, value, message) => {
    const data = floats(values.map((v, i) => (i === 77 ? value : v)));
    await expect(quantized(folder, { ...matrix, data }, { type })).rejects.toThrow(message);
  });

  /** As the head, whose type can be any. */
  async function headAs(type: TensorTypeName): Promise<Buffer> {
    await writeMatrix(folder('head.gguf'), matrix, 'output.weight');
    const options = { type: 'Q8_0', outputType: type, overwrite: true } as const;
    await quantizeModel(folder('head.gguf'), folder('head-q.gguf'), options);
    return (await tensorsOf(folder('head-q.gguf'))).get('output.weight')!.data;
  }
});

describeShared('the bytes that llama-quantize writes', () => {
  const kept = { tokenEmbeddingType: 'F16', outputType: 'F16', overwrite: true } as const;
  const mixtures = ['q8_0', 'q6_k', 'q4_k_m', 'q4_0', 'tq2_0'] as const;

  it.each(mixtures)('of mix-llama as %s', async (type) => {
    await sameTensors('mix/mix-llama-f16', `mix/mix-llama-${type}`, type);
  });

  it.each([
    ['tiny-bitnet-f16', 'tiny-bitnet-tq1_0', 'tq1_0'],
    ['tiny-bitnet-f16', 'tiny-bitnet-tq2_0', 'tq2_0'],
    ['tiny-b158-f16', 'tiny-b158-i2s', 'i2_s'],
    ['graphs/qwen3-yarn-f16', 'graphs/qwen3-yarn-q2_0', 'q2_0'],
    ['graphs/qwen3-yarn-keys-f16', 'graphs/qwen3-yarn-keys-q2_0', 'q2_0'],
    ['graphs/qwen35-f16', 'graphs/qwen35-q2_0', 'q2_0'],
    ['graphs/minicpm-f16', 'graphs/minicpm-tq2_0', 'tq2_0'],
    ['graphs/hunyuan-dense-f16', 'graphs/hunyuan-dense-q2_0', 'q2_0'],
    ['graphs/maple-f16', 'graphs/maple-q2_0', 'q2_0'],
  ] as const)('of %s as %s', async (from, golden, type) => {
    await sameTensors(from, golden, type);
  });

  async function sameTensors(
    from: string,
    golden: string,
    type: (typeof mixtures)[number] | 'i2_s' | 'tq1_0' | 'q2_0',
  ) {
    const path = folder('written.gguf');
    await quantizeModel(sharedPath(`golden/${from}.gguf`), path, { type, ...kept });
    const expected = await tensorsOf(sharedPath(`golden/${golden}.gguf`));
    const found = await tensorsOf(path);
    expect([...found.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const [name, tensor] of expected) {
      const { type: written, data } = found.get(name)!;
      expect([name, written]).toEqual([name, tensor.type]);
      // Behind the scale of I2_S stands anything.
      const bytes = written === 'I2_S' ? data.length - 28 : data.length;
      expect([name, data.subarray(0, bytes).equals(tensor.data.subarray(0, bytes))]).toEqual([
        name,
        true,
      ]);
    }
  }
});
