import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import type { BenchReport, BenchResult } from '../../bench/report/report.js';
import { csvLines, jsonLines } from '../../bin/commands/bench-records.mjs';
import { benchLines, markdownLines, noisyTests } from '../../bin/commands/bench-view.mjs';
import { tempFolder } from '../fixtures/temp-folder.js';
import { bitnet, bitnetPath, finished, type Run, start, storiesPath } from './bitnet.js';

const file = tempFolder();

const quick = ['-p', '16', '-n', '4', '-r', '2', '-t', '1'];

const result = (changes: Partial<BenchResult>): BenchResult => ({
  model: '/models/big\x1b.gguf',
  extrapolated: null,
  shape: {
    name: '2b4t',
    nLayer: 30,
    dim: 2560,
    ffnDim: 6912,
    nHead: 20,
    nKvHead: 5,
    headDim: 128,
    vocabSize: 128_256,
  },
  format: 'i2_s',
  modelSha256: 'ab'.repeat(32),
  test: 'tg128',
  nPrompt: 0,
  nGenerate: 128,
  depth: 0,
  sequences: 1,
  batch: 512,
  threads: 2,
  kernel: { ternary: 'base3-avx512vnni', dense: 'avx512', vector: 'avx512' },
  ...{ tuning: [], headPrefilter: true, skipInactive: true },
  tokensPerSecond: { median: 41.26, mean: 41, sd: 0.5 },
  samples: [41.26],
  noisy: false,
  millisecondsPerToken: 24.24,
  timeToFirstTokenMilliseconds: null,
  loadMilliseconds: 1234,
  bytesPerToken: 755e6,
  gbPerSecond: 31.15,
  fractionOfReadBandwidth: 0.914,
  gmacPerSecond: null,
  fractionOfMultiplyPeak: null,
  peakRssBytes: 1.2 * 2 ** 30,
  memory: {
    ternary: 2 ** 29,
    dense: 0,
    head: 2 ** 28,
    norms: 2 ** 14,
    kv: 2 ** 20,
    node: 2 ** 24,
    scratch: 2 ** 22,
    anonymousRss: 2 ** 30,
    mappedFile: null,
  },
  joulesPerToken: null,
  joulesPerTokenSd: null,
  joulesPerTokenSamples: [],
  energySource: null,
  energyResolution: null,
  netJoulesPerToken: null,
  watts: null,
  idleWatts: null,
  energyReason: 'no counter; buy one',
  modeledJoulesPerToken: { nm7: 0.000_175_4, nm45: 0.000_555 },
  assumedWatts: null,
  assumedJoulesPerToken: null,
  assumedEnergySource: null,
  ...changes,
});
const prompt = result({
  ...{ test: 'pp512', gbPerSecond: null, fractionOfReadBandwidth: null, peakRssBytes: null },
  ...{ timeToFirstTokenMilliseconds: 836.2, gmacPerSecond: 350, fractionOfMultiplyPeak: 0.74 },
  tokensPerSecond: { median: 612.3, mean: 600, sd: 50 },
  noisy: true,
  millisecondsPerToken: 1.633,
});
const report: BenchReport = {
  date: '2026-01-01T00:00:00.000Z',
  machine: {
    cpu: 'A CPU',
    cores: 8,
    usableCores: 2,
    memoryBytes: 2 ** 34,
    platform: 'linux',
    osRelease: '6',
    arch: 'x64',
    isa: [],
    readBandwidth: [{ threads: 2, gbPerSecond: 34.08 }],
    multiplyPeak: [{ threads: 2, gmacPerSecond: 472.1 }],
    multiplyInstruction: 'VPDPBUSD zmm',
  },
  build: { version: '1.2.3', compiler: 'GCC 12.2.0', node: '20.0.0' },
  command: null,
  results: [prompt, result({})],
};

// Every run also reads gigabytes to measure the memory's bandwidth: one serves all tests that need a report.
const measuring = [
  ...['bench', ...quick, '--kernel', 'scalar', '--assume-watts', '12.5'],
  ...['--html', file('a.html'), '--force', '-o', 'json'],
];

