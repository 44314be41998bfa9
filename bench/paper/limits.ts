import type { Peaks } from '../../lib/machine/peaks.js';
import type { Crossover } from './report.js';
import { bestPeaks, type FormatResults, type SizeResults } from './sizes.js';

/** A result may exceed a limit by so much, which was measured at another moment. */
const tolerance = 1.05;

/** Read bandwidths that differ by more make times of two sizes hard to compare. */
const drift = 1.1;

/** What of these results cannot be, or is doubtful, in sentences. */
export function doubts(all: readonly SizeResults[], crossovers: readonly Crossover[]): string[] {
  return [
    ...all.flatMap(({ size, formats }) =>
      formats.flatMap((one) => impossible(size, one, bestPeaks(all))),
    ),
    ...noise(all),
    ...drifts(all, crossovers),
  ];
}

/** Results beyond the machine's measured limits. */
function impossible(
  size: string,
  { format, modelBytes, prefill, decode, batches }: FormatResults,
  limits: Peaks,
): string[] {
  const name = `${size} ${format}`;
  const beyond = [prefill, decode, ...batches].flatMap(({ test, gbPerSecond, gmacPerSecond }) => {
    const say = (rate: number | null, limit: number, what: string) =>
      rate !== null && rate > tolerance * limit
        ? [
            `${name}: ${test} is at ${((100 * rate) / limit).toFixed(0)} % of ${what}, which cannot be: caches held a part of the weights, or something else ran while the limit or fewer layers were measured.`,
          ]
        : [];
    return [
      ...say(gbPerSecond, limits.gbPerSecond, 'the read bandwidth'),
      ...say(gmacPerSecond, limits.gmacPerSecond, 'the multiply-add peak'),
    ];
  });
  const { peakRssBytes } = decode;
  if (peakRssBytes !== null && modelBytes > tolerance * peakRssBytes) {
    const gb = (bytes: number) => `${(bytes / 1e9).toFixed(2)} GB`;
    beyond.push(
      `${name}: ${gb(modelBytes)} are held, but the process had ${gb(peakRssBytes)} at most.`,
    );
  }
  return beyond;
}

function noise(all: readonly SizeResults[]): string[] {
  const noisy = all.filter(({ formats }) =>
    formats.some(({ prefill, decode }) => prefill.noisy || decode.noisy),
  );
  if (noisy.length === 0) return [];
  const names = noisy.map(({ size }) => size).join(', ');
  return [
    `Samples of ${names} vary by more than 5 %: something else ran on this machine; close it and measure again.`,
  ];
}

/** Sizes are measured one after the other, so that the machine may have changed between the two of a crossover. */
function drifts(all: readonly SizeResults[], crossovers: readonly Crossover[]): string[] {
  const reads = new Map(all.map(({ size, peaks }) => [size, peaks.gbPerSecond]));
  return crossovers.flatMap(({ ternary, fp16 }) => {
    const [a, b] = [reads.get(ternary)!, reads.get(fp16)!];
    if (Math.max(a, b) <= drift * Math.min(a, b)) return [];
    return [
      `Memory was read at ${a.toFixed(1)} GB/s while ${ternary} was measured and at ${b.toFixed(1)} while ${fp16} was: their times compare that badly.`,
    ];
  });
}
