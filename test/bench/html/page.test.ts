import { describe, expect, test } from 'vitest';
import { parametersOf } from '../../../bench/html/names.js';
import { benchPage } from '../../../bench/html/page.js';
import type { BenchReport, BenchResult } from '../../../bench/report/report.js';
import { elementsOf } from './elements.js';
import { promptOf, reportOf, resultOf, sizedShape } from './report.js';

/** Titles of the plots, and the sentences about those that are not there. */
function contentsOf(report: BenchReport): { plots: string[]; missing: string[] } {
  const elements = elementsOf(benchPage(report));
  const texts = (found: typeof elements) => found.map(({ text }) => text);
  return {
    plots: texts(elements.filter(({ name }) => name === 'h3')),
    missing: texts(elements.filter(({ attributes }) => attributes.class === 'missing')),
  };
}

const missing = {
  sizes: expect.stringContaining('models of at least two sizes'),
  threads: expect.stringContaining('bitnet bench -t 1,2,4'),
  sequences: expect.stringContaining('bitnet bench --sequences 1,2,4,8'),
  energy: 'Energy was not measured: no counters.',
};

describe('the page', () => {
  test('of one result has its limit, and says how to get the rest', () => {
    expect(contentsOf(reportOf([resultOf()]))).toEqual({
      plots: ['Decoding: bytes read', 'Modeled energy'],
      missing: [
        missing.sizes,
        expect.stringContaining('need a test of a prompt and a ternary model'),
        missing.threads,
        missing.sequences,
        missing.energy,
      ],
    });
  });

  test('of nothing is a page', () => {
    const empty = reportOf([]);
    const machine = { ...empty.machine, readBandwidth: [], multiplyPeak: [], isa: [] };
    const { plots, missing: sentences } = contentsOf({ ...empty, machine, command: null });
    expect(plots).toEqual([]);
    expect(sentences).toHaveLength(7);
    expect(sentences.at(-1)).toBe('The report has no results.');
  });

  test('has speed and memory against size, a line for each format, the best setting of each model', () => {
    const kernel = { ternary: 'base3-avx2', dense: 'avx2', vector: 'avx2' };
    const sizes = [10, 40].flatMap((layers): BenchResult[] =>
      ['f16', 'q4_0', 'i2_s'].flatMap((format, i) =>
        [1, 2].map((threads) =>
          resultOf({
            ...{ model: `/m/${layers}-${format}.gguf`, format, threads, kernel },
            shape: sizedShape(layers),
            tokensPerSecond: { median: (i + 1) * threads, mean: 1, sd: 0 },
          }),
        ),
      ),
    );
    const report = reportOf(sizes);
    expect(contentsOf(report).plots.slice(0, 2)).toEqual(['tg128: tokens per second', 'Memory']);
    const elements = elementsOf(benchPage(report));
    const legend = elements.filter(({ name }) => name === 'li').map(({ text }) => text);
    expect(legend.slice(0, 3)).toEqual(['F16 (16-bit floats)', 'Q4_0 (4-bit)', 'I2_S (ternary)']);
    const notes = elements.filter(({ name }) => name === 'title').map(({ text }) => text);
    // A layer has 2 × 2560 × 128 × (20 + 5) = 16,384,000 weights of attention and 3 × 2560 × 6912 = 53,084,160
    // others; the embedding has 128,256 × 2560 = 328,335,360.
    expect(parametersOf(sizedShape(10))).toBe(1_023_016_960);
    expect(notes).toContain(
      'I2_S (ternary)\n10-i2_s.gguf, threads: 2, base3-avx2\nParameters: 1.02B\nTokens per second: 6',
    );
    expect(notes).toContain(
      'F16 (16-bit floats)\n40-f16.gguf, threads: 1, dense avx2\nParameters: 3.11B\nGB (10⁹ bytes): 0.71',
    );
  });

  test('marks what was extrapolated, and leaves out of the sizes what led there', () => {
    const layers = [1, 2, 30];
    const results = layers.map((nLayer) =>
      resultOf({
        ...{ model: `synthetic 2b4t i2_s (${nLayer})`, shape: sizedShape(nLayer) },
        extrapolated: nLayer === 30 ? { layers: [1, 2], of: 30 } : null,
      }),
    );
    const other = resultOf({ model: 'a.gguf', shape: { ...sizedShape(2), dim: 1280 } });
    const elements = elementsOf(benchPage(reportOf([...results, other])));
    const line = elements.find(({ name }) => name === 'polyline')!;
    expect(line.attributes.points!.split(' ')).toHaveLength(2);
    const notes = elements.filter(({ name }) => name === 'title').map(({ text }) => text);
    expect(notes[1]).toContain('a.gguf, threads: 2, base3-avx2\nParameters');
    expect(notes[2]).toContain('base3-avx2\nextrapolated from 1 and 2 layers\nParameters');
    const hollow = elements.filter(({ attributes }) => attributes.class === 'mark hollow');
    expect(hollow.length).toBeGreaterThan(2);
    expect(elements.some(({ text }) => text === 'not measured, extrapolated')).toBe(true);
    const cells = elements.filter(({ name }) => name === 'td').map(({ text }) => text);
    expect(cells.filter((text) => text === 'extrapolated from 1 and 2 layers')).toHaveLength(1);
    const limits = elements.flatMap(({ attributes }) => attributes['aria-label'] ?? []);
    expect(limits.find((label) => label.startsWith('Decoding'))).toBe(
      'Decoding: bytes read: 2b4t i2_s (1): 30.2 (89 %); 2b4t i2_s (2): 30.2 (89 %); a · i2_s: 30.2 (89 %)',
    );
    expect(contentsOf(reportOf(results.slice(0, 2))).plots).toContain('Memory');
    expect(contentsOf(reportOf(results)).plots).not.toContain('Memory');
  });

  test('has bytes and multiply-adds beside the limits of as many threads', () => {
    const slow = resultOf({ threads: 4, gbPerSecond: 10 });
    const report = reportOf([promptOf(), resultOf(), slow]);
    const elements = elementsOf(benchPage(report));
    expect(contentsOf(report).plots.slice(0, 2)).toEqual([
      'Decoding: bytes read',
      'Prompts: multiply-adds of ternary layers',
    ]);
    const labels = elements.flatMap(({ attributes }) => attributes['aria-label'] ?? []);
    expect(labels.slice(0, 2)).toEqual([
      // Nothing was measured with four threads.
      'Decoding: bytes read: 2 threads: 30.2 (89 %); 4 threads: 10.0',
      'Prompts: multiply-adds of ternary layers: 2b4t: 354 (75 %)',
    ]);
  });

  test('has throughput against sequences', () => {
    const counts = [1, 4, 16].map((sequences) =>
      resultOf({
        ...{ sequences, test: sequences === 1 ? 'tg128' : `tg128 x${sequences}` },
        tokensPerSecond: { median: 20 * Math.sqrt(sequences), mean: 1, sd: 0 },
      }),
    );
    const elements = elementsOf(benchPage(reportOf(counts)));
    expect(contentsOf(reportOf(counts)).plots).toContain('tg128: throughput');
    const line = elements.find(({ name }) => name === 'polyline')!;
    // 20, 40 and 80 on an axis from 0 to 80.
    expect(line.attributes.points).toBe('64,176 220,126 376,26');
  });

  test('keeps measured, assumed and modeled energy apart', () => {
    const measured = {
      ...{ joulesPerToken: 0.5, netJoulesPerToken: 0.3, watts: 20, idleWatts: 8 },
      ...{ energySource: 'rapl:package-0', energyResolution: 0.001, energyReason: null },
      ...{ assumedWatts: 16, assumedJoulesPerToken: 0.4 },
      assumedEnergySource: 'estimate:assumed-watts',
    } as const;
    const { plots, missing: sentences } = contentsOf(reportOf([resultOf(measured)]));
    expect(plots.slice(1)).toEqual(['Measured energy', 'Assumed energy', 'Modeled energy']);
    expect(sentences).not.toContain(missing.energy);
    const page = benchPage(reportOf([resultOf(measured)]));
    expect(page).toContain('Measured energy: 2b4t: 500"');
    expect(page).toContain(
      'all that it did included. Source: rapl:package-0, a number each 0.001 s.',
    );
    expect(page).toContain('Assumed energy: 2b4t: 400"');
    expect(page).toContain('for as long as a token took. 16 W.');
    expect(page).toContain('Modeled energy: 2b4t: 20"');
    expect(page).toContain('Not measured, and nothing about this machine');
    for (const unit of ['mJ per token<', 'mJ per token, assumed<', 'µJ per token, modeled<']) {
      expect(page).toContain(unit);
    }
  });

  test('has energy by model size where a test was made with several, else a bar for each result', () => {
    const results = [
      resultOf(),
      resultOf({ model: 'other.gguf', shape: sizedShape(3) }),
      promptOf(),
      promptOf({ test: 'pp64', modeledJoulesPerToken: { nm7: 1e-5, nm45: 1e-4 } }),
    ];
    expect(contentsOf(reportOf(results)).plots.slice(-2)).toEqual([
      'Modeled energy, tg128',
      'Modeled energy',
    ]);
    expect(benchPage(reportOf(results))).toContain('Modeled energy: pp512: 20; pp64: 10');
  });

  test('names its models, the first few of many', () => {
    const titled = (...models: string[]) => {
      const results = models.map((model) => resultOf({ model: `/m/${model}.gguf` }));
      return elementsOf(benchPage(reportOf(results))).find(({ name }) => name === 'title')!.text;
    };
    expect(titled('a', 'b', 'a')).toBe('bitnet bench: a, b, A CPU, 2026-11-24');
    expect(titled('a', 'b', 'c', 'd', 'e')).toContain(': a, b and 3 more, A CPU');
  });

  test('has speed against threads, a line for each setting', () => {
    const results = ['a', 'b'].flatMap((name) =>
      [1, 2, 4].map((threads) => resultOf({ model: `/m/${name}.gguf`, threads })),
    );
    const report = reportOf(results);
    expect(contentsOf(report).plots).toContain('tg128: threads');
    const elements = elementsOf(benchPage(report));
    const lines = elements.filter(
      ({ name, attributes }) => name === 'polyline' && attributes.points,
    );
    const three = lines.filter(({ attributes }) => attributes.points!.split(' ').length === 3);
    expect(three).toHaveLength(2);
    const legend = elements.filter(({ name }) => name === 'li').map(({ text }) => text);
    expect(legend).toEqual(expect.arrayContaining(['a', 'b']));
  });

  test('explains what is above a limit, and only then', () => {
    const page = (gbPerSecond: number) => benchPage(reportOf([resultOf({ gbPerSecond })]));
    expect(page(34.1)).toContain('More than 100 %: the bandwidth is that of 512 MiB from memory');
    expect(page(33.9)).not.toContain('More than 100 %');
  });

  test('shortens long names of models, at both ends', () => {
    const model = `/m/${'a'.repeat(30)}-q4_0.gguf`;
    const page = benchPage(reportOf([resultOf({ model }), resultOf()]));
    expect(page).toContain(`Decoding: bytes read: ${'a'.repeat(11)}…aaaaaa-q4_0: 30.2 (89 %);`);
    expect(page).toContain(`>${'a'.repeat(30)}-q4_0.gguf</td>`);
  });

  test('has all numbers, the machine and the command', () => {
    const elements = elementsOf(benchPage(reportOf([resultOf(), promptOf({ noisy: true })])));
    const texts = (tag: string) => elements.filter(({ name }) => name === tag).map((e) => e.text);
    expect(texts('th')).toEqual([
      ...['model', 'format', 'parameters', 'weights + KV', 'test', 'note', 'threads', 'kernel'],
      ...['tokens/s', 'ms/token', 'first token', 'GB/s', 'of limit', 'peak RSS', 'modeled mJ'],
    ]);
    expect(texts('td').slice(0, 15)).toEqual([
      ...['2b4t.gguf', 'I2_S (ternary)', '2.41B', '677.1 MiB', 'tg128', '', '2', 'base3-avx2'],
      ...['40.0 ± 0.500', '25.0', '–', '30.2', '89 % read', '858.3 MiB', '0.0200'],
    ]);
    expect(texts('td')[15 + 5]).toBe('noisy');
    expect(texts('dd')).toEqual([
      ...['2026-11-24T20:00:00.000Z', 'A CPU', '2 of 8', '16.00 GiB', 'linux 6.1, x64'],
      ...['avx, avx2', '34.0 GB/s on 2 threads', 'VPMADDUBSW ymm: 472 GMAC/s on 2 threads'],
      ...['bitnet 1.2.3, GCC 12.2.0, Node 20.0.0', ''],
    ]);
    expect(texts('code')).toEqual(['bitnet bench 2b4t.gguf']);
  });

  test('stays a page whatever the report says', () => {
    const hostile = `"'></title></svg><script src=http://a.b/c>alert(1)</script>&\0\u202e${'x'.repeat(300)}`;
    const poisoned = (value: unknown): unknown => {
      if (typeof value === 'string') return hostile;
      if (Array.isArray(value)) return value.map(poisoned);
      if (value === null || typeof value !== 'object') return value;
      const entries = Object.entries(value).map(([name, item]) => [name, poisoned(item)]);
      return Object.fromEntries(entries);
    };
    const results = [1, 2].map((n) => resultOf({ sequences: n, shape: sizedShape(n) }));
    const report = reportOf([...results, promptOf({ joulesPerToken: 1 })]);
    const page = benchPage(poisoned(report) as BenchReport);
    const names = new Set(elementsOf(page).map(({ name }) => name));
    for (const name of ['script', 'a', 'img', 'link']) expect(names).not.toContain(name);
    const attributes = elementsOf(page).flatMap((element) => Object.keys(element.attributes));
    for (const name of ['src', 'href', 'onclick', 'onload']) expect(attributes).not.toContain(name);
  });

  test('needs nothing from elsewhere', () => {
    const elements = elementsOf(benchPage(reportOf([resultOf(), promptOf()])));
    expect(elements.filter(({ name }) => name === 'meta')[1]!.attributes).toEqual({
      'http-equiv': 'Content-Security-Policy',
      content: "default-src 'none'; style-src 'unsafe-inline'",
    });
    expect(elements.find(({ name }) => name === 'style')!.text).not.toMatch(/url|@import/);
  });
});
