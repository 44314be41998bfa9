import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { readGguf } from '../../lib/gguf/reader.js';
import { readSpec } from '../../lib/model/spec/read-spec.js';
import { decode } from '../fixtures/decode.js';
import { denseTypes, ternaryTypes } from '../fixtures/encode.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { type TinyOptions, tinyModel } from '../fixtures/tiny-model.js';

const temp = tempFolder();
/** `toEqual` takes seconds for arrays of this size. */
const same = (a: ArrayBufferView, b: ArrayBufferView) =>
  a.byteLength === b.byteLength &&
  Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(
    Buffer.from(b.buffer, b.byteOffset, b.byteLength),
  );

const small = { dim: 128, ffnDim: 64, nHead: 2, nLayer: 1 } as const;

describe('a tiny model written and read again', () => {
  const cases: [title: string, options: TinyOptions][] = [
    ['bitnet-b1.58', small],
    ['bitnet-25 with a head of its own', { ...small, arch: 'bitnet-25', tied: false }],
    ['bitnet with heads of 96', { ...small, arch: 'bitnet', dim: 192, headDim: 96 }],
    ['bitnet with heads of 100', { ...small, arch: 'bitnet', dim: 256, headDim: 100 }],
    [
      'llama, untied, with grouped heads',
      { ...small, arch: 'llama', dim: 256, nHead: 4, nKvHead: 1 },
    ],
    ['llama, tied', { ...small, arch: 'llama', tied: true }],
    ['odd numbers of rows', { ...small, ffnDim: 770, vocabSize: 515 }],
    ['heads of 128 in BF16', { ...small, dim: 256, weightType: 'BF16', headType: 'BF16' }],
    ['half norms', { ...small, normType: 'F16' }],
    ['scaled positions', { ...small, ropeScale: 4, ropeDim: 32, ropeFreqs: true }],
    ['qwen2', { ...small, arch: 'qwen2', biases: true }],
    ['qwen3 with norms of its projections', { ...small, arch: 'qwen3', projectionNorms: true }],
    ['gemma3 with a window', { ...small, arch: 'gemma3', nLayer: 6, window: 4 }],
    ['a stated activation', { ...small, hiddenActivation: 'silu' }],
    ...ternaryTypes.map((weightType): [string, TinyOptions] => [
      `uneven ${weightType}`,
      { ...small, dim: 256, ffnDim: 512, weightType, unevenScales: true },
    ]),
    ...denseTypes.map((type): [string, TinyOptions] => [
      `${type} everywhere`,
      { ...small, dim: 256, ffnDim: 256, weightType: type, headType: type },
    ]),
  ];

  it.each(cases)('is what was made: %s', async (_, options) => {
    const path = temp('tiny.gguf');
    const model = tinyModel(options);
    await model.write(path);
    const [spec, bytes] = [readSpec(await readGguf(path)), await readFile(path)];
    const { arch, nLayer, dim, ffnDim, nHead, nKvHead, headDim, vocabSize, contextLength } =
      model.options;
    expect(spec).toMatchObject({
      nLayer,
      dim,
      ffnDim,
      nHead,
      nKvHead,
      headDim,
      vocabSize,
      contextLength,
    });
    expect(spec.architecture).toBe(arch);
    expect(spec.normEps).toBe(Math.fround(model.options.normEps));
    expect(spec.rope).toMatchObject({ dim: model.options.ropeDim, scale: model.options.ropeScale });
    expect(spec.unused).toEqual([]);
    expect(spec.tensors).toHaveLength(model.tensors.size);
    for (const { name, type, rows, cols, offset, bytes: length } of spec.tensors) {
      const { values } = model.tensors.get(name)!;
      const data = bytes.subarray(offset, offset + length);
      expect(same(decode(type as 'F32', data, rows, cols), values), name).toBe(true);
    }
  });

  it('has the same trits in every ternary type', () => {
    const tritsOf = (weightType: (typeof ternaryTypes)[number]) =>
      tinyModel({ ...small, dim: 256, ffnDim: 256, weightType }).tensors.get(
        'blk.0.ffn_up.weight',
      )!;
    const reference = tritsOf('I2_S');
    for (const type of ternaryTypes) {
      const { trits, values } = tritsOf(type);
      expect(same(trits!, reference.trits!)).toBe(true);
      expect(same(values, reference.values)).toBe(true);
    }
    const dense = tinyModel({
      ...small,
      dim: 256,
      ffnDim: 256,
      weightType: 'F16',
      ternaryValues: true,
    });
    expect(same(dense.tensors.get('blk.0.ffn_up.weight')!.values, reference.values)).toBe(true);
  });

  it('differs from seed to seed', () => {
    const values = (seed: number) =>
      tinyModel({ ...small, seed }).tensors.get('output_norm.weight')!.values;
    expect(values(1)).toEqual(values(1));
    expect(values(1)).not.toEqual(values(2));
  });
});