describe('bitnet bench', () => {
  let measured: Run;

  beforeAll(async () => {
    await writeFile(file('a.html'), 'no such page');
    measured = await bitnet(measuring);
    await writeFile(file('a.json'), measured.stdout);
  });

  test('prints one JSON object with -o json', () => {
    expect(measured.code).toBe(0);
    const model = storiesPath;
    expect(JSON.parse(measured.stdout)).toMatchObject({
      command: `bitnet ${measuring.join(' ')}`,
      machine: { readBandwidth: [{ threads: 1 }] },
      results: [
        { test: 'pp16', threads: 1, model, assumedWatts: 12.5 },
        { test: 'tg4', threads: 1, model, kernel: { ternary: expect.stringMatching(/scalar$/) } },
      ],
    });
  });

  test('prints a table of the embedded model', async () => {
    const { code, stdout } = await bitnet(['bench', '--from', file('a.json')]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/\nenergy: (not measured: .+; .+|\w+:\S+, .* W when idle)\n/);
    expect(stdout).toContain('\nstories-ternary.gguf: i2_s, 6 layers, loaded in ');
    expect(stdout).toMatch(
      /\ntest +threads {2}kernel +tokens\/s .* peak RSS +.*modeled mJ\npp16 +1 .*% mul\..*\ntg4 +1 .*% read.*\n/,
    );
  });

  test('takes lists, 0 for no test, and the environment', async () => {
    const args = ['bench', '-p', '0', '-n', '2,3', '-r', '1', '--json'];
    const env = { BITNET_THREADS: '1,2', BITNET_KERNEL: 'scalar', BITNET_MODEL: storiesPath };
    const { results } = JSON.parse((await bitnet(args, { env })).stdout) as BenchReport;
    expect(results.map(({ test, threads }) => `${test} ${threads}`)).toEqual([
      ...['tg2 1', 'tg3 1', 'tg2 2', 'tg3 2'],
    ]);
  });

  test('takes pairs one by one, and a model after them', async () => {
    const pairs = ['--pg', '8,2', '--pg', '4,1', storiesPath];
    const args = ['bench', '-p', '0', '-n', '0', '-r', '1', '-t', '1', '--json', ...pairs];
    const { results } = JSON.parse((await bitnet(args)).stdout) as BenchReport;
    expect(results.map(({ model, test }) => [model, test])).toEqual([
      [storiesPath, 'pp8+tg2'],
      [storiesPath, 'pp4+tg1'],
    ]);
  });

  test('compares two reports, and measures nothing', async () => {
    const reports = ['--compare', file('a.json'), file('a.json')];
    const text = await bitnet(['bench', ...reports]);
    expect(text.stdout).toMatch(
      /\nstories-ternary.gguf i2_s +tg4 +1 .* \+0\.0 ± .* within noise\n$/,
    );
    const json = JSON.parse((await bitnet(['bench', ...reports, '--json'])).stdout);
    expect(json).toMatchObject({
      changes: [{ test: 'pp16' }, { test: 'tg4', ratio: 1, withinNoise: true }],
    });
    const one = await bitnet(['bench', '--compare', file('a.json')]);
    expect(one).toMatchObject({ code: 2, stderr: expect.stringContaining('Expected two reports') });
    const missing = await bitnet(['bench', '--compare', file('a.json'), file('b.json')]);
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('b.json') });
  });

  test('measures synthetic models, and extrapolates and marks the layers that were not there', async () => {
    const args = ['bench', '--shape', '125m', '--format', 'i2_s,q4_0', '--layers', '2', ...quick];
    const { code, stdout } = await bitnet([...args, '--json']);
    expect(code).toBe(0);
    await writeFile(file('layers.json'), stdout);
    const table = await bitnet(['bench', '--from', file('layers.json')]);
    expect(table.stdout).toMatch(
      /\nsynthetic 125m i2_s \(extrapolated\): i2_s, 11 layers, .*\nnot measured: extended on a straight line from 1 and 2 layers\n/,
    );
    const { results } = JSON.parse(stdout) as BenchReport;
    expect(results.map(({ model, test }) => `${model}: ${test}`)).toEqual(
      ['i2_s', 'q4_0'].flatMap((format) =>
        ['(1 layer)', '(2 layers)', '(extrapolated)'].flatMap((note) =>
          ['pp16', 'tg4'].map((test) => `synthetic 125m ${format} ${note}: ${test}`),
        ),
      ),
    );
    for (const { model, extrapolated, shape, format, memory, tokensPerSecond } of results) {
      const computed = model.endsWith('(extrapolated)');
      expect(extrapolated).toEqual(computed ? { layers: [1, 2], of: 11 } : null);
      // 9,437,184 weights a layer in blocks of 32 with 18 bytes.
      if (format === 'q4_0') expect(memory.dense).toBe((shape.nLayer * 9_437_184 * 18) / 32);
      else expect(memory.ternary).toBeGreaterThan((shape.nLayer * 9_437_184) / 5);
      expect(tokensPerSecond.median).toBeGreaterThan(0);
    }
  });

  test('one layer is measured and nothing extrapolated from it', async () => {
    const { stdout } = await bitnet(['bench', '--shape', '125m', '--layers', '1', ...quick]);
    expect(stdout).toContain('\nsynthetic 125m i2_s (1 layer): i2_s, 1 layer, loaded in ');
    expect(stdout).not.toContain('extrapolated');
  });

  test.each([
    [['--shape', '8b'], 2, 'Expected one of 125m, 700m, '],
    [['--shape', '125m', '--format', 'q2_k'], 2, 'Expected one of i2_s, '],
    [['--shape', '125m', '--memory', '16'], 2, 'Expected a size with its unit'],
    [['--shape', '125m', '--memory', '0GB'], 2, 'Expected a size with its unit'],
    [['--shape', '125m', '--layers', '0'], 2, 'Expected an integer from 1 to 1024'],
    [['--layers', '2'], 2, 'Expected --shape with --format, --layers or --memory.'],
    [
      ['--shape', '125m', '--memory', '1MB'],
      1,
      'of memory for 2 layers of 125m in i2_s, but 0.0 GB',
    ],
    [['--shape', '3b', '--format', 'tq1_0'], 2, 'rows of 3200 and 8640 weights'],
  ])('refuses %j', async (args, expected, words) => {
    const { code, stdout, stderr } = await bitnet(['bench', ...args]);
    expect({ code, stdout }).toEqual({ code: expected, stdout: '' });
    expect(stderr).toContain(words);
  });

  test('writes a page with --html, and again from the saved report', async () => {
    const [written, again] = [file('a.html'), file('b.HTM')];
    expect(measured).toMatchObject({ code: 0, stderr: expect.stringContaining(written) });
    const page = readFileSync(written, 'utf8');
    expect(page).toMatch(/^<!DOCTYPE html>\n<html lang="en">/);
    expect(page).toContain('<td class="text">stories-ternary.gguf</td>');
    for (let time = 0; time < 2; time++) {
      const { code, stdout } = await bitnet(['bench', '--from', file('a.json'), '--html', again]);
      expect(code).toBe(0);
      expect(stdout).toContain('\nstories-ternary.gguf: i2_s, 6 layers, loaded in ');
      expect(readFileSync(again, 'utf8')).toBe(page);
    }
    const same = await bitnet(['bench', '--from', file('a.json'), '-o', 'json']);
    expect(same.stdout).toBe(measured.stdout);
    await writeFile(file('other.html'), 'no such page');
    const refused = await bitnet(['bench', '--html', file('other.html'), '--json']);
    expect(JSON.parse(refused.stdout).error.message).toContain(
      'but there is another kind of file; choose another name, or allow it to be replaced (--force).',
    );
    expect(readFileSync(file('other.html'), 'utf8')).toBe('no such page');
  });

  test.skipIf(process.platform === 'win32')(
    'prints the report alone where its page cannot be written after all, and fails',
    async () => {
      await writeFile(file('report.json'), JSON.stringify(report));
      // A limit on the size of files takes the place of a full disk: the same call fails.
      const limited = `trap '' XFSZ; ulimit -f 1; exec "$0" "$@"`;
      const from = [
        bitnetPath,
        'bench',
        '--from',
        file('report.json'),
        '--html',
        file('full.html'),
      ];
      for (const form of [['--json'], ['-o', 'json']]) {
        const args = ['-c', limited, process.execPath, ...from, ...form];
        const { status, stdout, stderr } = spawnSync('sh', args, { encoding: 'utf8' });
        expect(status).toBe(1);
        expect(JSON.parse(stdout)).toEqual(report);
        expect(stderr).toMatch(/^error: Expected to write the file ".*full\.html", but .*EFBIG/);
        expect(readdirSync(file('.')).filter((name) => name.startsWith('full'))).toEqual([]);
      }
    },
  );

  test('checks before it measures that the page can be written', async () => {
    const lost = await bitnet(['bench', '--html', file('nothere/a.html')]);
    expect(lost).toMatchObject({ code: 1, stdout: '' });
    expect(lost.stderr).toMatch(
      /^error: Expected to write the file ".*a\.html", but its folder does not exist;/,
    );
    mkdirSync(file('folder.html'));
    const folder = await bitnet(['bench', '--html', file('folder.html'), '--json']);
    expect(JSON.parse(folder.stdout)).toMatchObject({
      error: { code: 'ERR_BITNET_FILE', message: expect.stringContaining('is a folder;') },
    });
  });

  test.runIf(process.platform === 'linux')('after Ctrl-C exits with 130', async () => {
    const child = start(['bench', '-p', '0', '-n', '4096', '-r', '1000', '-t', '1']);
    const children = `/proc/${child.pid}/task/${child.pid}/children`;
    await vi.waitUntil(() => readFileSync(children, 'utf8') !== '', { timeout: 240_000 });
    child.kill('SIGINT');
    const { code, stdout } = await finished(child);
    expect({ code, stdout }).toEqual({ code: 130, stdout: '' });
  });

  test('a missing file is one sentence, with --json in JSON', async () => {
    const text = await bitnet(['bench', 'nothere.gguf']);
    const message = 'Expected a model file at "nothere.gguf", but there is none; check the path.';
    expect(text).toEqual({ code: 1, stdout: '', stderr: `error: ${message}\n` });
    const json = await bitnet(['bench', 'nothere.gguf', '--json']);
    expect(JSON.parse(json.stdout)).toEqual({ error: { code: 'ERR_BITNET_FILE', message } });
  });

  test.each([
    [['-p', '1,x'], 'Expected an integer from 0 to 16777216, or several separated by commas.'],
    [['-t', '0'], 'Expected an integer from 1 to 1024, or several separated by commas.'],
    [['--assume-watts', '0'], 'Expected a number from 0.001 to 100000.'],
    [['-o', 'xml'], 'Allowed choices are table, md, csv, json, jsonl.'],
    [['-p', '0', '-n', '0'], 'Expected at least one test, but there are no prompts (-p)'],
    [['--pg', '512'], 'Expected two integers separated by a comma: 512,128.'],
    [['--html', 'model.gguf'], 'Expected the name of a page, which ends in .html.'],
    [['--from', 'a.json', 'model.gguf'], 'Expected no model beside --from.'],
    [['--from', 'a.json', '--compare', 'a.json', 'b.json'], 'Expected --compare without'],
    [['--compare', 'a.json', 'b.json', '-o', 'csv'], 'Expected -o table or -o json with --compare'],
  ])('%j is wrong usage', async (args, message) => {
    const { code, stdout, stderr } = await bitnet(['bench', ...args]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
  });
});

