import type { BenchReport, BenchResult } from '../report/report.js';
import { withoutSteps } from './by-size.js';
import type { Markup } from './markup.js';
import { namesOf } from './names.js';
import { groupedBy, type Part } from './part.js';
import { linePlot } from './plot/line-plot.js';

/** Speed against the number of threads, test by test. */
export function threadPlots({ results }: BenchReport): Part {
  const figures = groupedBy(withoutSteps(results), ({ test }) => test)
    .map((same) => groupedBy(same, settingOf).filter(severalThreads))
    .filter((settings) => settings.length > 0)
    .map(threadPlot);
  const missing =
    'Speed against threads needs several numbers of them in one report: bitnet bench -t 1,2,4 --html report.html.';
  return { heading: 'Threads', figures, missing: figures.length > 0 ? [] : [missing] };
}

function settingOf(result: BenchResult): string {
  const { model, kernel, headPrefilter, skipInactive, batch } = result;
  return JSON.stringify([model, kernel, headPrefilter, skipInactive, batch]);
}

function severalThreads(results: readonly BenchResult[]): boolean {
  return new Set(results.map(({ threads }) => threads)).size > 1;
}

function threadPlot(settings: readonly (readonly BenchResult[])[]): Markup {
  // The number of threads is no part of their names: it is where the points are.
  const firsts = settings.map(([first]) => ({ ...first!, threads: 1 }));
  const names = namesOf(firsts, () => '');
  const common = names.common.replace(/(?:^| · )1 thread(?= · |$)/, '');
  return linePlot({
    title: `${firsts[0]!.test}: threads`,
    caption: ['Median and standard deviation.', common].filter(Boolean).join(' '),
    x: { label: 'Threads', ticksAtValues: true },
    y: { label: 'Tokens per second', scale: 'linear' },
    series: settings.map((results, i) => ({
      name: settings.length === 1 ? 'all' : names.own[i]!,
      points: results.map(({ threads, tokensPerSecond, extrapolated }) => ({
        x: threads,
        y: tokensPerSecond.median,
        spread: tokensPerSecond.sd,
        measured: !extrapolated,
      })),
    })),
  });
}
