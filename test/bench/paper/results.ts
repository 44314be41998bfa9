import type { FormatResults, SizeResults } from '../../../bench/paper/sizes.js';
import type { BenchResult } from '../../../bench/report/report.js';

/** A result with what the tables read of one: `milliseconds` a token in two samples that are 2 % apart. */
export function resultOf(milliseconds: number, changes: Partial<BenchResult> = {}): BenchResult {
  const rate = 1000 / milliseconds;
  const samples = [1.01 * rate, 0.99 * rate];
  return {
    ...{ test: 'tg16', sequences: 1, threads: 2, noisy: false, extrapolated: null },
    shape: { nLayer: 32, nKvHead: 8, headDim: 128 },
    samples,
    tokensPerSecond: { median: rate, mean: rate, sd: 0.01 * Math.SQRT2 * rate },
    millisecondsPerToken: milliseconds,
    ...{ gbPerSecond: 30, gmacPerSecond: null, peakRssBytes: 1e12 },
    ...{ joulesPerToken: null, joulesPerTokenSd: null, joulesPerTokenSamples: [] },
    ...{ energyReason: 'no counter', energySource: null, energyResolution: null },
    assumedWatts: null,
    ...changes,
  } as unknown as BenchResult;
}

/** What was measured of a format: a prompt's token takes a quarter of a decoded one's time, 8 texts twice and 32 four times that of one. */
export function formatOf(
  format: FormatResults['format'],
  modelBytes: number,
  decode: number,
  changes: Partial<BenchResult> = {},
): FormatResults {
  return {
    ...{ format, modelBytes, modeledJoules: modelBytes * 1e-12 },
    prefill: resultOf(decode / 4, { test: 'pp64', gbPerSecond: null, ...changes }),
    decode: resultOf(decode, changes),
    batches: [
      resultOf((2 * decode) / 8, { test: 'tg2 x8', sequences: 8, gbPerSecond: null, ...changes }),
      resultOf((4 * decode) / 32, {
        test: 'tg1 x32',
        sequences: 32,
        gbPerSecond: null,
        ...changes,
      }),
    ],
  };
}

export function sizeOf(
  size: SizeResults['size'],
  formats: readonly FormatResults[],
  gbPerSecond = 36,
): SizeResults {
  return { size, peaks: { threads: 2, gbPerSecond, gmacPerSecond: 500 }, formats };
}
