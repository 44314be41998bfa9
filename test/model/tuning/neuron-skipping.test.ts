import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  inspectModel,
  type LoadOptions,
  loadModel,
  type Model,
  measureSparsity,
} from '../../../lib/index.js';
import { cachePath } from '../../../lib/model/tuning/cache-file.js';
import { zerosFile } from '../../../lib/model/tuning/neuron-skipping.js';
import { breakEvenSparsity } from '../../../lib/native.js';
import { rejection } from '../../api/tiny.js';
import { allLogits } from '../../engine/engine.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { tinyModel } from '../../fixtures/tiny-model.js';

const temp = tempFolder();
let open: Model | undefined;
afterAll(() => open?.close());

/** The only model that is open: the weights of another one of the same file would be shared, and nothing counted. */
async function load(path?: string, options?: LoadOptions): Promise<Model> {
  open?.close();
  open = undefined;
  open = await loadModel(path, options);
  return open;
}

const ids = Array.from({ length: 70 }, (_, i) => (i * 37) % 320);
const skips = breakEvenSparsity('') !== undefined;

/**
 * Large enough to be measured. Column 0 of every state is large and positive: it opens all gates of layers 0 and 2, whose weights there
 * are +1. In layer 1 half of the gates are zero whatever comes in, and so closed, and most of the others.
 */
const path = temp('model.gguf');
const [dim, ffnDim] = [512, 4096];
const uneven = [false, true, false];
let expected: Float32Array;
beforeAll(async () => {
  const tiny = tinyModel({ dim, ffnDim, nLayer: uneven.length });
  const gate = (layer: number) => tiny.tensors.get(`blk.${layer}.ffn_gate.weight`)!.bytes;
  const rowBytes = dim / 4;
  for (const layer of [0, 2]) {
    for (let row = 0; row < ffnDim; row++) {
      const at = row * rowBytes; // the top bits of a row's first byte are its column 0: code 2 is +1
      gate(layer)[at] = (gate(layer)[at]! & 0x3f) | 0x80;
    }
  }
  gate(1).fill(0x55, 0, (ffnDim / 2) * rowBytes); // code 1 is 0
  const { bytes, rows } = tiny.tensors.get('token_embd.weight')!;
  for (let row = 0; row < rows; row++) bytes.set([0xd0, 0x63], row * dim * 2); // 1000 in F16
  await tiny.write(path);
  expected = await allLogits(await load(path, { kernel: 'scalar' }), ids);
});

const { XDG_CACHE_HOME, BITNET_KERNEL } = process.env;
let folders = 0;
beforeEach(() => {
  process.env.XDG_CACHE_HOME = temp(`cache-${folders++}`);
  delete process.env.BITNET_KERNEL;
});
afterEach(() => {
  process.env.XDG_CACHE_HOME = XDG_CACHE_HOME;
  if (BITNET_KERNEL === undefined) delete process.env.BITNET_KERNEL;
  else process.env.BITNET_KERNEL = BITNET_KERNEL;
});

const intervals = globalThis.setInterval;

type Entries = Record<string, unknown>;
const readZeros = () => JSON.parse(readFileSync(cachePath(zerosFile), 'utf8')) as Entries;

async function expectSameBits(model: Model) {
  expect(await allLogits(model, ids)).toEqual(expected);
  expect(await allLogits(model, ids, 1)).toEqual(expected);
}

