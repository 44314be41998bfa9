import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import Ajv from 'ajv';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { benchPage } from '../../bench/html/page.js';
import { batchRows } from '../../bench/paper/batches.js';
import { crossovers } from '../../bench/paper/crossovers.js';
import type { PaperReport } from '../../bench/paper/report.js';
import { paperSections } from '../../bench/paper/sections.js';
import { sizeRows } from '../../bench/paper/sizes.js';
import { paperRecords } from '../../bin/commands/bench-paper-records.mjs';
import { paperLines, paperMarkdownLines } from '../../bin/commands/bench-paper-view.mjs';
import { csvOf } from '../../bin/commands/bench-records.mjs';
import { formatOf, sizeOf } from '../bench/paper/results.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { bitnet } from './bitnet.js';

const file = tempFolder();

vi.setConfig({ hookTimeout: 900_000 });

const read = (name: string) =>
  JSON.parse(readFileSync(resolve(__dirname, '../../docs', name), 'utf8'));

const ajv = new Ajv({ formats: { 'date-time': true }, allowUnionTypes: true });
ajv.addSchema(read('bench-report.schema.json'), 'bench-report.schema.json');
const validate = ajv.compile(read('bench-paper.schema.json'));

describe('bitnet bench --paper', () => {
  let report: PaperReport;
  let stderr: string;

  beforeAll(async () => {
    const args = ['--paper', '--shape', '125m', '--memory', '2GB', '-t', '1', '-o', 'json'];
    const run = await bitnet(['bench', ...args]);
    stderr = run.stderr;
    report = JSON.parse(run.stdout);
  });

  test('prints a report by its schema, and progress on the other stream', () => {
    expect(validate(report), JSON.stringify(validate.errors)).toBe(true);
    expect(stderr).toMatch(/^measuring 125m \(0 %, about .* left\)\n/);
    expect(report).toMatchObject({ budgetBytes: 2e9, crossovers: [] });
    expect(report.command).toBe('bitnet bench --paper --shape 125m --memory 2GB -t 1 -o json');
    expect(report.timeBox.limitSeconds).toBe(600);
    expect(report.timeBox.usedSeconds).toBeGreaterThan(0);
  });

  test('has tables that agree with the measurements behind them', () => {
    const [size] = report.sizes;
    expect(size!.formats.map(({ format }) => format)).toEqual(['f16', 'q4_0', 'i2_s']);
    for (const { format, memory, decode, prefill, ratios } of size!.formats) {
      const of = (test: string) =>
        report.results.find((result) => result.format === format && result.test === test)!;
      expect(decode.value).toBe(of('tg16').millisecondsPerToken);
      expect(prefill.value).toBe(of('pp64').millisecondsPerToken);
      expect(decode).toMatchObject({ basis: 'measured', layers: null });
      expect(ratios!.decode).toBeCloseTo(size!.formats[0]!.decode.value / decode.value, 9);
      // The FP16 embedding is beside what the engine holds.
      const { ternary, dense, head, norms } = of('tg16').memory;
      expect(memory.value).toBe(ternary + dense + head + norms + 2 * 32_002 * 768);
      const weights = 11 * 9_437_184;
      const least = weights * { f16: 2, q4_0: 18 / 32, i2_s: 1 / 5 }[format];
      expect(memory.value).toBeGreaterThan(least + 3 * 32_002 * 768);
    }
    const [batch] = report.batches;
    const rate = report.results.find(
      ({ format, sequences }) => format === 'i2_s' && sequences === batch!.ternary!.bestSequences,
    )!;
    expect(batch!.ternary!.throughput!.value).toBe(rate.tokensPerSecond.median);
  });

  test.each([
    [['model.gguf'], 'Expected --paper without a model'],
    [['-n', '16'], 'Expected --paper without --n-gen'],
    [['--compare', 'a'], 'Expected --paper without --compare'],
    [['-t', '1,2'], 'Expected one number of threads'],
    [['--minutes', '0'], 'Expected a number from 0.01 to 1440'],
  ])('refuses %j', async (args, words) => {
    const { code, stdout, stderr } = await bitnet(['bench', '--paper', ...args]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(words);
  });

  test('fails, and is not used wrongly, where the time is too short', async () => {
    const { code, stdout, stderr } = await bitnet(['bench', '--paper', '--minutes', '0.01']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('error: Expected time for at least one size, but: ');
    expect(stderr).not.toContain('usage:');
  });

  test('alone knows minutes', async () => {
    const { code, stderr } = await bitnet(['bench', '--minutes', '2']);
    expect(code).toBe(2);
    expect(stderr).toContain('Expected --paper with --minutes.');
  });
});

describe('the tables of the papers', () => {
  const extrapolated = { extrapolated: { layers: [2, 8], of: 40 } } as const;
  const all = [
    sizeOf('3b', [
      formatOf('f16', 8e9, 200),
      formatOf('q4_0', 2.5e9, 80),
      formatOf('i2_s', 1e9, 40),
    ]),
    sizeOf('13b', [
      formatOf('f16', 26e9, 800, extrapolated),
      formatOf('i2_s', 3e9, 300, extrapolated),
    ]),
  ];
  const sizes = sizeRows(all);
  const report: PaperReport = {
    date: '2026-01-01T00:00:00.000Z',
    machine: {
      ...{ cpu: 'A CPU', cores: 8, usableCores: 2, memoryBytes: 2 ** 34, platform: 'linux' },
      ...{ osRelease: '6', arch: 'x64', isa: [], multiplyInstruction: 'VPDPBUSD zmm' },
      readBandwidth: [{ threads: 2, gbPerSecond: 36 }],
      multiplyPeak: [{ threads: 2, gmacPerSecond: 472 }],
    },
    build: { version: '1.2.3', compiler: 'GCC 12.2.0', node: '20.0.0' },
    command: 'bitnet bench --paper',
    results: [all[0]!.formats[0]!.decode],
    budgetBytes: 16e9,
    timeBox: { limitSeconds: 600, usedSeconds: 300, cut: ['70b: would take about 99 s.'] },
    sizes,
    crossovers: crossovers(sizes),
    batches: batchRows(all, 16e9),
    claims: [{ claim: 'so it is', source: 'press', verdict: 'impossible', why: 'it is not' }],
    warnings: ['too good.'],
  };

  test('say where every number comes from, and which crossover fails', () => {
    const lines = paperLines(report);
    const text = lines.join('\n');
    expect(lines.slice(0, 2)).toEqual([
      'A CPU, 2 of 8 cores, 16.00 GiB',
      'reads 36.0 GB/s on 2 threads',
    ]);
    expect(text).toMatch(
      /\n3b +FP16 +8\.00 +1\.00× +200 +1\.00× +83 % +50\.0 +1\.00× +measured\n +Q4_0 +2\.50 +3\.20× +80\.0 +2\.50× .*\n +ternary +1\.00 +8\.00× +3\.55× +40\.0 +5\.00× +2\.71× /,
    );
    expect(text).toMatch(/\n13b +FP16 .* 2 and 8 of 40 layers\n/);
    expect(text).toMatch(
      /\n13b +3b +memory, GB +3\.00 +2 and 8 of 40 layers +8\.00 +measured +0\.38 +holds\n/,
    );
    expect(text).toMatch(
      /\n +decode, ms\/token +300 +2 and 8 of 40 layers +200 +measured +1\.50 +FAILS\n/,
    );
    expect(text).toMatch(/\n13b +none +\d+ +– +– +– +[\d.]+ x32 +– +– +2 and 8 of 40 layers\n/);
    expect(lines.slice(-4)).toEqual([
      '"so it is" (press): impossible: it is not',
      'doubtful: too good.',
      'left out: 70b: would take about 99 s.',
      'took 5.0 of 10.0 minutes',
    ]);
  });

  test('are Markdown as well, every row with the cells of its heading', () => {
    const lines = paperMarkdownLines(report);
    expect(lines).toContain('- `bitnet bench --paper`');
    for (const { header, rows } of paperSections(report)) {
      expect(new Set(rows.map((row) => row.length))).toEqual(new Set([header.length]));
      expect(lines).toContain(`| ${header.join(' | ')} |`);
    }
  });

  test('are on the page too, with claims, doubts and omissions', () => {
    const page = benchPage({ ...report, results: [] });
    for (const { title, header } of paperSections(report)) {
      expect(page).toContain(`<h3>${title}</h3>`);
      for (const name of header.filter(Boolean)) expect(page).toContain(`>${name}</th>`);
    }
    expect(page).toContain('<title>bitnet bench: the papers’ tables, A CPU, 2026-01-01</title>');
    expect(page).toContain('<li>doubtful: too good.</li>');
    expect(page).toContain('<li>left out: 70b: would take about 99 s.</li>');
  });

  test('are shown again of a saved report, in every form', async () => {
    const saved = { ...report, results: [] };
    await writeFile(file('paper.json'), JSON.stringify(saved));
    const from = (...form: string[]) => bitnet(['bench', '--from', file('paper.json'), ...form]);
    expect((await from()).stdout).toBe(`${paperLines(saved).join('\n')}\n`);
    expect((await from('-o', 'md')).stdout).toBe(`${paperMarkdownLines(saved).join('\n')}\n`);
    const { stderr } = await from('--html', file('paper.html'));
    expect(stderr).toContain('paper.html');
    expect(readFileSync(file('paper.html'), 'utf8')).toBe(benchPage(saved));
    const [first, ...others] = report.sizes;
    const damaged = { ...saved, sizes: [{ ...first!, size: 'toString' }, ...others] };
    await writeFile(file('paper.json'), JSON.stringify(damaged));
    const refused = await from();
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('"sizes[0].size" in it is missing or of another kind');
  });

  test('are records too, each with the table it is from', () => {
    const records = paperRecords(report);
    // Five formats with four costs; a crossover with four rows of two; two sizes: batches, and throughput where it fits.
    expect(records).toHaveLength(5 * 4 + 4 * 2 + 4 + 3);
    expect(records.find(({ table, format }) => table === 'sizes' && format === 'i2_s')).toEqual({
      ...{ table: 'sizes', size: '3b', format: 'i2_s', quantity: 'memory', unit: 'bytes' },
      ...{
        value: 1e9,
        basis: 'measured',
        layers: '',
        error: 0,
        samples: 0,
        ratio: 8,
        verdict: null,
      },
      ...{ publishedRatio: 3.55, publishedHardware: 'gpu', publishedConfidence: 'cited' },
      publishedSource: 'Ma et al. 2024, arXiv:2402.17764, table 1',
    });
    const failing = records.filter(({ verdict }) => verdict === 'fails');
    expect(failing.map(({ quantity, ratio }) => [quantity, ratio])).toEqual([
      ['decode', 1.5],
      ['prefill', 1.5],
    ]);
    const [names, ...lines] = csvOf(records);
    expect(lines).toHaveLength(records.length);
    expect(names).toMatch(/^table,.*,publishedSource$/);
  });
});
