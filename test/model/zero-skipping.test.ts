import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { inspectModel, type Model, measureSparsity } from '../../lib/index.js';
import { cachePath } from '../../lib/model/cache-file.js';
import { zerosFile } from '../../lib/model/zero-skipping.js';
import { ternaryTile } from '../../lib/native.js';
import { rejection } from '../api/tiny.js';
import { allLogits, modelLoader } from '../engine/engine.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyModel } from '../fixtures/tiny-model.js';

const temp = tempFolder();
const load = modelLoader();
const ids = Array.from({ length: 70 }, (_, i) => (i * 37) % 320);
const { units } = ternaryTile('');

/** Large enough to be measured. Half of the gates of layer 1 are zero whatever comes in, and so closed. */
const path = temp('model.gguf');
const uneven = [false, true, false];
let expected: Float32Array;
beforeAll(async () => {
  const tiny = tinyModel({ dim: 512, ffnDim: 4096, nLayer: uneven.length });
  const gate = tiny.tensors.get('blk.1.ffn_gate.weight')!;
  gate.bytes.fill(0x55, 0, (512 * 4096) / 4 / 2); // code 1 in all four fields
  await tiny.write(path);
  expected = await allLogits(await load(path, { kernel: 'scalar' }), ids);
});

const { XDG_CACHE_HOME } = process.env;
let folders = 0;
beforeEach(() => {
  process.env.XDG_CACHE_HOME = temp(`cache-${folders++}`);
});
afterEach(() => {
  process.env.XDG_CACHE_HOME = XDG_CACHE_HOME;
});

type Entries = Record<string, unknown>;
const readZeros = () => JSON.parse(readFileSync(cachePath(zerosFile), 'utf8')) as Entries;

async function expectSameBits(model: Model) {
  expect(await allLogits(model, ids)).toEqual(expected);
  expect(await allLogits(model, ids, 1)).toEqual(expected);
}

describe.skipIf(!units)('zeros are skipped', () => {
  test('in the layers that have many of them, counted once', async () => {
    const model = await load(path);
    expect(model.skipsZeros).toEqual(uneven);
    await expectSameBits(model);
    const text = readFileSync(cachePath(zerosFile), 'utf8');
    const [parts] = Object.values(JSON.parse(text) as Record<string, number[]>);
    const { layers } = await measureSparsity(model, 'a text of its own');
    for (const [i, { closedGates, zeroInputs }] of layers.entries()) {
      expect(parts![i]).toBeCloseTo((closedGates + zeroInputs) / 2, 1);
    }
    const again = await load(path);
    expect(again.skipsZeros).toEqual(uneven);
    expect(again.memory).toEqual(model.memory);
    expect(readFileSync(cachePath(zerosFile), 'utf8')).toBe(text);
  });

  test.each([
    [
      [0.9, 0.9, 0.9],
      [true, true, true],
    ],
    [
      [0.1, 0, 0.2],
      [false, false, false],
    ],
    [
      [1, 0.3, 0.9],
      [true, false, true],
    ],
  ])('where %j is remembered, with the same bits', async (parts, layers) => {
    await load(path);
    const [key] = Object.keys(readZeros());
    writeFileSync(cachePath(zerosFile), JSON.stringify({ [key!]: parts }));
    const model = await load(path);
    expect(model.skipsZeros).toEqual(layers);
    await expectSameBits(model);
    const { skipsZeros, memory } = await inspectModel(path);
    expect(skipsZeros).toEqual(layers);
    expect(memory!.ternary).toBe(model.memory.ternary);
  });

  test('anew where the cache is damaged', async () => {
    await load(path);
    const [key] = Object.keys(readZeros());
    for (const entry of [null, [], [0.9, 0.9], ['1', 0, 0], [0.9, 0.9, 2], [-1, 0, 0], {}]) {
      writeFileSync(cachePath(zerosFile), JSON.stringify({ [key!]: entry }));
      expect((await load(path)).skipsZeros).toEqual(uneven);
      expect(readZeros()[key!]).toHaveLength(uneven.length);
    }
  });

  test('everywhere, as inspectModel says before a load has counted', async () => {
    expect((await inspectModel(path)).skipsZeros).toEqual([true, true, true]);
    expect(existsSync(cachePath(zerosFile))).toBe(false);
  });

  test('until the load is aborted', async () => {
    for (const milliseconds of [0, 5, 20, 50, 100, 200]) {
      const controller = new AbortController();
      const loading = load(path, { signal: controller.signal });
      setTimeout(() => controller.abort('enough'), milliseconds);
      const outcome = await loading.catch((error: unknown) => error);
      if (!(outcome instanceof Error)) continue; // it was faster
      expect(outcome).toMatchObject({ code: 'ERR_BITNET_ABORTED', cause: 'enough' });
    }
    const signal = AbortSignal.abort('enough');
    expect(await rejection(load(path, { signal }))).toMatchObject({ code: 'ERR_BITNET_ABORTED' });
  });

  test('and progress does not go back where weights are read twice', async () => {
    const fractions: number[] = [];
    await load(path, { onProgress: (fraction) => fractions.push(fraction) });
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
  });
});

describe.skipIf(!units)('nothing is counted', () => {
  const expectAll = async (loading: Promise<Model>, skips: boolean) => {
    const model = await loading;
    expect(new Set(model.skipsZeros)).toEqual(new Set([skips]));
    expect(existsSync(cachePath(zerosFile))).toBe(false);
  };

  test('with autotune: false: all layers skip', () =>
    expectAll(load(path, { autotune: false }), true));

  test('with a forced kernel: all layers skip where it can', async () => {
    await expectAll(load(path, { kernel: 'base3-scalar' }), true);
    await expectAll(load(path, { kernel: 'mad2-scalar' }), false);
  });

  test('with skipZeros: false: none does', () =>
    expectAll(load(path, { skipZeros: false }), false));

  test('for the embedded model, which is fast anyway', () => expectAll(load(), true));

  test('for a network without zeros', async () => {
    const silu = temp('silu.gguf');
    await tinyModel({ arch: 'llama', dim: 512, ffnDim: 4096, nLayer: 2 }).write(silu);
    await expectAll(load(silu), false);
  });
});
