import type { BenchReport, BenchResult } from '../report/report.js';
import { seriesByFormat, severalSizes, sizeAxis, withoutSteps } from './by-size.js';
import type { Markup } from './markup.js';
import { groupedBy, type Part } from './part.js';
import { linePlot } from './plot/line-plot.js';

/** Speed of each test and memory against the size of models, a line for each weight format. */
export function sizePlots({ results: all }: BenchReport): Part {
  const results = withoutSteps(all);
  const alone = results.filter(({ sequences }) => sequences === 1);
  const tests = groupedBy(alone, ({ test }) => test).filter(severalSizes);
  const figures = [
    ...tests.map(speedPlot),
    ...(severalSizes(results) ? [memoryPlot(results)] : []),
  ];
  const missing =
    'Speed and memory against model size need models of at least two sizes in one report: bitnet bench --shape 700m,2b4t --format f16,q4_0,i2_s --html report.html.';
  return {
    heading: 'Speed and memory by model size',
    figures,
    missing: figures.length > 0 ? [] : [missing],
  };
}

function speedPlot(results: readonly BenchResult[]): Markup {
  return linePlot({
    title: `${results[0]!.test}: tokens per second`,
    caption: 'Median and standard deviation; of each model the fastest setting.',
    x: sizeAxis,
    y: { label: 'Tokens per second' },
    series: seriesByFormat(
      results,
      'most',
      ({ tokensPerSecond }) => tokensPerSecond.median,
      ({ tokensPerSecond }) => tokensPerSecond.sd,
    ),
  });
}

function memoryPlot(results: readonly BenchResult[]): Markup {
  return linePlot({
    title: 'Memory',
    caption: 'Weights as they are held, and KV caches at the longest context of the tests.',
    x: sizeAxis,
    y: { label: 'GB (10⁹ bytes)' },
    series: seriesByFormat(results, 'least', ({ memory }) => heldBytes(memory) / 1e9),
  });
}

/** What a model takes by itself, without the process around it. */
export function heldBytes({ ternary, dense, head, norms, kv }: BenchResult['memory']): number {
  return ternary + dense + head + norms + kv;
}
