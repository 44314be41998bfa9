import type { BenchReport, BenchResult } from '../report.js';
import { seriesByFormat, severalSizes, sizeAxis } from './by-size.js';
import type { Markup } from './markup.js';
import { namesOf } from './names.js';
import { groupedBy, type Part } from './part.js';
import { barPlot } from './plot/bar-plot.js';
import { linePlot } from './plot/line-plot.js';

/** What a report may say about energy; those of versions that did not measure it lack some. */
interface Energy {
  readonly joulesPerToken?: number | null;
  readonly energyReason?: string | null;
  readonly assumedJoulesPerToken?: number | null;
  readonly modelledJoulesPerToken?: { readonly nm7: number } | null;
}

type Result = BenchResult & Energy;

/** Kinds of energy that never stand in for each other: each has plots of its own. */
interface Kind {
  readonly title: string;
  readonly caption: string;
  readonly label: string;
  readonly value: (result: Result) => number | null | undefined;
}

const kinds: readonly Kind[] = [
  {
    title: 'measured energy',
    caption: 'Counted by the machine while the test ran, all that it did included.',
    label: 'J per token',
    value: ({ joulesPerToken }) => joulesPerToken,
  },
  {
    title: 'assumed energy',
    caption: 'Not measured: watts that the user stated, for as long as a token took.',
    label: 'J per token, assumed',
    value: ({ assumedJoulesPerToken }) => assumedJoulesPerToken,
  },
  {
    title: 'modelled energy',
    caption:
      'Not measured, and nothing about this machine: the arithmetic alone in a 7 nm chip, by published energies of operations. Reading the weights is not in it.',
    label: 'mJ per token, modelled',
    value: ({ modelledJoulesPerToken, sequences }) =>
      sequences === 1 && modelledJoulesPerToken ? 1000 * modelledJoulesPerToken.nm7 : null, // others have the same
  },
];

/** Energy of a token in each test, by its kind: measured, assumed, modelled. */
export function energyPlots({ results }: BenchReport): Part {
  const all: readonly Result[] = results;
  const figures = kinds.flatMap((kind) => {
    const known = all.filter((result) => typeof kind.value(result) === 'number');
    return groupedBy(known, ({ test }) => test).map((same) => energyPlot(kind, same));
  });
  const measured = all.some(({ joulesPerToken }) => typeof joulesPerToken === 'number');
  return {
    heading: 'Energy per token',
    figures,
    missing: measured ? [] : [whyNotMeasured(all)],
  };
}

/** Against the sizes of models where there are several, else a bar for each result. */
function energyPlot(kind: Kind, results: readonly Result[]): Markup {
  const { caption, label } = kind;
  const title = `${results[0]!.test}: ${kind.title}`;
  const value = (result: Result) => kind.value(result)!;
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

function whyNotMeasured(results: readonly Result[]): string {
  const reasons = new Set(results.flatMap(({ energyReason }) => energyReason ?? []));
  const why = reasons.size > 0 ? [...reasons].join('; ') : 'the report does not say why';
  return `Energy was not measured: ${why}.`;
}
