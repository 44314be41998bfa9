import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type ShapeName, shapes, weightsPerLayer } from '../../../bench/synth/shapes.js';
import { type SynthOptions, synthesize } from '../../../bench/synth/synth.js';
import { inspectModel } from '../../../lib/index.js';
import { tempFolder } from '../../fixtures/temp-folder.js';

const file = tempFolder();
const small = { shape: '700m', layers: 1 } as const;

describe('synthesize', () => {
  test('writes a model of the shape that is asked for, the same bytes each time', async () => {
    const path = file('a.gguf');
    const seen: number[] = [];
    const result = await synthesize(path, {
      ...small,
      seed: 3,
      onProgress: (step, fraction) => {
        expect(step).toBe('model');
        seen.push(fraction);
      },
    });
    expect(result).toEqual({
      ...{ path, format: 'i2_s', scales: 'tensor', seed: 3 },
      shape: { ...shapes['700m'], nLayer: 1 },
      bytes: statSync(path).size,
    });
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.length).toBeGreaterThan(10);
    const inspection = await inspectModel(path);
    expect(inspection).toMatchObject({
      problems: [],
      model: { nLayer: 1, dim: 1536, ffnDim: 4096, headDim: 96, vocabSize: 32_002 },
      tokenizer: { vocabSize: 32_002, addBos: true },
    });
    expect(inspection.tensors.filter(({ type }) => type === 'I2_S')).toHaveLength(7);
  });

  test('does not replace a file unless told to', async () => {
    const path = file('there.gguf');
    writeFileSync(path, 'precious');
    await expect(synthesize(path, small)).rejects.toMatchObject({
      code: 'ERR_BITNET_FILE',
      message: `Expected no file at "${path}", but there is one; choose another name, or allow it to be replaced (--force).`,
    });
    expect(statSync(path).size).toBe(8);
    const { bytes } = await synthesize(path, { ...small, overwrite: true });
    expect(statSync(path).size).toBe(bytes);
  });

  test('leaves nothing behind when aborted, in the trial or in the model', async () => {
    for (const activationSparsity of [undefined, 0.7]) {
      const path = file('aborted.gguf');
      const controller = new AbortController();
      const writing = synthesize(path, {
        ...small,
        activationSparsity,
        signal: controller.signal,
        onProgress: () => controller.abort(),
      });
      await expect(writing).rejects.toMatchObject({
        code: 'ERR_BITNET_ABORTED',
        name: 'AbortError',
      });
      expect(readdirSync(dirname(path)).filter((name) => name.startsWith('aborted'))).toEqual([]);
    }
  });

  test('tells the folder that is not there', async () => {
    await expect(synthesize(file('no/folder.gguf'), small)).rejects.toMatchObject({
      code: 'ERR_BITNET_FILE',
    });
    expect(existsSync(file('no'))).toBe(false);
  });

  test.each<[string, object]>([
    ['option shape', { shape: '8b' }],
    ['option shape', { shape: 'toString' }],
    ['option format', { ...small, format: 'q4_k' }],
    ['option format', { shape: '3b', format: 'tq2_0' }],
    ['option format', { shape: '1.3b', format: 'q4_0' }],
    ['option layers', { shape: '2b4t', layers: 0 }],
    ['option layers', { shape: '2b4t', layers: 2.5 }],
    ['option seed', { ...small, seed: -1 }],
    ['option seed', { ...small, seed: 2 ** 32 }],
    ['option activationSparsity', { ...small, activationSparsity: 1 }],
    ['option activationSparsity', { ...small, activationSparsity: Number.NaN }],
    ['activationsparsity', { ...small, activationsparsity: 0.5 }],
  ])('refuses a wrong %s', async (option, options) => {
    await expect(synthesize(file('wrong.gguf'), options as SynthOptions)).rejects.toMatchObject({
      ...{ code: 'ERR_BITNET_ARGUMENT', option },
    });
    expect(existsSync(file('wrong.gguf'))).toBe(false);
  });
});

describe('shapes', () => {
  // Parameters with the embedding counted once, and those of the name, which stay within 11 %.
  test.each<[ShapeName, number, number]>([
    ['125m', 0.128e9, 0.125e9],
    ['700m', 0.729e9, 0.7e9],
    ['1.3b', 1.273e9, 1.3e9],
    ['bonsai-1.7b', 1.721e9, 1.7e9],
    ['2b4t', 2.413e9, 2.4e9],
    ['3b', 3.324e9, 3e9],
    ['3.9b', 3.915e9, 3.9e9],
    ['7b', 6.607e9, 7e9],
    ['bitcpm4-8b', 7.884e9, 8e9],
    ['bonsai-8b', 7.568e9, 8e9],
    ['13b', 12.852e9, 13e9],
    ['bonsai-27b', 25.6e9, 27e9],
    ['30b', 32.317e9, 30e9],
    ['70b', 68.714e9, 70e9],
    ['100b', 100.225e9, 100e9],
    ['maple', 19.903e9, 20e9],
  ])('%s has %d parameters', (name, parameters, named) => {
    const { nLayer, dim, vocabSize } = shapes[name];
    const count = nLayer * weightsPerLayer(shapes[name]) + vocabSize * dim;
    expect(count / parameters).toBeCloseTo(1, 2);
    expect(Math.abs(count / named - 1)).toBeLessThan(0.11);
  });

  test('of the layers of bitnet-b1.58-2B-4T are those of the public file', () => {
    // Bytes of the I2_S tensors of one layer: a quarter of a byte per weight and a tail of 32 for each of seven.
    expect(weightsPerLayer(shapes['2b4t']) / 4 + 7 * 32).toBe(17_367_264);
  });
});
