import { describe, expect, test } from 'vitest';
import { atLayers, extrapolateResult, layerCost } from '../../../bench/report/extrapolate.js';
import type { BenchResult } from '../../../bench/report/report.js';
import { spread } from '../../../bench/report/spread.js';
import { shapes, weightsPerLayer } from '../../../bench/synth/shapes.js';
import { fitShape, layersThatFit, processBytes } from '../../../bench/trial/fit.js';
import { groupsThatFit } from '../../../bench/trial/groups.js';
import {
  fittingSettings,
  layersToMeasure,
  settingMemory,
  withExtrapolations,
} from '../../../bench/trial/models.js';
import type { Setting } from '../../../bench/trial/setting.js';
import { kvBytesPerPosition } from '../../../lib/model/load/memory.js';

/** A result of `layers` layers that cost 2 ms each beside a head of 1 ms, in two samples of which the second was 10 % slower. */
function result(layers: number, numbers: Partial<BenchResult> = {}): BenchResult {
  const milliseconds = 2 * layers + 1;
  const bytesPerToken = 1000 * layers + 500;
  const samples = [1000 / milliseconds, 1000 / (1.1 * milliseconds)];
  return {
    model: `synthetic (${layers})`,
    extrapolated: null,
    shape: { nLayer: layers },
    samples,
    loadMilliseconds: 10 * layers + 40,
    bytesPerToken,
    tokensPerSecond: { median: (samples[0]! + samples[1]!) / 2, mean: 0, sd: 0 },
    gbPerSecond: 20,
    // 3e9 multiply-adds a layer
    gmacPerSecond: 3 * layers * ((samples[0]! + samples[1]!) / 2),
    fractionOfMultiplyPeak: 0.1,
    timeToFirstTokenMilliseconds: 5 * layers,
    noisy: false,
    joulesPerTokenSamples: [4 * layers + 2, 4 * layers, 8 * layers],
    ...{ joulesPerToken: 4 * layers + 2, netJoulesPerToken: layers, watts: 30 },
    modeledJoulesPerToken: { nm7: layers + 1, nm45: 2 * layers },
    assumedJoulesPerToken: null,
    fractionOfReadBandwidth: 0.5,
    peakRssBytes: 100 * layers + 7,
    memory: {
      ternary: 100 * layers,
      dense: 0,
      head: 64,
      norms: layers,
      kv: 2 * layers,
      node: 61,
      scratch: 9,
      anonymousRss: 500,
    },
    test: 'tg8',
    threads: 2,
    ...numbers,
  } as unknown as BenchResult;
}

describe('the cost of a layer', () => {
  test('is the slope of the line, and what does not depend on layers the rest', () => {
    const cost = layerCost({ layers: 3, value: 7 }, { layers: 5, value: 11 });
    expect(cost).toEqual({ perLayer: 2, rest: 1 });
    expect(atLayers(cost, 80)).toBe(161);
    expect(atLayers(cost, 3)).toBe(7);
  });

  test.each([
    ['falls', 7, 6],
    ['begins below zero', 2, 11],
  ])('is that of the larger model alone where noise makes a line that %s', (_, few, more) => {
    const cost = layerCost({ layers: 3, value: few }, { layers: 5, value: more });
    expect(cost).toEqual({ perLayer: more / 5, rest: 0 });
  });
});

