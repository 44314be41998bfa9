import type { BenchReport, BenchResult } from '../report.js';
import { seriesByFormat, severalSizes, sizeAxis } from './by-size.js';
import type { Markup } from './markup.js';
import { namesOf } from './names.js';
import { groupedBy, type Part } from './part.js';
import { barPlot } from './plot/bar-plot.js';
import { linePlot } from './plot/line-plot.js';

/** Kinds of energy that never stand in for each other: each has plots of its own. */
interface Kind {
  readonly title: string;
  readonly caption: string;
  readonly label: string;
  readonly value: (result: BenchResult) => number | null;
  /** What it was counted or assumed by. */
  readonly source?: (result: BenchResult) => string;
}

const kinds: readonly Kind[] = [
  {
    title: 'measured energy',
    caption: 'Counted by the machine while the test ran, all that it did included.',
    label: 'J per token',
    value: ({ joulesPerToken }) => joulesPerToken,
    source: ({ energySource }) => `Source: ${energySource}.`,
  },
  {
    title: 'assumed energy',
    caption: 'Not measured: watts that the user stated, for as long as a token took.',
    label: 'J per token, assumed',
    value: ({ assumedJoulesPerToken }) => assumedJoulesPerToken,
    source: ({ assumedWatts }) => `${assumedWatts} W.`,
  },
  {
    title: 'modelled energy',
    caption:
      'Not measured, and nothing about this machine: the arithmetic alone in a 7 nm chip, by published energies of operations. Reading the weights is not in it.',
    label: 'mJ per token, modelled',
    value: ({ modelledJoulesPerToken, sequences }) =>
      sequences === 1 ? 1000 * modelledJoulesPerToken.nm7 : null, // others have the same
  },
];

/** Energy of a token in each test, by its kind: measured, assumed, modelled. */
export function energyPlots({ results }: BenchReport): Part {
  const figures = kinds.flatMap((kind) => {
    const known = results.filter((result) => kind.value(result) !== null);
    return groupedBy(known, ({ test }) => test).map((same) => energyPlot(kind, same));
  });
  const measured = results.some(({ joulesPerToken }) => joulesPerToken !== null);
  return {
    heading: 'Energy per token',
    figures,
    missing: measured ? [] : [whyNotMeasured(results)],
  };
}

/** Against the sizes of models where there are several, else a bar for each result. */
function energyPlot(kind: Kind, results: readonly BenchResult[]): Markup {
  const { label } = kind;
  const sources = new Set(results.map((result) => kind.source?.(result) ?? ''));
  const caption = [kind.caption, ...sources].filter(Boolean).join(' ');
  const title = `${results[0]!.test}: ${kind.title}`;
  const value = (result: BenchResult) => kind.value(result)!;
  if (severalSizes(results)) {
    const series = seriesByFormat(results, 'least', value);
    return linePlot({ title, caption, x: sizeAxis, y: { label }, series });
  }
  const names = namesOf(results, () => '');
  const bars = results.map((result, i) => ({
    label: names.own[i]!,
    value: value(result),
    text: `${Number(value(result).toPrecision(3))}`,
  }));
  return barPlot({ title, caption: `${caption} ${names.common}`, label, bars });
}

function whyNotMeasured(results: readonly BenchResult[]): string {
  const reasons = new Set(results.flatMap(({ energyReason }) => energyReason ?? []));
  const why = reasons.size > 0 ? [...reasons].join('; ') : 'the report does not say why';
  return `Energy was not measured: ${why}.`;
}