describe('the table', () => {
  test('has a column for each number, three digits each, and no control characters', () => {
    expect(benchLines(report)).toEqual([
      'A CPU, 2 of 8 cores, 16.00 GiB',
      'reads 34.1 GB/s on 2 threads',
      'multiplies int8 with VPDPBUSD zmm: 472 GMAC/s on 2 threads',
      'bitnet 1.2.3, GCC 12.2.0, Node 20.0.0',
      'energy: not measured: no counter; buy one',
      'modeled energy: not measured, arithmetic alone in a 7 nm chip by published tables',
      '',
      'big\\u001b.gguf: 2b4t, i2_s, 30 layers, loaded in 1.23 s',
      'ternary 512.0 MiB, head 256.0 MiB, norms 16.0 KiB, kv 1.0 MiB; node 16.0 MiB, scratch 4.0 MiB',
      '',
      'test   threads  kernel                tokens/s  ms/token  first token  GB/s   of limit  peak RSS  modeled mJ',
      'pp512        2  base3-avx512vnni    612 ± 50.0      1.63       836 ms     –  74 % mul.         –       0.175',
      'tg128        2  base3-avx512vnni  41.3 ± 0.500      24.2            –  31.1  91 % read  1.20 GiB       0.175',
    ]);
  });

  test('leaves out of a table what a narrow terminal has no room for, and says so', () => {
    const lines = (width?: number) => benchLines(report, width).slice(-3);
    const hintLines = benchLines(report, 60).slice(-2);
    expect(Math.max(...lines().map(({ length }) => length))).toBeGreaterThan(100);
    const [, row, hint] = lines(80);
    expect(row).toMatch(/^tg128 +2 +base3-avx512vnni +41\.3 ± 0\.500 +24\.2 .* 91 % read$/);
    expect(row!.length).toBeLessThanOrEqual(80);
    expect(hint).toMatch(/^not shown here: .*modeled mJ \(-o md has all\)$/);
    expect(hintLines.join(' ')).toMatch(/^not shown here: .*modeled mJ.* \(-o md has all\)$/);
    expect(benchLines(report, 30)).toContainEqual(
      expect.stringMatching(/^tg128 +2 +41\.3 ± 0\.500$/),
    );
    expect(Math.max(...benchLines(report, 30).map(({ length }) => length))).toBeLessThanOrEqual(30);
  });

  test('explains more than the whole read bandwidth, and only that', () => {
    const last = (part: number) =>
      benchLines({ ...report, results: [result({ fractionOfReadBandwidth: part })] }).at(-1)!;
    expect(last(1.29)).toMatch(/^above 100 % read: what stays in the caches/);
    expect(last(0.99)).toMatch(/^tg128 /);
  });

  test('keeps measured energy apart from what is modeled or assumed', () => {
    const measured = result({
      ...{
        joulesPerToken: 0.912_34,
        joulesPerTokenSd: 0.0312,
        netJoulesPerToken: 0.0481,
        watts: 37.64,
        idleWatts: 12.06,
      },
      ...{ energySource: 'rapl:package-0+dram', energyResolution: 0.001, energyReason: null },
    });
    const assumed = result({
      ...{ assumedWatts: 15, assumedJoulesPerToken: 15 / 41.26 },
      assumedEnergySource: 'estimate:assumed-watts',
    });
    const lines = benchLines({ ...report, results: [measured, assumed] });
    expect(lines.slice(4, 8)).toEqual([
      'energy: rapl:package-0+dram, a number each 0.001 s, 12.1 W when idle',
      'energy: not measured: no counter; buy one',
      'assumed energy: not measured, 15.0 W as stated',
      'modeled energy: not measured, arithmetic alone in a 7 nm chip by published tables',
    ]);
    const [heading, first, second] = lines.slice(-3);
    expect(heading).toMatch(
      / of limit +J\/token +net J\/token +watts +peak RSS +assumed J +modeled mJ/,
    );
    expect(first).toMatch(/ 91 % read +0\.912 ± 0\.0312 +0\.0481 +37\.6 +1\.20 GiB +– +0\.175/);
    expect(second).toMatch(/ 91 % read +– +– +– +1\.20 GiB +0\.364 +0\.175/);
  });

  test('says where the memory of each kernel went that packs in its own way', () => {
    const { memory, kernel } = result({});
    const mad2 = {
      kernel: { ...kernel, ternary: 'mad2-avx2' },
      memory: { ...memory, ternary: 5 * 2 ** 27 },
    };
    const results = [
      result({}),
      result({ threads: 1, loadMilliseconds: 1500 }),
      result({ ...mad2, loadMilliseconds: 800 }),
    ];
    const rest = 'head 256.0 MiB, norms 16.0 KiB, kv 1.0 MiB; node 16.0 MiB, scratch 4.0 MiB';
    expect(benchLines({ ...report, results }).slice(7, 11)).toEqual([
      'big\\u001b.gguf: 2b4t, i2_s, 30 layers',
      `base3-avx512vnni: loaded in 1.23 to 1.50 s; ternary 512.0 MiB, ${rest}`,
      `mad2-avx2: loaded in 0.80 s; ternary 640.0 MiB, ${rest}`,
      '',
    ]);
    const threads = benchLines({ ...report, results: results.slice(0, 2) }).slice(7, 9);
    expect(threads).toEqual([
      'big\\u001b.gguf: 2b4t, i2_s, 30 layers, loaded in 1.23 to 1.50 s',
      `ternary 512.0 MiB, ${rest}`,
    ]);
  });

  test('has bars where tests have several results', () => {
    const half = result({ threads: 1, tokensPerSecond: { median: 20.6, mean: 20, sd: 0 } });
    const bars = benchLines({ ...report, results: [result({}), half] }).slice(-2);
    expect(bars[0]).toMatch(/ █{12}$/);
    expect(bars[1]).toMatch(/ █{6}$/);
  });

  test('is Markdown, CSV and a line of JSON for each result as well', () => {
    expect(markdownLines({ ...report, command: 'bitnet bench' }).slice(4)).toEqual([
      '- energy: not measured: no counter; buy one',
      '- modeled energy: not measured, arithmetic alone in a 7 nm chip by published tables',
      '- `bitnet bench`',
      '',
      'big\\u001b.gguf: 2b4t, i2_s, 30 layers, loaded in 1.23 s; ternary 512.0 MiB, head 256.0 MiB, norms 16.0 KiB, kv 1.0 MiB; node 16.0 MiB, scratch 4.0 MiB',
      '',
      '| test | threads | kernel | tokens/s | ms/token | first token | GB/s | of limit | peak RSS | modeled mJ |',
      '| --- | --: | --- | --: | --: | --: | --: | --: | --: | --: |',
      '| pp512 | 2 | base3-avx512vnni | 612 ± 50.0 | 1.63 | 836 ms | – | 74 % mul. | – | 0.175 |',
      '| tg128 | 2 | base3-avx512vnni | 41.3 ± 0.500 | 24.2 | – | 31.1 | 91 % read | 1.20 GiB | 0.175 |',
    ]);
    const [names, first, second] = csvLines({
      ...report,
      results: [result({ model: 'a,"b".gguf', samples: [1, 2] }), prompt],
    });
    const at = (name: string) => names!.split(',').indexOf(name);
    expect(first).toContain(',"a,""b"".gguf",');
    expect(second!.split(',')[at('tokensPerSecond.median')]).toBe('612.3');
    expect(second!.split(',')[at('memory.mappedFile')]).toBe('');
    expect(second!.split(',')[at('modeledJoulesPerToken.nm7')]).toBe('0.0001754');
    expect(second!.split(',')[at('joulesPerToken')]).toBe('');
    expect(at('tuning')).toBe(-1);
    const lines = jsonLines(report).map((line) => JSON.parse(line));
    expect(lines).toMatchObject([
      { test: 'pp512', date: report.date, machine: { cores: 8 }, build: { version: '1.2.3' } },
      { test: 'tg128', memory: { kv: 2 ** 20 } },
    ]);
  });

  test('shows what no cell or line may hold, which a report from anywhere can have', () => {
    const odd = { test: 'a|b\x1b[2J\n', format: 'i2_s\r', energyReason: '\x9bwhy' };
    const hostile = {
      ...{ ...report, command: 'bench\n\x07', results: [result(odd)] },
      machine: { ...report.machine, cpu: '\x1b[31mA CPU' },
    };
    const [lines, markdown] = [benchLines(hostile), markdownLines(hostile)];
    expect([...lines, ...markdown].join('')).not.toMatch(/\p{Cc}/u);
    expect(lines[0]).toBe('\\u001b[31mA CPU, 2 of 8 cores, 16.00 GiB');
    expect(lines.at(-1)).toMatch(/^a\|b\\u001b\[2J\\n {2}/);
    expect(markdown).toContain('- `bench\\n\\u0007`');
    expect(markdown.at(-1)).toMatch(/^\| a\\\|b\\u001b\[2J\\n \| 2 \|/);
  });

  test('names the tests whose samples vary too much', () => {
    expect(noisyTests(report)).toEqual(['pp512']);
    expect(noisyTests({ ...report, results: [result({})] })).toEqual([]);
  });
});