describe('an extrapolated result', () => {
  test('extends times, bytes and memory on straight lines, sample by sample', () => {
    const full = extrapolateResult(result(2), result(4), 80, 'all of it');
    expect(full).toMatchObject({
      ...{ model: 'all of it', shape: { nLayer: 80 }, test: 'tg8', threads: 2 },
      extrapolated: { layers: [2, 4], of: 80 },
      ...{ bytesPerToken: 80_500, loadMilliseconds: 840, timeToFirstTokenMilliseconds: 400 },
      // The samples of each differ by 10 %.
      noisy: true,
      // 76 layers of 103 bytes more than were there.
      peakRssBytes: 407 + 76 * 103,
      memory: {
        ...{ ternary: 8000, dense: 0, head: 64, norms: 80, kv: 160, node: 61, scratch: 9 },
        anonymousRss: 500 + 76 * 103,
      },
    });
    expect(full.samples[0]).toBeCloseTo(1000 / 161, 9);
    expect(full.samples[1]).toBeCloseTo(1000 / (1.1 * 161), 9);
    const { median } = full.tokensPerSecond;
    expect(median).toBeCloseTo((1000 / 161 + 1000 / 177.1) / 2, 9);
    expect(full.millisecondsPerToken).toBeCloseTo(1000 / median, 9);
    expect(full.gbPerSecond).toBeCloseTo((80_500 * median) / 1e9, 15);
    // 20 GB/s were half of the bandwidth, so it is 40.
    expect(full.fractionOfReadBandwidth).toBeCloseTo(full.gbPerSecond! / 40, 12);
    expect(full).toMatchObject({
      ...{ joulesPerToken: 322, netJoulesPerToken: 80, assumedJoulesPerToken: null },
      joulesPerTokenSamples: [322, 320, 640],
      modeledJoulesPerToken: { nm7: 81, nm45: 160 },
    });
    expect(full.joulesPerTokenSd).toBeCloseTo(spread([322, 320, 640]).sd, 9);
    expect(full.watts).toBeCloseTo(322 * median, 9);
    expect(full.gmacPerSecond).toBeCloseTo(3 * 80 * median, 9);
    const { gmacPerSecond } = result(4);
    expect(full.fractionOfMultiplyPeak).toBeCloseTo(
      (0.1 * full.gmacPerSecond!) / gmacPerSecond!,
      12,
    );
  });

  test('has no traffic where prompts have none', () => {
    const none = {
      ...{ bytesPerToken: null, gbPerSecond: null, fractionOfReadBandwidth: null },
      ...{ gmacPerSecond: null, fractionOfMultiplyPeak: null, timeToFirstTokenMilliseconds: null },
      ...{ peakRssBytes: null, joulesPerToken: null, netJoulesPerToken: null, watts: null },
      joulesPerTokenSamples: [],
    };
    expect(extrapolateResult(result(1, none), result(2, none), 11, '')).toMatchObject(none);
    const once = (joules: number) => ({ joulesPerTokenSamples: [joules] });
    expect(extrapolateResult(result(1, once(3)), result(2, once(5)), 11, '')).toMatchObject({
      ...{ joulesPerToken: 23, joulesPerTokenSd: null },
    });
  });

  test('has no energy where the counter failed for one of the two', () => {
    const failed = { joulesPerToken: null, netJoulesPerToken: null, joulesPerTokenSamples: [] };
    const none = { ...failed, joulesPerTokenSd: null, watts: null };
    expect(extrapolateResult(result(2, failed), result(4), 80, '')).toMatchObject(none);
    expect(extrapolateResult(result(2), result(4, failed), 80, '')).toMatchObject(none);
  });

  test('takes the watts that are assumed for all of it', () => {
    const [few, more] = [result(2), result(4)];
    const assumed = 25 / more.tokensPerSecond.median;
    const full = extrapolateResult(few, { ...more, assumedJoulesPerToken: assumed }, 80, '');
    expect(full.assumedJoulesPerToken).toBeCloseTo(25 / full.tokensPerSecond.median, 9);
  });

  test('stands behind the two that it comes from', () => {
    const setting = (layers: number | undefined, more: object = {}) =>
      ({ model: layers ? { shape: '7b', format: 'f16', layers } : 'a.gguf', ...more }) as Setting;
    const settings = [
      setting(undefined),
      setting(2),
      setting(4, { extrapolateTo: 32 }),
      setting(32),
    ];
    const results = [9, 9, 2, 2, 4, 4, 32, 32].map((layers) => result(layers));
    const all = withExtrapolations(results, settings);
    expect(all.map(({ shape }) => shape.nLayer)).toEqual([9, 9, 2, 2, 4, 4, 32, 32, 32, 32]);
    const marked = all.filter(({ extrapolated }) => extrapolated !== null);
    expect(marked).toEqual([all[6], all[7]]);
    expect(marked[0]!.model).toBe('synthetic 7b f16 (extrapolated)');
  });
});

describe('the layers that fit', () => {
  test.each([
    [100, 0],
    [149, 0],
    [150, 1],
    [1e4, 198],
    [0, 0],
  ])('into %d bytes are %d', (budget, layers) => {
    expect(layersThatFit({ perLayer: 50, rest: 100 }, budget)).toBe(layers);
  });

  test('are told from the bytes of the weights, head, embedding, norms and keys', async () => {
    const { layers, of, memory } = await fitShape('7b', 'f16', 8e9, { positions: 100 });
    const { dim, ffnDim, nHead, vocabSize } = shapes['7b'];
    const kv =
      100 * kvBytesPerPosition({ nLayer: 1, nKvHead: nHead, headDim: dim / nHead } as never);
    const perLayer = 2 * weightsPerLayer(shapes['7b']) + 4 * (3 * dim + ffnDim) + kv;
    // The copy of the head is int8 in tiles of 64 rows, with three numbers a row.
    const head = Math.ceil(vocabSize / 64) * 64 * (dim + 12);
    expect(memory).toEqual({ perLayer, rest: head + 2 * vocabSize * dim + 4 * dim + processBytes });
    expect({ layers, of }).toEqual({ layers: Math.floor((8e9 - memory.rest) / perLayer), of: 32 });
    expect((await fitShape('7b', 'i2_s', 8e9)).layers).toBe(32);
    expect((await fitShape('7b', 'f16', 1)).layers).toBe(0);
  });

  test.each([
    [32, 32, [undefined, 32]],
    [40, 32, [undefined, 40]],
    [31, 32, [15, 31]],
    [2, 32, [1, 2]],
    [1, 32, [undefined, 1]],
  ])('%d of %d are measured as %j', (layers, of, expected) => {
    expect(layersToMeasure(layers, of)).toEqual(expected);
  });
});

