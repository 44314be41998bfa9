import { describe, expect, test } from 'vitest';
import { compareReports } from '../../../bench/report/compare.js';
import type { BenchReport, BenchResult } from '../../../bench/report/report.js';
import { spread } from '../../../bench/report/spread.js';
import { comparisonLines } from '../../../bin/commands/bench-comparison-view.mjs';
import { reportOf, resultOf } from '../html/report.js';

interface Row extends Partial<Pick<BenchResult, 'batch' | 'headPrefilter' | 'skipInactive'>> {
  readonly test: string;
  readonly kernel?: string;
  readonly samples: readonly number[];
}

function report(rows: readonly Row[], gbPerSecond = 40, cpu = 'A CPU'): BenchReport {
  const results = rows.map(({ kernel = 'base3-avx512vnni', samples, ...row }) =>
    resultOf({
      ...{ model: '/some/where/a.gguf', samples, ...row },
      kernel: { ternary: kernel, dense: 'avx512', vector: 'avx512' },
      tokensPerSecond: spread(samples),
    }),
  );
  const { machine, ...rest } = reportOf(results);
  return { ...rest, machine: { ...machine, cpu, readBandwidth: [{ threads: 2, gbPerSecond }] } };
}

describe('comparing two reports', () => {
  test('gives each change its error, and says what is within noise', () => {
    const older = report([
      { test: 'pp512', samples: [100, 102, 98, 100] },
      { test: 'tg128', samples: [50, 60, 40, 50] },
    ]);
    const newer = report([
      { test: 'tg128', samples: [52, 61, 44, 51] },
      { test: 'pp512', samples: [150, 153, 147, 150] },
    ]);
    const { changes, onlyOld, onlyNew, machine } = compareReports(older, newer);
    expect({ onlyOld, onlyNew, machine }).toEqual({ onlyOld: [], onlyNew: [], machine: [] });
    const [prompt, decode] = changes;
    expect(prompt).toMatchObject({ model: 'a.gguf', test: 'pp512', ratio: 1.5 });
    // Both have a standard deviation of 1.633 % of the mean, and four samples.
    expect(prompt!.ratioError).toBeCloseTo(1.5 * Math.SQRT2 * (0.016_33 / 2), 5);
    expect(prompt!.withinNoise).toBe(false);
    expect(decode).toMatchObject({ test: 'tg128', withinNoise: true });
    expect(decode!.ratio).toBeCloseTo(51.5 / 50, 12);
    expect(comparisonLines({ changes, onlyOld, onlyNew, machine })).toEqual([
      'model        test   threads  old tokens/s  new tokens/s         change',
      'a.gguf i2_s  pp512        2    100 ± 1.63    150 ± 2.45  +50.0 ± 1.7 %',
      'a.gguf i2_s  tg128        2   50.0 ± 8.16   51.5 ± 6.98  +3.0 ± 10.9 %  within noise',
    ]);
  });

  test('pairs kernels of the same name where there are several, else whatever was used', () => {
    const [a, b] = ['mad2-avx2', 'base3-avx512vnni'];
    const older = report([
      { test: 'tg8', kernel: a, samples: [10, 10] },
      { test: 'tg8', kernel: b, samples: [20] },
      { test: 'tg9', kernel: a, samples: [10] },
      { test: 'tg7', samples: [1] },
    ]);
    const newer = report([
      { test: 'tg8', kernel: b, samples: [21] },
      { test: 'tg8', kernel: a, samples: [5, 5] },
      { test: 'tg9', kernel: b, samples: [30] },
      { test: 'tg6', samples: [1] },
    ]);
    const comparison = compareReports(older, newer);
    expect(comparison.changes.map(({ ratio }) => ratio)).toEqual([0.5, 1.05, 3]);
    const lines = comparisonLines(comparison);
    expect(lines[1]).toContain('−50.0 ± 0.0 %');
    expect(lines[3]).toContain('mad2-avx2 → base3-avx512vnni');
    expect(lines[2]).toMatch(/ {2}\+5\.0 % {2}one sample: noise or not is unknown$/);
    const [twice, once] = comparison.changes;
    expect(twice).toMatchObject({ ratioError: 0, withinNoise: false });
    expect(once).toMatchObject({ ratioError: null, withinNoise: null });
    expect(lines.slice(-2)).toEqual([
      'only in the old report: a.gguf i2_s tg7, 2 threads',
      'only in the new report: a.gguf i2_s tg6, 2 threads',
    ]);
  });

  test('says what else was set differently, and pairs what was set alike', () => {
    const test = 'pp512';
    const samples = [10, 10];
    const older = report([
      { test, samples, batch: 512 },
      { test, samples, batch: 64, headPrefilter: false },
    ]);
    const newer = report([
      { test, samples: [30, 30], batch: 64 },
      { test, samples: [20, 20], batch: 512 },
    ]);
    const comparison = compareReports(older, newer);
    expect(comparison.changes.map(({ ratio, differences }) => [ratio, differences])).toEqual([
      [2, []],
      [3, ['head prefilter off → on']],
    ]);
    expect(comparisonLines(comparison)[2]).toMatch(/ % {2}head prefilter off → on$/);
    const other = report([{ test, samples, batch: 8, skipInactive: false }]);
    expect(compareReports(report([{ test, samples }]), other).changes[0]!.differences).toEqual([
      ...['batch 512 → 8', 'skipping of inactive neurons on → off'],
    ]);
  });

  test('says that another machine, or the same in another mood, was measured', () => {
    const rows = [{ test: 'tg8', samples: [10] }];
    expect(compareReports(report(rows), report(rows, 41)).machine).toEqual([]);
    expect(compareReports(report(rows), report(rows, 30, 'B CPU')).machine).toEqual([
      'the CPU was A CPU and is B CPU',
      '2 threads read 40.0 GB/s and now 30.0 GB/s',
    ]);
  });

  test('shows control characters of a report, and lets none through', () => {
    const [name, esc] = ['tg8\x1b]0;title\x07\x9b', '\\u001b]0;title\\u0007\\u009b'];
    const older = report([
      { test: name, samples: [10, 11] },
      { test: `${name}2`, samples: [1] },
    ]);
    const newer = report([{ test: name, samples: [10, 11], kernel: name }], 99, 'B\nCPU');
    const lines = comparisonLines(compareReports(older, newer));
    expect(lines.join('')).not.toMatch(/\p{Cc}/u);
    expect(lines[0]).toBe('machine: the CPU was A CPU and is B\\nCPU');
    expect(lines[3]).toContain(`  tg8${esc}  `);
    expect(lines.at(-1)).toContain(`tg8${esc}2`);
    // Columns stand under each other as shown.
    expect(lines[3]!.indexOf(' %') + 2).toBe(lines[2]!.length);
  });
});
