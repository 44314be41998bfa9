import { isDeepStrictEqual } from 'node:util';
import { kernelName } from '../report/columns.js';
import type { BenchResult } from '../report/report.js';
import { fileName, formatName, parametersOf } from './names.js';
import { groupedBy } from './part.js';
import type { Axis, Series } from './plot/line-plot.js';
import { parametersText } from './plot/tick-text.js';

export const sizeAxis: Axis = { label: 'Parameters', scale: 'log', text: parametersText };

/** Results without those of a few layers that others were extrapolated from: as models of their own they are none. */
export function withoutSteps(results: readonly BenchResult[]): BenchResult[] {
  return results.filter((step) => !results.some((result) => leadsTo(step, result)));
}

function leadsTo(step: BenchResult, { extrapolated, format, shape }: BenchResult): boolean {
  if (!extrapolated?.layers.includes(step.shape.nLayer) || step.extrapolated) return false;
  const { name, nLayer } = step.shape;
  return step.format === format && isDeepStrictEqual(step.shape, { ...shape, name, nLayer });
}

/** How a result that was not measured came about; empty for one that was. */
export function extrapolationOf({ extrapolated }: BenchResult): string {
  return extrapolated ? `extrapolated from ${extrapolated.layers.join(' and ')} layers` : '';
}

/** Whether there is something to draw a line from and to. */
export function severalSizes(results: readonly BenchResult[]): boolean {
  return new Set(results.map(({ shape }) => parametersOf(shape))).size > 1;
}

/** A series for each weight format over the models' sizes: of each model the setting with the most, or the least, of a value. */
export function seriesByFormat(
  results: readonly BenchResult[],
  best: 'most' | 'least',
  value: (result: BenchResult) => number,
  spread: (result: BenchResult) => number = () => 0,
): Series[] {
  const better = (a: BenchResult, b: BenchResult) =>
    best === 'most' ? value(a) > value(b) : value(a) < value(b);
  return groupedBy(results, formatName).map((same) => ({
    name: formatName(same[0]!),
    points: groupedBy(same, ({ model }) => model).map((settings) => {
      const chosen = settings.reduce((a, b) => (better(b, a) ? b : a));
      return {
        x: parametersOf(chosen.shape),
        y: value(chosen),
        spread: spread(chosen),
        note: [
          `${fileName(chosen)}, threads: ${chosen.threads}, ${kernelName(chosen)}`,
          extrapolationOf(chosen),
        ]
          .filter(Boolean)
          .join('\n'),
        measured: !chosen.extrapolated,
      };
    }),
  }));
}