describe.skipIf(!skips)('zeros are skipped', () => {
  test('in the layers that have many of them, counted once', async () => {
    const model = await load(path);
    expect(model.skipsInactive).toEqual(uneven);
    await expectSameBits(model);
    const text = readFileSync(cachePath(zerosFile), 'utf8');
    const [parts] = Object.values(JSON.parse(text) as Record<string, number[]>);
    const { layers } = await measureSparsity(model, 'a text of its own');
    for (const [i, { inactiveNeurons, zeroInputs }] of layers.entries()) {
      expect(parts![i]).toBeCloseTo((inactiveNeurons + zeroInputs) / 2, 1);
    }
    // What the first load has learned and edited is what later ones begin with.
    const later = await load(path);
    expect(later.plan).toEqual(model.plan);
    expect(later.tuning).toEqual(model.tuning);
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
      [1, 0.1, 0.9],
      [true, false, true],
    ],
  ])('where %j is remembered, with the same bits', async (parts, layers) => {
    await load(path);
    const [key] = Object.keys(readZeros());
    writeFileSync(cachePath(zerosFile), JSON.stringify({ [key!]: parts }));
    const model = await load(path);
    expect(model.skipsInactive).toEqual(layers);
    await expectSameBits(model);
    const { skipsInactive, memory, plan } = await inspectModel(path);
    expect(skipsInactive).toEqual(layers);
    expect(plan).toEqual(model.plan);
    expect(memory).toMatchObject(model.memory);
  });

  test('anew where the cache is damaged', async () => {
    await load(path);
    const [key] = Object.keys(readZeros());
    for (const entry of [null, [], [0.9, 0.9], ['1', 0, 0], [0.9, 0.9, 2], [-1, 0, 0], {}]) {
      writeFileSync(cachePath(zerosFile), JSON.stringify({ [key!]: entry }));
      expect((await load(path)).skipsInactive).toEqual(uneven);
      expect(readZeros()[key!]).toHaveLength(uneven.length);
    }
  });

  test('everywhere, as inspectModel says before a load has counted', async () => {
    expect((await inspectModel(path)).skipsInactive).toEqual([true, true, true]);
    expect(existsSync(cachePath(zerosFile))).toBe(false);
  });

  /** Loads with progress every millisecond. */
  async function watch(onProgress: (fraction: number) => void, signal?: AbortSignal) {
    const everyMillisecond = vi.spyOn(globalThis, 'setInterval');
    everyMillisecond.mockImplementation((handler) => intervals(handler, 1));
    try {
      return await load(path, { onProgress, ...(signal && { signal }) });
    } finally {
      everyMillisecond.mockRestore();
    }
  }

  test('unless the load is aborted once they are counted', async () => {
    const controller = new AbortController();
    const loading = watch(() => {
      if (existsSync(cachePath(zerosFile))) controller.abort('enough');
    }, controller.signal);
    expect(await rejection(loading)).toMatchObject({
      code: 'ERR_BITNET_ABORTED',
      cause: 'enough',
    });
    const signal = AbortSignal.abort('enough');
    expect(await rejection(load(path, { signal }))).toMatchObject({ code: 'ERR_BITNET_ABORTED' });
  });

  test('and progress does not go back where matrices are read twice', async () => {
    const fractions: number[] = [];
    await watch((fraction) => fractions.push(fraction));
    expect(fractions.at(-1)).toBeGreaterThan(0);
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b));
  });
});

describe.skipIf(!skips)('nothing is counted', () => {
  const expectAll = async (loading: Promise<Model>, skips: boolean) => {
    const model = await loading;
    expect(new Set(model.skipsInactive)).toEqual(new Set([skips]));
    expect(existsSync(cachePath(zerosFile))).toBe(false);
  };

  test('with autotune: false: all layers skip', () =>
    expectAll(load(path, { autotune: false }), true));

  test('with a forced kernel: all layers skip where it can', async () => {
    await expectAll(load(path, { kernel: 'base3-scalar' }), true);
    await expectAll(load(path, { kernel: 'mad2-scalar' }), false);
  });

  test('with skipInactive: false: none does', () =>
    expectAll(load(path, { skipInactive: false }), false));

  test('for the embedded model, which is fast anyway', () => expectAll(load(), true));

  test('where norms between the steps leave nothing to skip', async () => {
    const normed = temp('normed.gguf');
    const activation = 'relu2';
    const tiny = tinyModel({ arch: 'qwen3', dim, ffnDim, nLayer: 2, projectionNorms: true });
    await tiny.write(normed);
    const { skipsInactive } = await inspectModel(normed, { activation });
    expect(skipsInactive).toEqual([false, false]);
    await expectAll(load(normed, { activation }), false);
  });

  test('for a network without zeros', async () => {
    const silu = temp('silu.gguf');
    await tinyModel({ arch: 'llama', dim: 512, ffnDim: 4096, nLayer: 2 }).write(silu);
    await expectAll(load(silu), false);
  });
});