describe('the settings that fit', () => {
  const setting = (model: Setting['model']): Setting => ({
    model,
    threads: 1,
    kernel: '',
    autotune: true,
    headPrefilter: true,
    skipInactive: true,
  });
  const within = (budget: number, available: number) => ({ budget, available, positions: 1 });
  const layersOf = (settings: readonly Setting[]) =>
    settings.map(({ model, extrapolateTo }) => [
      ...[typeof model === 'object' ? model.layers : model, extrapolateTo],
    ]);

  test('are files as they are, whole shapes, and half and all of the layers there is room for', async () => {
    const shape = { shape: '700m', format: 'f16' } as const;
    const settings = [setting('a.gguf'), setting(shape)];
    expect(layersOf(await fittingSettings(settings, within(1e12, 1e12)))).toEqual([
      ['a.gguf', undefined],
      [24, undefined],
    ]);
    const { memory } = await fitShape('700m', 'f16', 0, { positions: 1 });
    const room = memory.rest + 9.5 * memory.perLayer;
    expect(layersOf(await fittingSettings(settings, within(room, 1e12)))).toEqual([
      ['a.gguf', undefined],
      [4, undefined],
      [9, 24],
    ]);
    const asked = [setting({ ...shape, layers: 6 })];
    expect(layersOf(await fittingSettings(asked, within(room, 1e12)))).toEqual([
      [3, undefined],
      [6, 24],
    ]);
  });

  test.each([
    [4, [1, 3]],
    [6, [2, 4]],
    [7, [2, 5]],
    [8.9, [2, 5]],
    [9, [3, 6]],
    [30, [10, 20]],
  ])(
    'are a pair that fits together where there is room for %d layers',
    async (both, [few, more]) => {
      const { memory } = await fitShape('700m', 'f16', 0, { positions: 1 });
      const together = 2 * memory.rest + both * memory.perLayer;
      // Less than all layers in one process, by a byte.
      const budget = memory.rest + 24 * memory.perLayer - 1;
      const settings = [setting({ shape: '700m', format: 'f16' })];
      const found = await fittingSettings(settings, within(budget, together));
      expect(layersOf(found)).toEqual([
        [few, undefined],
        [more, 24],
      ]);
      expect(await groupsThatFit(found, together, 1)).toEqual([found]);
    },
  );

  test('are none where two that were asked for do not fit together', async () => {
    const model = { shape: '700m', format: 'f16', layers: 20 } as const;
    await expect(fittingSettings([setting(model)], within(9e9, 1.5e9))).rejects.toMatchObject({
      code: 'ERR_BITNET_MEMORY',
      message: expect.stringMatching(
        /for 10 and 20 layers of 700m in f16 side by side, but 1\.5 GB may be used; end other/,
      ),
    });
  });

  test('take turns in groups that fit with their keys and values, extrapolated pairs undivided', async () => {
    const model = { shape: '125m', format: 'i2_s' } as const;
    const one = setting({ ...model, layers: 2 });
    const pair = [one, { ...setting({ ...model, layers: 4 }), extrapolateTo: 11 }];
    const bytes = await settingMemory(one, 0);
    expect(await groupsThatFit([one, one, one], 2 * bytes, 0)).toEqual([[one, one], [one]]);
    // Two layers of 12 heads with 64 numbers, keys and values in two bytes each.
    const perPosition = 2 * 2 * 12 * 64 * 2;
    expect(await settingMemory(one, 1000)).toBe(bytes + 1000 * perPosition);
    expect(await groupsThatFit([one, one], 2 * bytes, 1)).toEqual([[one], [one]]);
    expect(await groupsThatFit([one, ...pair], 2 * bytes, 0)).toEqual([[one], pair]);
    expect(await groupsThatFit([], 1, 0)).toEqual([]);
  });

  test('count the keys and values of files too', async () => {
    const file = setting(undefined);
    const bytes = await settingMemory(file, 0);
    // Six layers with two heads of 64.
    expect(await settingMemory(file, 4096)).toBe(bytes + 4096 * 6 * 2 * 2 * 64 * 2);
    expect(await groupsThatFit([file, file], 2 * bytes, 4096)).toHaveLength(2);
  });

  test.each([
    [undefined, /for 2 layers of 700m in f16, but 0\.3 GB may be used; allow more \(--memory\)/],
    [1, /for 1 layer of 700m/],
    [24, /for all layers of 700m/],
  ])('are none where there is no room for %s layers', async (layers, message) => {
    const model = { shape: '700m', format: 'f16', layers } as const;
    await expect(fittingSettings([setting(model)], within(0.3e9, 1e12))).rejects.toMatchObject({
      ...{ code: 'ERR_BITNET_MEMORY', message: expect.stringMatching(message) },
    });
  });
});
