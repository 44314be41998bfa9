import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { cpuInfo, inspectModel, type Model } from '../../../lib/index.js';
import { kernelsFile } from '../../../lib/model/tuning/autotune-cache.js';
import { cachePath as pathOf } from '../../../lib/model/tuning/cache-file.js';
import { rejection } from '../../api/tiny.js';
import { allLogits, modelLoader } from '../../engine/engine.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { tinyModel } from '../../fixtures/tiny-model.js';

const temp = tempFolder();
const load = modelLoader();
const ids = Array.from({ length: 70 }, (_, i) => (i * 37) % 320);
const candidates = cpuInfo()
  .kernels.filter(({ usable, isa }) => usable && isa !== 'scalar')
  .map(({ name }) => name)
  .slice(0, 5);

/** Just large enough to be measured, and without neurons: every matrix is packed in tiles. */
const path = temp('model.gguf');
const shapes = ['512x512', '4096x512', '512x4096'];
let expected: Float32Array;
beforeAll(async () => {
  await tinyModel({ arch: 'llama', dim: 512, ffnDim: 4096, nLayer: 2 }).write(path);
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

const tunedShapes = ({ tuning }: Pick<Model, 'tuning'>) =>
  tuning.map(({ rows, cols }) => `${rows}x${cols}`);

const cachePath = () => pathOf(kernelsFile);

/** A cache as a load leaves it, measured once. */
let measured: string | undefined;
async function goodCache(): Promise<Entries> {
  if (measured === undefined) {
    await load(path);
    measured = readFileSync(cachePath(), 'utf8');
  }
  return JSON.parse(measured);
}

type Entries = Record<string, { kernel: string; timings: object[] }>;
const readCache = () => JSON.parse(readFileSync(cachePath(), 'utf8')) as Entries;
function writeCache(text: string) {
  mkdirSync(dirname(cachePath()), { recursive: true });
  writeFileSync(cachePath(), text);
}

describe.skipIf(candidates.length < 2)('kernels are measured', () => {
  test('once per shape, and remembered', async () => {
    const model = await load(path);
    expect(tunedShapes(model)).toEqual(shapes);
    for (const { kernel, timings } of model.tuning) {
      expect(timings.map((timing) => timing.kernel)).toEqual(candidates);
      expect(candidates).toContain(kernel);
      for (const { token } of timings) expect(token).toBeGreaterThan(0);
    }
    const text = readFileSync(cachePath(), 'utf8');
    expect(Object.values(JSON.parse(text))).toHaveLength(shapes.length);
    expect((await load(path)).tuning).toEqual(model.tuning);
    expect(readFileSync(cachePath(), 'utf8')).toBe(text);
    // Another number of threads is another question.
    const { threads } = model;
    await load(path, { threads: threads + 1 });
    expect(Object.keys(readCache()).length).toBeGreaterThanOrEqual(shapes.length);
    expect((await load(path)).tuning).toEqual(model.tuning);
  });

  test.each(candidates)(
    'and %s is used where the cache says so, with the same bits',
    async (name) => {
      const entries = await goodCache();
      for (const entry of Object.values(entries)) entry.kernel = name;
      writeCache(JSON.stringify(entries));
      const model = await load(path);
      const forced = await load(path, { kernel: name });
      expect(model.tuning.map(({ kernel }) => kernel)).toEqual(shapes.map(() => name));
      expect(model.memory.ternary).toBe(forced.memory.ternary);
      expect(await allLogits(model, ids)).toEqual(expected);
      expect(await allLogits(model, ids, 1)).toEqual(expected);
      const { tuning, memory } = await inspectModel(path);
      const estimate = (await inspectModel(path, { kernel: name })).memory;
      expect(tuning).toEqual(model.tuning);
      expect(memory).toEqual(estimate);
    },
  );

  test('and different shapes may use different kernels', async () => {
    const entries = await goodCache();
    const values = Object.values(entries);
    for (const [i, entry] of values.entries()) entry.kernel = candidates[i % candidates.length]!;
    writeCache(JSON.stringify(entries));
    const model = await load(path);
    expect(new Set(model.tuning.map(({ kernel }) => kernel)).size).toBeGreaterThan(1);
    expect(await allLogits(model, ids)).toEqual(expected);
  });

  test('anew where the cache is damaged', async () => {
    const good = await goodCache();
    const changed = (change: (entry: Entries[string]) => void) => {
      const entries = structuredClone(good);
      for (const entry of Object.values(entries)) change(entry);
      return JSON.stringify(entries);
    };
    for (const text of [
      '',
      '{"',
      'null',
      '[7]',
      JSON.stringify(Object.fromEntries(Object.keys(good).map((key) => [key, null]))),
      changed((entry) => Object.assign(entry, { kernel: 'abacus' })),
      changed((entry) => Object.assign(entry, { rows: 1 })),
      changed((entry) => Object.assign(entry, { timings: {} })),
      changed((entry) => entry.timings.pop()),
      changed((entry) => Object.assign(entry.timings[0]!, { token: '9' })),
    ]) {
      writeCache(text);
      const { tuning } = await load(path);
      for (const { kernel } of tuning) expect(candidates).toContain(kernel);
      expect(Object.values(readCache())).toEqual(expect.arrayContaining([...tuning]));
    }
  });

  test('even where the cache cannot be written', async () => {
    writeFileSync(temp('file'), '');
    process.env.XDG_CACHE_HOME = temp('file');
    expect(tunedShapes(await load(path))).toEqual(shapes);
    expect(readFileSync(temp('file'), 'utf8')).toBe('');
    process.env.XDG_CACHE_HOME = temp('folder');
    mkdirSync(cachePath(), { recursive: true }); // a folder where the file would be
    expect(tunedShapes(await load(path))).toEqual(shapes);
  });

  test('until the load is aborted', async () => {
    for (const milliseconds of [0, 1, 5, 20, 50]) {
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
});

describe('nothing is measured', () => {
  const expectUntuned = async (model: Promise<Model>) => {
    expect((await model).tuning).toEqual([]);
    expect(existsSync(cachePath())).toBe(false);
  };

  test('with a forced kernel', async () => {
    await expectUntuned(load(path, { kernel: 'scalar' }));
    process.env.BITNET_KERNEL = cpuInfo().kernels.find(({ usable }) => usable)!.name;
    await expectUntuned(load(path));
    expect((await inspectModel(path)).tuning).toEqual([]);
  });

  test('with autotune: false', () => expectUntuned(load(path, { autotune: false })));

  test('for the embedded model, which is fast anyway', () => expectUntuned(load()));

  test('by inspectModel', async () => {
    expect((await inspectModel(path)).tuning).toEqual([]);
    expect(existsSync(cachePath())).toBe(false);
  });
});
