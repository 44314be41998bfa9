import { describe, expect, test } from 'vitest';
import { benchPlan } from '../../bench/options.js';
import { testLabel, testLength, testTokens } from '../../bench/trial/tests.js';
import { cpuInfo } from '../../lib/index.js';

describe('benchPlan', () => {
  const engine = { autotune: true, headPrefilter: true, skipInactive: true, metadataOverrides: {} };

  test('without options measures the embedded model as llama-bench would', () => {
    const { threads } = cpuInfo();
    expect(benchPlan({})).toEqual({
      settings: [{ model: undefined, threads, kernel: process.env.BITNET_KERNEL ?? '', ...engine }],
      tests: [
        { prompt: 512, generate: 0, depth: 0, sequences: 1 },
        { prompt: 0, generate: 128, depth: 0, sequences: 1 },
      ],
      batch: 512,
      repetitions: 5,
      threads: [threads],
      assumedWatts: null,
    });
  });

  test('takes every model with every number of threads and every kernel', () => {
    const { settings, threads } = benchPlan({
      ...{ models: ['a', 'b'], threads: [1, 2, 1], kernels: ['x', 'y'], prompts: [0] },
    });
    expect(settings).toHaveLength(12);
    expect(settings[3]).toEqual({ model: 'a', threads: 2, kernel: 'y', ...engine });
    const off = { autotune: false, headPrefilter: false, skipInactive: false };
    expect(benchPlan(off).settings[0]).toMatchObject(off);
    expect(threads).toEqual([1, 2]);
  });

  test('takes every kind of test at every depth in every number of sequences', () => {
    const { tests } = benchPlan({
      ...{ prompts: [8, 0], generations: [4], pairs: [[8, 4]], depths: [0, 100] },
      sequences: [1, 16],
    });
    const kinds = ['pp8', 'tg4', 'pp8+tg4'];
    expect(tests.map(testLabel)).toEqual([
      ...kinds,
      ...kinds.map((kind) => `${kind} x16`),
      ...kinds.map((kind) => `${kind} @ d100`),
      ...kinds.map((kind) => `${kind} @ d100 x16`),
    ]);
    expect(tests.map(testTokens).slice(0, 6)).toEqual([8, 4, 12, 128, 64, 192]);
    expect(Math.max(...tests.map(testLength))).toBe(112);
  });

  test('takes every test without adapters, with one, and with one for each sequence', () => {
    const { tests, settings } = benchPlan({
      ...{ prompts: [], generations: [4], sequences: [1, 16], adapters: ['a', 'b'] },
      coldAdapters: 300,
    });
    expect(tests.map(testLabel)).toEqual([
      ...['tg4', 'tg4, 1 adapter', 'tg4 x16', 'tg4 x16, 1 adapter', 'tg4 x16, 2 adapters'],
      ...['pp16, 1 adapter', 'pp16, cold adapter'],
    ]);
    expect(settings[0]).toMatchObject({ adapters: ['a', 'b'], adapterMemory: 1e9 });
  });

  test.each<[string, object]>([
    ['option adapters beside it', { coldAdapters: 3 }],
    ['pairs', { pairs: [[8, 0]] }],
    ['depths', { depths: [-1] }],
    ['sequences', { sequences: [257] }],
    ['batch', { batch: 0 }],
    ['prompts', { prompts: [-1] }],
    ['generations', { generations: [1.5] }],
    ['repetitions', { repetitions: 0 }],
    ['threads', { threads: [0] }],
    ['watts, above 0 and at most 100000', { assumeWatts: 0 }],
    ['assumeWatts', { assumeWatts: Number.NaN }],
    ['at least one test, but there are no prompts (-p)', { prompts: [0], generations: [] }],
    ['at least one number for option threads', { threads: [] }],
    ['at least one name for option kernels', { kernels: [] }],
    ['option shape', { models: [{ shape: '8b' }] }],
    ['option format', { models: [{ shape: '3b', format: 'tq2_0' }] }],
    ['memory', { memory: 0 }],
    ['did you mean kernels', { kernel: ['scalar'] }],
  ])('refuses wrong options: %s', (words, options) => {
    expect(() => benchPlan(options)).toThrow(
      expect.objectContaining({
        code: 'ERR_BITNET_ARGUMENT',
        message: expect.stringContaining(words),
      }),
    );
  });
});
