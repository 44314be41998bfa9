import { describe, expect, test } from 'vitest';
import { batchRows } from '../../../bench/paper/batches.js';
import { crossovers } from '../../../bench/paper/crossovers.js';
import { doubts } from '../../../bench/paper/limits.js';
import { publishedMemory } from '../../../bench/paper/published.js';
import { sizeRows } from '../../../bench/paper/sizes.js';
import { formatOf, resultOf, sizeOf } from './results.js';

const extrapolated = { extrapolated: { layers: [2, 8], of: 40 } } as const;

/** FP16 of 8 GB with 200 ms a token, Q4_0 of 2.5 GB with 80, ternary of 1 GB with 40. */
const small = sizeOf('3b', [
  formatOf('f16', 8e9, 200),
  formatOf('q4_0', 2.5e9, 80),
  formatOf('i2_s', 1e9, 40),
]);

describe('the table of sizes', () => {
  test('has costs, their origin, and what FP16 costs times them', () => {
    const [row] = sizeRows([small]);
    expect(row).toMatchObject({ size: '3b', layers: 26, gbPerSecond: 36 });
    const [fp16, fourBit, ternary] = row!.formats;
    expect(fp16!.ratios).toEqual({ memory: 1, decode: 1, prefill: 1, energy: 1 });
    expect(fourBit!.ratios).toMatchObject({ memory: 3.2, decode: 2.5, prefill: 2.5 });
    expect(ternary!.ratios).toMatchObject({ memory: 8, decode: 5, prefill: 5 });
    expect(ternary!.memory).toEqual({
      value: 1e9,
      basis: 'measured',
      layers: null,
      error: 0,
      samples: 0,
    });
    expect(ternary!.decode).toMatchObject({ value: 40, basis: 'measured', layers: null });
    // sd 1.414 % of two samples
    expect(ternary!.decode.error).toBeCloseTo(0.01, 9);
    expect(ternary!.decode.samples).toBe(2);
    expect(ternary!.energy).toEqual({
      ...{ value: 1e-3, basis: 'modeled', layers: null, error: 0, samples: 0 },
    });
    expect(ternary!.prefillEnergy).toBeNull();
    expect(ternary!.fractionOfReadBandwidth).toBeCloseTo(30 / 36, 9);
  });

  test('says which layers were run', () => {
    const [row] = sizeRows([sizeOf('13b', [formatOf('i2_s', 3e9, 70, extrapolated)])]);
    expect(row!.formats[0]!.decode).toMatchObject({ basis: 'extrapolated', layers: [2, 8] });
    expect(row!.formats[0]!.ratios).toBeNull();
  });

  test('has published ratios beside the same ones here, for the 3.9B against the FP16 3B', () => {
    const more = sizeOf('3.9b', [formatOf('f16', 9e9, 240), formatOf('i2_s', 1.25e9, 50)]);
    const [three, four] = sizeRows([small, more]);
    expect(three!.published.memory).toMatchObject({ ratio: 3.55, against: '3b', here: 8 });
    expect(three!.published.decode).toMatchObject({ ratio: 2.71, hardware: 'gpu', here: 5 });
    expect(four!.published.memory).toMatchObject({ ratio: 3.32, against: '3b', here: 6.4 });
    expect(four!.published.decode).toMatchObject({ ratio: 2.4, here: 4 });
    const [alone] = sizeRows([more]);
    expect(alone!.published.memory).toMatchObject({ against: '3b', here: null });
    // 7.89 GB against 2.22, and against the 2.38 of the 3.9B
    expect(publishedMemory['3b']!.ratio).toBeCloseTo(7.89 / 2.22, 2);
    expect(publishedMemory['3.9b']!.ratio).toBeCloseTo(7.89 / 2.38, 2);
  });

  test('has measured energy only where all of it was measured', () => {
    const joules = (value: number) => ({
      ...{ joulesPerToken: value, joulesPerTokenSamples: [0.99 * value, 1.01 * value, value] },
    });
    const some = sizeOf('3b', [formatOf('f16', 8e9, 200, joules(4)), formatOf('i2_s', 1e9, 40)]);
    expect(sizeRows([some])[0]!.formats.map(({ energy }) => energy.basis)).toEqual([
      ...['modeled', 'modeled'],
    ]);
    const all = sizeOf('7b', [
      formatOf('f16', 8e9, 200, joules(10)),
      formatOf('i2_s', 1e9, 40, { ...joules(2), ...extrapolated }),
    ]);
    const [row] = sizeRows([all]);
    expect(row!.formats[1]!.energy).toMatchObject({ value: 2, basis: 'extrapolated' });
    expect(row!.formats[1]!.ratios!.energy).toBe(5);
    expect(row!.formats[1]!.prefillEnergy).toMatchObject({ value: 2 });
    // Of its own windows, with a standard deviation of 1 %, not of the time's samples.
    expect(row!.formats[1]!.energy.error).toBeCloseTo(0.01 / Math.sqrt(3), 9);
    expect(row!.formats[1]!.energy.samples).toBe(3);
    expect(row!.published.energy).toMatchObject({ hardware: 'cpu', here: 5 });
    expect(row!.published.energy!.ratio).toBeCloseTo(5.605, 3);
  });
});

