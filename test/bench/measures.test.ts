import { describe, expect, test } from 'vitest';
import { benchPlan } from '../../bench/options.js';
import { shapeOf, weightFormat } from '../../bench/shape.js';
import { spread } from '../../bench/spread.js';
import { shapes } from '../../bench/synth/shapes.js';
import { testLabel, testLength, testTokens } from '../../bench/tests.js';
import { bytesPerToken, ternaryMacsPerToken } from '../../bench/traffic.js';
import { cpuInfo, loadModel, type ModelSpec } from '../../lib/index.js';
import { parseStatus, processMemory } from '../../lib/machine/process-memory.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyModel } from '../fixtures/tiny-model.js';

const file = tempFolder();

describe('spread', () => {
  test.each([
    [[3], { median: 3, mean: 3, sd: 0 }],
    [[4, 2], { median: 3, mean: 3, sd: Math.SQRT2 }],
    [[10, 1, 4], { median: 4, mean: 5, sd: Math.sqrt(21) }],
    [[2, 9, 4, 5], { median: 4.5, mean: 5, sd: Math.sqrt(26 / 3) }],
  ])('of %j', (samples, expected) => {
    const found = spread(samples);
    expect(found.median).toBe(expected.median);
    expect(found.mean).toBeCloseTo(expected.mean, 12);
    expect(found.sd).toBeCloseTo(expected.sd, 12);
  });
});

describe('process memory', () => {
  test('is read from the status of Linux, in bytes', () => {
    const status =
      'Name:\tnode\nVmPeak:\t  999 kB\nVmHWM:\t   2048 kB\nRssAnon:\t      10 kB\nRssFile:\t 5 kB\n';
    expect(parseStatus(status)).toEqual({
      ...{ peakRss: 2_097_152, anonymousRss: 10_240, fileRss: 5120 },
    });
    expect(parseStatus('Name:\tnode\n')).toEqual({
      ...{ peakRss: null, anonymousRss: null, fileRss: null },
    });
  });

  test('of this process has a peak of at least what it has now', () => {
    const { peakRss, anonymousRss } = processMemory();
    expect(peakRss).toBeGreaterThan(2 ** 24);
    if (process.platform === 'linux') expect(peakRss).toBeGreaterThan(anonymousRss!);
  });
});

describe('bytesPerToken', () => {
  test('is layers, head, norms and the mean of the KV cache', async () => {
    const model = await loadModel();
    const { memory, plan, spec } = model;
    model.close();
    // Two norms of dim 256 and sub-norms of 256 and 768 in six layers, one more at the end, as f32.
    expect(memory.norms).toBe(4 * (6 * (3 * 256 + 768) + 256));
    // f16 keys and values of six layers with two KV heads of 64; ten tokens see 1 to 10 positions.
    const kv = 6 * 2 * 2 * 64 * 2 * 5.5;
    const head = 4096 * 256 * 2;
    expect(bytesPerToken(spec, plan, 10)).toBe(memory.ternary + head + memory.norms + kv);
    const before = 100 * 6 * 2 * 2 * 64 * 2;
    expect(bytesPerToken(spec, plan, 10, 100)).toBe(bytesPerToken(spec, plan, 10) + before);
    // Four square and four grouped attention matrices' rows, three of the network.
    expect(ternaryMacsPerToken(spec)).toBe(6 * (2 * 256 * 256 + 2 * 128 * 256 + 3 * 256 * 768));
  });

  test('leaves out an embedding that is not the head', async () => {
    await tinyModel({ arch: 'llama', tied: false }).write(file('untied.gguf'));
    const model = await loadModel(file('untied.gguf'));
    const { memory, plan, spec } = model;
    model.close();
    const output = spec.tensors.find(({ role }) => role === 'output')!;
    const kv = spec.nLayer * 2 * spec.nKvHead * Math.ceil(spec.headDim / 16) * 16 * 2;
    expect(bytesPerToken(spec, plan, 1)).toBe(
      memory.ternary + memory.dense + memory.norms + output.bytes + kv,
    );
  });
});

describe('the shape of a model', () => {
  const spec = (numbers: object) =>
    ({ headDim: 128, tensors: [], ...numbers }) as unknown as ModelSpec;

  test('has the public name when every number agrees', () => {
    expect(shapeOf(spec(shapes['2b4t']))).toMatchObject({ name: '2b4t', nLayer: 30, headDim: 128 });
    expect(shapeOf(spec({ ...shapes['2b4t'], nLayer: 2 })).name).toBeNull();
  });

  test('its format is what most of the linear layers are stored in', () => {
    const tensor = (type: string, bytes: number, rows = 8, layer = 0) => ({
      type,
      bytes,
      rows,
      layer,
    });
    const tensors = [
      tensor('F16', 1000, 8, -1),
      tensor('F32', 900, 1),
      tensor('I2_S', 30),
      tensor('Q8_0', 50),
      tensor('I2_S', 40),
    ];
    expect(weightFormat(spec({ tensors }))).toBe('i2_s');
  });
});

describe('benchPlan', () => {
  const engine = { autotune: true, screenHead: true, skipZeros: true, metadataOverrides: {} };

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
    const off = { autotune: false, screenHead: false, skipZeros: false };
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

  test.each<[string, object]>([
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
