import type { BenchReport, BenchResult } from '../report/report.js';
import type { Markup } from './markup.js';
import { namesOf } from './names.js';
import { groupedBy, type Part } from './part.js';
import { linePlot } from './plot/line-plot.js';

/** Throughput against the number of sequences that run side by side, test by test. */
export function sequencePlots({ results }: BenchReport): Part {
  const figures = groupedBy(results, testOf)
    .map((same) => groupedBy(same, settingOf).filter(severalCounts))
    .filter((settings) => settings.length > 0)
    .map(throughputPlot);
  const missing =
    'Throughput against sequences side by side needs several numbers of them in one report: bitnet bench --sequences 1,2,4,8 --html report.html.';
  return {
    heading: 'Sequences side by side',
    figures,
    missing: figures.length > 0 ? [] : [missing],
  };
}

/** Without its number of sequences. */
function testOf({ test }: BenchResult): string {
  return test.replace(/ x\d+$/, '');
}

function settingOf(result: BenchResult): string {
  const { model, threads, kernel, headPrefilter, skipInactive, batch } = result;
  return JSON.stringify([model, threads, kernel, headPrefilter, skipInactive, batch]);
}

function severalCounts(results: readonly BenchResult[]): boolean {
  return new Set(results.map(({ sequences }) => sequences)).size > 1;
}

function throughputPlot(settings: readonly (readonly BenchResult[])[]): Markup {
  const firsts = settings.map(([first]) => first!);
  const names = namesOf(firsts, () => '');
  return linePlot({
    title: `${testOf(firsts[0]!)}: throughput`,
    caption: `Median and standard deviation, all sequences together. ${names.common}`,
    x: { label: 'Sequences side by side', ticksAtValues: true },
    y: { label: 'Tokens per second, all sequences', scale: 'linear' },
    series: settings.map((results, i) => ({
      name: names.own[i]!,
      points: results.map(({ sequences, tokensPerSecond }) => ({
        x: sequences,
        y: tokensPerSecond.median,
        spread: tokensPerSecond.sd,
      })),
    })),
  });
}