describe('crossovers', () => {
  test('hold, fail or drown in noise, cost by cost', () => {
    const large = sizeOf('13b', [
      {
        ...formatOf('i2_s', 3e9, 200.5, extrapolated),
        prefill: resultOf(100, { test: 'pp64', ...extrapolated }),
      },
    ]);
    const [pair] = crossovers(sizeRows([small, large]));
    expect(pair).toMatchObject({ ternary: '13b', fp16: '3b' });
    const told = pair!.rows.map(({ cost, ratio, verdict }) => [cost, ratio, verdict]);
    expect(told).toEqual([
      ['memory', 0.375, 'holds'],
      ['decode', 1.0025, 'within noise'],
      ['prefill', 2, 'fails'],
      ['energy', 0.375, 'holds'],
    ]);
    expect(pair!.rows[1]!.ternary).toMatchObject({ basis: 'extrapolated', layers: [2, 8] });
    expect(pair!.rows[1]!.fp16).toMatchObject({ basis: 'measured' });
  });

  test('say nothing of an energy that was measured once', () => {
    const once = (value: number) => ({ joulesPerToken: value, joulesPerTokenSamples: [value] });
    const [pair] = crossovers(
      sizeRows([
        sizeOf('3b', [formatOf('f16', 8e9, 200, once(10))]),
        sizeOf('13b', [formatOf('i2_s', 3e9, 100, once(2))]),
      ]),
    );
    expect(pair!.rows.map(({ cost, verdict }) => [cost, verdict])).toEqual([
      ['memory', 'holds'],
      ['decode', 'holds'],
      ['prefill', 'holds'],
      ['energy', 'unknown'],
      ['prefillEnergy', 'unknown'],
    ]);
    expect(pair!.rows[3]).toMatchObject({ ratio: 0.2, ternary: { error: null, samples: 1 } });
  });

  test('are those of which both sizes are there', () => {
    expect(crossovers(sizeRows([small]))).toEqual([]);
  });
});

describe('batches', () => {
  // Keys and values: 512 positions × 32 layers × 2 × 8 heads × 128 numbers × 2 bytes
  const perSequence = 67_108_864;

  test('are what fits beside the model, with the best throughput of those', () => {
    const process = 150 * 2 ** 20;
    const [row] = batchRows([small], 8e9 + process + 4.5 * perSequence);
    expect(row!.fp16).toMatchObject({ largest: 4, bytesPerSequence: perSequence });
    expect(row!.fp16!.fixedBytes).toBe(8e9 + process);
    // 200 ms for one and 400 for eight: 285.7 for four
    expect(row!.fp16).toMatchObject({ bestSequences: 4 });
    expect(row!.fp16!.throughput!.value).toBeCloseTo(4000 / (200 + (3 * 200) / 7), 9);
    // 7 GB more are 104.3 sequences, after the 4.5
    expect(row!.ternary).toMatchObject({ largest: 108, bestSequences: 32 });
    expect(row!.ternary!.throughput!.value).toBeCloseTo(32_000 / 160, 9);
    expect(row!.batchRatio).toBe(27);
    expect(row!.throughputRatio).toBeCloseTo(200 / (4000 / (200 + 600 / 7)), 9);
    expect(row!.published).toBeNull();
  });

  test('do not exist where the model does not fit', () => {
    const [row] = batchRows([{ ...small, size: '70b' }], 2e9);
    expect(row!.fp16).toMatchObject({ largest: 0, bestSequences: null, throughput: null });
    expect(row!.ternary!.largest).toBe(12);
    expect(row).toMatchObject({ batchRatio: null, throughputRatio: null });
    expect(row!.published).toMatchObject({ batch: { ratio: 11 }, throughput: { ratio: 8.9 } });
    // 176 against 16 sequences, 2977 against 333 tokens/s
    expect(row!.published!.batch.ratio).toBe(176 / 16);
    expect(row!.published!.throughput.ratio).toBeCloseTo(2977 / 333, 1);
  });
});

describe('doubts', () => {
  const none = { test: 'tg16', gbPerSecond: 36 };

  test('are not where results stay within the best limits of the run', () => {
    expect(doubts([small, sizeOf('7b', [formatOf('f16', 8e9, 200, none)], 33)], [])).toEqual([]);
  });

  test('are raised by what exceeds a limit of the machine by more than 5 %', () => {
    const fast = formatOf('i2_s', 1e9, 40, { gbPerSecond: 37.7, gmacPerSecond: 526 });
    const all = doubts([sizeOf('3b', [fast])], []);
    expect(all).toHaveLength(4);
    expect(all[0]).toMatch(/^3b i2_s: pp64 is at 105 % of the multiply-add peak, which cannot be/);
    const read = doubts([sizeOf('3b', [formatOf('f16', 8e9, 9, { gbPerSecond: 37.9 })])], []);
    expect(read[0]).toMatch(/^3b f16: pp64 is at 105 % of the read bandwidth/);
    expect(doubts([sizeOf('3b', [formatOf('f16', 8e9, 9, { gbPerSecond: 37.7 })])], [])).toEqual(
      [],
    );
  });

  test('are raised by memory that the process did not have, by noise and by drift', () => {
    const some = formatOf('i2_s', 1e9, 40, { peakRssBytes: 0.9e9, noisy: true });
    const pair = { ternary: '13b', fp16: '3b', source: '', rows: [] } as const;
    const all = doubts([small, sizeOf('13b', [some], 30)], [pair]);
    expect(all).toEqual([
      '13b i2_s: 1.00 GB are held, but the process had 0.90 GB at most.',
      expect.stringContaining('Samples of 13b vary'),
      expect.stringContaining('at 30.0 GB/s while 13b was measured and at 36.0 while 3b was'),
    ]);
  });
});
