import { digits } from '../report/numbers.js';
import type { BenchReport, BenchResult } from '../report/report.js';
import { namesOf } from './names.js';
import type { Part } from './part.js';
import { barPlot } from './plot/bar-plot.js';

/** A limit of the machine and what came near it. */
interface Peak {
  readonly title: string;
  readonly unit: string;
  readonly limitLabel: string;
  readonly rate: (result: BenchResult) => number | null;
  /** By the number of threads. */
  readonly limit: (threads: number) => number | undefined;
  readonly missing: string;
  /** Why a result may be above its limit. */
  readonly above: string;
}

/** How near each kernel came, where it was measured, to what memory and multipliers of this machine can do. */
export function limitPlots({ machine, results }: BenchReport): Part {
  const peaks: Peak[] = [
    {
      title: 'Decoding: bytes read',
      unit: 'GB/s',
      limitLabel: 'read bandwidth, measured with as many threads',
      rate: ({ gbPerSecond }) => gbPerSecond,
      limit: (count) => machine.readBandwidth.find(({ threads }) => threads === count)?.gbPerSecond,
      missing:
        'Bytes read per second need a test that decodes in one sequence: bitnet bench -n 128.',
      above:
        'More than 100 %: the bandwidth is that of 512 MiB from memory; what of a model stays in the caches is read faster. Neurons that were skipped count as read, too.',
    },
    {
      title: 'Prompts: multiply-adds of ternary layers',
      unit: 'GMAC/s',
      limitLabel: `multiply peak (${machine.multiplyInstruction}), measured with as many threads`,
      rate: ({ gmacPerSecond }) => gmacPerSecond,
      limit: (count) =>
        machine.multiplyPeak.find(({ threads }) => threads === count)?.gmacPerSecond,
      missing:
        'Multiply-adds per second need a test of a prompt and a ternary model: bitnet bench -p 512.',
      above: 'More than 100 %: the machine was slower while its peak was measured; measure again.',
    },
  ];
  const measured = peaks.map((peak) => ({
    peak,
    of: results.filter((result) => peak.rate(result) !== null && !result.extrapolated),
  }));
  return {
    heading: 'How near the limits of the machine',
    figures: measured.filter(({ of }) => of.length > 0).map(({ peak, of }) => peakPlot(peak, of)),
    missing: measured.filter(({ of }) => of.length === 0).map(({ peak }) => peak.missing),
  };
}

function peakPlot(peak: Peak, results: readonly BenchResult[]) {
  const { title, unit, limitLabel, rate, limit } = peak;
  const names = namesOf(results);
  const isAbove = results.some(
    (result) => rate(result)! > (limit(result.threads) ?? Number.POSITIVE_INFINITY),
  );
  return barPlot({
    title,
    caption: [names.common, isAbove ? peak.above : ''].filter(Boolean).join('. '),
    ...{ label: unit, limitLabel },
    bars: results.map((result, i) => {
      const value = rate(result)!;
      const most = limit(result.threads);
      const part = most === undefined ? '' : ` (${((100 * value) / most).toFixed(0)} %)`;
      const text = `${digits(value)}${part}`;
      return { label: names.own[i]!, value, text, limit: most };
    }),
  });
}
