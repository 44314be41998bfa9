import { largestOf } from '../../lib/extremes.js';
import type { BenchReport, BenchResult } from '../report/report.js';
import { seriesByFormat, severalSizes, sizeAxis, withoutSteps } from './by-size.js';
import type { Markup } from './markup.js';
import { namesOf } from './names.js';
import { groupedBy, type Part } from './part.js';
import { barPlot } from './plot/bar-plot.js';
import { linePlot } from './plot/line-plot.js';

/** Kinds of energy that never stand in for each other: each has plots of its own. */
interface Kind {
  readonly title: string;
  readonly caption: string;
  /** What stands behind the unit. */
  readonly label: string;
  /** Joules. */
  readonly value: (result: BenchResult) => number | null;
  /** What it was counted or assumed by. */
  readonly source?: (result: BenchResult) => string;
}

const kinds: readonly Kind[] = [
  {
    title: 'Measured energy',
    caption: 'Counted by the machine while the test ran, all that it did included.',
    label: 'per token',
    value: ({ joulesPerToken }) => joulesPerToken,
    source: ({ energySource, energyResolution }) =>
      `Source: ${energySource}, a number each ${energyResolution} s.`,
  },
  {
    title: 'Assumed energy',
    caption: 'Not measured: watts that the user stated, for as long as a token took.',
    label: 'per token, assumed',
    value: ({ assumedJoulesPerToken }) => assumedJoulesPerToken,
    source: ({ assumedWatts }) => `${assumedWatts} W.`,
  },
  {
    title: 'Modeled energy',
    caption:
      'Not measured, and nothing about this machine: the arithmetic alone in a 7 nm chip, by published energies of operations. Reading the weights is not in it.',
    label: 'per token, modeled',
    value: ({ modeledJoulesPerToken, sequences }) =>
      sequences === 1 ? modeledJoulesPerToken.nm7 : null, // others have the same
  },
];

/** Units for an axis; the largest that is not above the values is taken. */
const units = [
  { name: 'J', joules: 1 },
  { name: 'mJ', joules: 1e-3 },
  { name: 'µJ', joules: 1e-6 },
  { name: 'nJ', joules: 1e-9 },
] as const;

/** Energy of a token by its kind: measured, assumed, modeled. */
export function energyPlots({ results }: BenchReport): Part {
  const measured = results.some(({ joulesPerToken }) => joulesPerToken !== null);
  return {
    heading: 'Energy per token',
    figures: kinds.flatMap((kind) => plotsOf(kind, withoutSteps(results))),
    missing: measured ? [] : [whyNotMeasured(results)],
  };
}

/** Tests of models of several sizes have lines over these; all others share a plot with a bar for each result. */
function plotsOf(kind: Kind, results: readonly BenchResult[]): Markup[] {
  const known = results.filter((result) => kind.value(result) !== null);
  const tests = groupedBy(known, ({ test }) => test);
  const single = tests.filter((same) => !severalSizes(same)).flat();
  return [
    ...tests.filter(severalSizes).map((same) => sizePlot(kind, same)),
    ...(single.length > 0 ? [resultsPlot(kind, single)] : []),
  ];
}

function sizePlot(kind: Kind, results: readonly BenchResult[]): Markup {
  const { label, value } = valuesOf(kind, results);
  return linePlot({
    title: `${kind.title}, ${results[0]!.test}`,
    caption: captionOf(kind, results),
    x: sizeAxis,
    y: { label },
    series: seriesByFormat(results, 'least', value),
  });
}

function resultsPlot(kind: Kind, results: readonly BenchResult[]): Markup {
  const { label, value } = valuesOf(kind, results);
  const names = namesOf(results);
  return barPlot({
    title: kind.title,
    caption: `${captionOf(kind, results)} ${names.common}`,
    label,
    bars: results.map((result, i) => ({
      label: names.own[i]!,
      value: value(result),
      text: `${Number(value(result).toPrecision(3))}`,
    })),
  });
}

function captionOf({ caption, source }: Kind, results: readonly BenchResult[]): string {
  const sources = new Set(results.map((result) => source?.(result) ?? ''));
  return [caption, ...sources].filter(Boolean).join(' ');
}

/** The values in one unit for all, and the label with it. */
function valuesOf({ label, value }: Kind, results: readonly BenchResult[]) {
  const most = largestOf(results.map((result) => value(result)!));
  const { name, joules } = units.find((unit) => most >= unit.joules) ?? units.at(-1)!;
  return {
    label: `${name} ${label}`,
    value: (result: BenchResult) => value(result)! / joules,
  };
}

function whyNotMeasured(results: readonly BenchResult[]): string {
  const reasons = new Set(results.flatMap(({ energyReason }) => energyReason ?? []));
  const why = reasons.size > 0 ? [...reasons].join('; ') : 'the report does not say why';
  return `Energy was not measured: ${why}.`;
}
