import { writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { decodeTernary } from '../fixtures/decode.js';
import { encodeTernary, scaleColumns, type TernaryType } from '../fixtures/encode.js';
import { halfRound, toHalf } from '../fixtures/half.js';
import { random } from '../fixtures/random.js';
import { encodeVariant, type StorageVariant } from '../fixtures/storage-variants.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { floats, quantized, type StoredMatrix } from './one-tensor.js';

const folder = tempFolder();
const [rows, cols] = [64, 768];
const next = random(7);
const trits = Int8Array.from({ length: rows * cols }, () => Math.floor(3 * next()) - 1);
const targets = ['I2_S', 'TQ1_0', 'TQ2_0', 'Q2_0'] as const;
const sources = [...targets, 'PQ2_0', 'IQ1_BN', 'IQ2_BN', 'IQ2_BN_R4'] as const;

/** As many scales as a type has, one for each `share` columns or all alike. */
function scalesOf(type: TernaryType, share: number): Float64Array {
  const own = scaleColumns[type];
  const group = own === 'tensor' ? rows * cols : own === 'row' ? cols : own;
  return Float64Array.from({ length: (rows * cols) / group }, (_, i) =>
    halfRound(0.01 + 0.001 * (Math.floor((i * group) / share) % 17)),
  );
}

function matrix(type: TernaryType, share = rows * cols): StoredMatrix {
  const data = encodeTernary(type, trits, scalesOf(type, share), rows, cols);
  return { type, rows, cols, data };
}

describe('from one ternary type to another', () => {
  for (const from of sources) {
    it.each(targets)(`${from} to %s keeps every trit and the scale`, async (to) => {
      const data = await quantized(folder, matrix(from), { type: to });
      const found = decodeTernary(to, data, rows, cols);
      expect(Buffer.from(found.trits).equals(Buffer.from(trits))).toBe(true);
      expect(new Set(found.scales)).toEqual(new Set([halfRound(0.01)]));
    });
  }

  it.each([
    ['TQ2_0', 'TQ1_0', 256],
    ['TQ1_0', 'Q2_0', 256],
    ['IQ2_BN', 'TQ2_0', cols],
    ['PQ2_0', 'Q2_0', 128],
    ['Q2_0', 'TQ2_0', 256],
  ] as const)('%s to %s keeps scales of %i columns', async (from, to, share) => {
    const data = await quantized(folder, matrix(from, share), { type: to });
    const expected = encodeTernary(to, trits, scalesOf(to, share), rows, cols);
    expect(data.equals(expected)).toBe(true);
  });

  const tile = [64, 64, 32] as const;
  it.each(['I2_S arm64', 'I2_S rows4', 'TL1', 'Q2_0_G128'] as StorageVariant[])(
    '%s to I2_S keeps every trit and the scale',
    async (variant) => {
      const type = { Q2_0_G128: 'Q2_0_G128', TL1: 'TL1' }[variant as string] ?? 'I2_S';
      const scale = halfRound(0.37);
      const scales = new Float64Array((rows * cols) / 128).fill(scale);
      const data = encodeVariant(variant, trits, scales, rows, cols, tile);
      const table = folder('tiles.ini');
      await writeFile(table, `[x]\nm = ${rows}\nk = ${cols}\nbm = 64\nbk = 64\nbmm = 32\n`);
      const i2sLayout = ({ 'I2_S arm64': 'arm64', 'I2_S rows4': 'rows4' } as const)[
        variant as string as 'I2_S arm64'
      ];
      const from = { type, rows, cols, data };
      const options = { type: 'I2_S', i2sLayout, tlTable: table } as const;
      const bytes = await quantized(folder, from, options);
      expect(bytes.equals(encodeTernary('I2_S', trits, [scale], rows, cols))).toBe(true);
    },
  );

  it('writes what is kept of a foreign I2_S in the order of the rest', async () => {
    const scales = new Float64Array((rows * cols) / 128).fill(0.5);
    const data = encodeVariant('I2_S rows4', trits, scales, rows, cols, tile);
    const options = { type: 'tq2_0', keep: ['*'], i2sLayout: 'rows4' } as const;
    const bytes = await quantized(folder, { type: 'I2_S', rows, cols, data }, options);
    expect(bytes.equals(encodeTernary('I2_S', trits, [0.5], rows, cols))).toBe(true);
  });

  it('takes one scale from where weights are not 0', async () => {
    const some = trits.slice();
    some.fill(0, 64, 128);
    const scales = new Float64Array((rows * cols) / 64).fill(0.5);
    scales[1] = 0;
    const data = encodeTernary('Q2_0', some, scales, rows, cols);
    const to = await quantized(folder, { type: 'Q2_0', rows, cols, data }, { type: 'i2_s' });
    expect(to.equals(encodeTernary('I2_S', some, [0.5], rows, cols))).toBe(true);
  });

  it.each([
    ['Q2_0', 'I2_S', cols],
    ['Q2_0', 'TQ2_0', 64],
    ['IQ2_BN', 'I2_S', cols],
  ] as const)('refuses %s to %s where scales differ', async (from, to, share) => {
    await expect(quantized(folder, matrix(from, share), { type: to })).rejects.toMatchObject({
      code: 'ERR_BITNET_TYPE',
      message: expect.stringContaining(`with one scale where ${to} has one, but found ${from}`),
    });
  });

  it('rounds a scale that f16 cannot hold only if that is allowed', async () => {
    const data = encodeTernary('I2_S', trits, [0.1], rows, cols);
    const from = { type: 'I2_S', rows, cols, data };
    await expect(quantized(folder, from, { type: 'TQ2_0' })).rejects.toMatchObject({
      code: 'ERR_BITNET_TYPE',
      message: expect.stringContaining('--allow-rounding'),
    });
    const to = await quantized(folder, from, { type: 'TQ2_0', allowRounding: true });
    const { scales } = decodeTernary('TQ2_0', to, rows, cols);
    expect(new Set(scales)).toEqual(new Set([halfRound(0.1)]));
  });

  it.each([
    [1e-9, 'would become 0'],
    [1e6, 'a number beyond'],
  ])('refuses the scale %d even then', async (scale, message) => {
    const data = encodeTernary('I2_S', trits, [scale], rows, cols);
    const options = { type: 'Q2_0', allowRounding: true } as const;
    await expect(
      quantized(folder, { type: 'I2_S', rows, cols, data }, options),
    ).rejects.toMatchObject({ code: 'ERR_BITNET_TYPE', message: expect.stringContaining(message) });
  });

  it('refuses weights of +2, and codes that are none', async () => {
    const four = trits.slice();
    four[5] = 2;
    const scales = new Float64Array((rows * cols) / 64).fill(1);
    const data = encodeTernary('Q2_0', four, scales, rows, cols);
    await expect(
      quantized(folder, { type: 'Q2_0', rows, cols, data }, { type: 'TQ2_0' }),
    ).rejects.toThrow('found Q2_0 weights of +2 s; choose a dense type');
    const broken = encodeTernary('I2_S', trits, [1], rows, cols);
    broken[3] = 0xff;
    await expect(
      quantized(folder, { type: 'I2_S', rows, cols, data: broken }, { type: 'TQ2_0' }),
    ).rejects.toThrow('bytes that are no ternary weights');
  });
});

describe('from dense weights', () => {
  const dense = (scaleAt: (e: number) => number) => ({
    type: 'F32',
    rows,
    cols,
    data: floats(Array.from(trits, (trit, e) => trit * scaleAt(e))),
  });

  it.each(targets)('%s holds trits times one scale exactly', async (to) => {
    const data = await quantized(
      folder,
      dense(() => 0.125),
      { type: to },
    );
    const scales = scalesOf(to, 1).fill(0.125);
    expect(data.equals(encodeTernary(to, trits, scales, rows, cols))).toBe(true);
  });

  it('scales of blocks too, and 0 where all weights of a block are 0', async () => {
    const scaleAt = (e: number) => (e < 256 ? 0 : halfRound(0.01 + Math.floor(e / 256) / 100));
    const data = await quantized(folder, dense(scaleAt), { type: 'TQ2_0' });
    const none = trits.slice().fill(0, 0, 256);
    const scales = Array.from({ length: (rows * cols) / 256 }, (_, i) => scaleAt(256 * i));
    expect(data.equals(encodeTernary('TQ2_0', none, scales, rows, cols))).toBe(true);
    await expect(quantized(folder, dense(scaleAt), { type: 'I2_S' })).rejects.toMatchObject({
      code: 'ERR_BITNET_TYPE',
      distance: expect.any(Number),
    });
  });

  const weights = Array.from({ length: rows * cols }, (_, i) =>
    Math.fround((next() - 0.5) * (1 + (i % 5))),
  );
  const any = { type: 'F32', rows, cols, data: floats(weights) };

  /** By absmean, as published: mean of |w|, round half to even, clamp. */
  function absmean(values: readonly number[]) {
    const scale = values.reduce((sum, w) => sum + Math.abs(w), 0) / values.length;
    const t = values.map((w) => (Math.abs(w) > scale / 2 ? Math.sign(w) : 0));
    return { scale, t };
  }

  it('refuses others, with their distance, and rounds them by absmean if forced', async () => {
    const { scale, t } = absmean(weights);
    const square = (values: readonly number[]) => values.reduce((sum, v) => sum + v * v, 0);
    const distance = Math.sqrt(square(weights.map((w, i) => w - scale * t[i]!)) / square(weights));
    const error = await quantized(folder, any, { type: 'I2_S' }).catch((reason) => reason);
    expect(error).toMatchObject({ code: 'ERR_BITNET_TYPE' });
    expect(error.distance).toBeCloseTo(distance, 6);
    expect(error.message).toContain(`${(100 * distance).toFixed(1)} % away`);
    const data = await quantized(folder, any, { type: 'I2_S', force: true });
    const found = decodeTernary('I2_S', data, rows, cols);
    expect(found.scales[0]).toBeCloseTo(scale, 6);
    expect(Array.from(found.trits)).toEqual(t.map((trit) => trit + 0));
  });

  it('rounds by the absmean of a block where blocks have scales', async () => {
    const options = { type: 'Q2_0', force: true, allowRounding: true } as const;
    const found = decodeTernary('Q2_0', await quantized(folder, any, options), rows, cols);
    const block = absmean(weights.slice(64, 128));
    expect(found.scales[1]).toBe(halfRound(block.scale));
    expect(Array.from(found.trits.subarray(64, 128))).toEqual(block.t.map((trit) => trit + 0));
  });

  it('refuses what is no number', async () => {
    const data = floats(weights.map((w, i) => (i === 1000 ? Number.NaN : w)));
    for (const force of [false, true]) {
      await expect(
        quantized(folder, { ...any, data }, { type: 'TQ2_0', force, allowRounding: true }),
      ).rejects.toThrow('infinite or no number');
    }
  });

  it('reads F16 and BF16 alike', async () => {
    const halves = Uint16Array.from(trits, (trit) => toHalf(trit * 0.3));
    const data = Buffer.from(halves.buffer);
    const to = await quantized(folder, { type: 'F16', rows, cols, data }, { type: 'I2_S' });
    expect(to.equals(encodeTernary('I2_S', trits, [halfRound(0.3)], rows, cols))).toBe(true);
  });
});
