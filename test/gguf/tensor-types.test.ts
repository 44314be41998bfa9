import { writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { readGguf } from '../../lib/gguf/reader.js';
import { typeNamed, typesOf } from '../../lib/gguf/tensor-types.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { array, entry, id, info, rawFile, str, u32 } from './raw-file.js';

const temp = tempFolder();

/** Types and sizes of tensors of one type id whose data fills exactly `sizes` bytes, each padded to 32. */
async function resolve(
  typeId: number,
  shapes: readonly (readonly [cols: number, rows: number])[],
  sizes: readonly number[],
  entries: readonly Buffer[] = [],
) {
  const path = temp('types.gguf');
  let offset = 0;
  const infos = shapes.map((dims, i) => {
    const at = offset;
    offset += Math.ceil(sizes[i]! / 32) * 32;
    return info(`t${i}`, dims, typeId, at);
  });
  await writeFile(path, rawFile({ entries, infos, data: Buffer.alloc(offset) }));
  const { tensors } = await readGguf(path);
  return tensors.map(({ type, bytes }) => [type, bytes]);
}

const text = (key: string, value: string) => entry(key, id.string, str(value));

describe('the size of a tensor', () => {
  it.each([
    ['F32', 256 * 4],
    ['F16', 256 * 2],
    ['BF16', 256 * 2],
    ['F64', 256 * 8],
    ['I8', 256],
    ['I16', 512],
    ['I32', 1024],
    ['I64', 2048],
    ['Q4_0', 144],
    ['Q4_1', 160],
    ['Q5_0', 176],
    ['Q5_1', 192],
    ['Q8_0', 272],
    ['Q2_K', 84],
    ['Q3_K', 110],
    ['Q4_K', 144],
    ['Q5_K', 176],
    ['Q6_K', 210],
    ['IQ4_NL', 144],
    ['IQ4_XS', 136],
    ['TQ1_0', 54],
    ['TQ2_0', 66],
    ['I2_S', 96],
    ['TL1', 96],
    ['MXFP4', 136],
    ['NVFP4', 144],
    ['Q1_0', 36],
    ['Q2_0', 72],
    ['Q2_0_G128', 68],
    ['PQ2_0', 68],
    ['PTQ1_0', 56],
    ['STQ1_0', 42],
    ['IQ1_BN', 54],
    ['IQ2_BN', 68],
  ])('of 256 %s elements is %d bytes', (name, bytes) => {
    expect(typeNamed(name)?.bytes(1, 256)).toBe(bytes);
  });

  it.each([
    [3200, 3200, 2167520],
    [3200, 8640, 5794176],
    [4096, 4096, 3538976],
    [1536, 1536, 507936],
  ])('of a TL2 matrix of %d × %d is %d', (rows, cols, bytes) => {
    expect(typeNamed('TL2')?.bytes(rows, cols)).toBe(bytes);
  });

  it('of IQ2_BN_R4 needs rows in groups of four', () => {
    expect(typeNamed('IQ2_BN_R4')?.bytes(8, 128)).toBe(8 * 36);
    expect(typeNamed('IQ2_BN_R4')?.bytes(6, 128)).toBeUndefined();
  });

  it('of the layers of the 2B model is as published', () => {
    const i2s = typeNamed('I2_S')!;
    const shapes = [
      [2560, 2560],
      [2560, 2560],
      [640, 2560],
      [640, 2560],
      [6912, 2560],
      [6912, 2560],
      [2560, 6912],
    ] as const;
    expect(shapes.reduce((sum, [rows, cols]) => sum + i2s.bytes(rows, cols)!, 0)).toBe(17_367_264);
  });
});

describe('a type id with several meanings is resolved by size:', () => {
  it('36 is I2_S or IQ4_NL_4_4', async () => {
    expect(await resolve(36, [[256, 8]], [544])).toEqual([['I2_S', 544]]);
    expect(await resolve(36, [[256, 8]], [1152])).toEqual([['IQ4_NL_4_4', 1152]]);
  });

  it('39 is MXFP4 or TL2', async () => {
    expect(await resolve(39, [[1536, 1536]], [1253376])).toEqual([['MXFP4', 1253376]]);
    expect(await resolve(39, [[1536, 1536]], [507936])).toEqual([['TL2', 507936]]);
  });

  it('42 is Q2_0, in groups of 64 or, in older files, of 128, or TL2, or STQ1_0', async () => {
    expect(await resolve(42, [[1536, 1536]], [626688])).toEqual([['Q2_0_G128', 626688]]);
    expect(await resolve(42, [[128, 64]], [2176])).toEqual([['Q2_0_G128', 2176]]);
    expect(await resolve(42, [[128, 64]], [2304])).toEqual([['Q2_0', 2304]]);
    expect(await resolve(42, [[192, 64]], [3456])).toEqual([['Q2_0', 3456]]);
    expect(await resolve(42, [[1536, 1536]], [663552])).toEqual([['Q2_0', 663552]]);
    expect(await resolve(42, [[1536, 1536]], [507936])).toEqual([['TL2', 507936]]);
    expect(await resolve(42, [[1536, 1536]], [387072])).toEqual([['STQ1_0', 387072]]);
  });

  it('134 and 135 have a scale per row, except in the files of 2024', async () => {
    expect(await resolve(134, [[256, 64]], [3456])).toEqual([['IQ1_BN', 3456]]);
    expect(await resolve(134, [[256, 64]], [3328])).toEqual([['IQ1_BN without scales', 3328]]);
    expect(await resolve(135, [[256, 64]], [4352])).toEqual([['IQ2_BN', 4352]]);
    expect(await resolve(135, [[256, 64]], [4096])).toEqual([['IQ2_BN without scales', 4096]]);
  });

  it('142 is PQ2_0, or a retired type of which only the name is known', async () => {
    expect(await resolve(142, [[2560, 4]], [2720])).toEqual([['PQ2_0', 2720]]);
    expect(await resolve(142, [[2560, 4]], [2576])).toEqual([['IQ2_TN', 2592]]);
  });

  it('143 is PTQ1_0, or a retired type of which only the name is known', async () => {
    expect(await resolve(143, [[2560, 4]], [2240])).toEqual([['PTQ1_0', 2240]]);
    expect(await resolve(143, [[2560, 4]], [2192])).toEqual([['IQ1_TN', 2208]]);
  });

  it('all tensors of an id together decide, where one alone fits both', async () => {
    // One row: 54 and 52 bytes both fill 64.
    const shapes = [
      [256, 1],
      [256, 64],
    ] as const;
    expect(await resolve(134, shapes, [52, 3328])).toEqual([
      ['IQ1_BN without scales', 52],
      ['IQ1_BN without scales', 3328],
    ]);
  });

  it('the origin decides when sizes cannot', async () => {
    const gap = 2 ** 21;
    expect(await resolve(39, [[1536, 1536]], [gap])).toEqual([['MXFP4', 1253376]]);
    const microsoft = [text('general.architecture', 'bitnet-b1.58')];
    expect(await resolve(39, [[1536, 1536]], [gap], microsoft)).toEqual([['TL2', 507936]]);
    const scored = [
      text('tokenizer.ggml.model', 'gpt2'),
      entry('tokenizer.ggml.scores', id.array, array(id.f32, 1, u32(0))),
    ];
    expect(await resolve(39, [[1536, 1536]], [gap], scored)).toEqual([['TL2', 507936]]);
    const typed = [...scored, text('general.type', 'model')];
    expect(await resolve(39, [[1536, 1536]], [gap], typed)).toEqual([['MXFP4', 1253376]]);
  });
});

describe('an unknown type id', () => {
  it('keeps its number as a name and takes the bytes up to the next tensor', async () => {
    expect(
      await resolve(
        77,
        [
          [100, 3],
          [7, 1],
        ],
        [50, 40],
      ),
    ).toEqual([
      ['type 77', 64],
      ['type 77', 64],
    ]);
    expect(typesOf(77)).toEqual([]);
    expect(typeNamed('type 77')).toBeUndefined();
  });
});
