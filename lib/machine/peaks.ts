import { multiplyInstruction, multiplyPeak, readBandwidth } from '../native.js';

/** What this machine can do at most with a number of threads. */
export interface Peaks {
  readonly threads: number;
  /** Bytes read from memory, in 10⁹ per second. */
  readonly gbPerSecond: number;
  /** int8 multiply-adds in registers, in 10⁹ per second. */
  readonly gmacPerSecond: number;
}

/** What a machine can do at most, by its threads. */
export interface MachineLimits {
  readonly readBandwidth: readonly { readonly threads: number; readonly gbPerSecond: number }[];
  /** int8 multiply-adds in registers, in 10⁹ per second. */
  readonly multiplyPeak: readonly { readonly threads: number; readonly gmacPerSecond: number }[];
  /** The instruction that does them, such as 'VPDPBUSD zmm'. */
  readonly multiplyInstruction: string;
}

/** @throws ERR_BITNET_MEMORY */
export async function measurePeaks(threads: number): Promise<Peaks> {
  const gmacPerSecond = await multiplyPeak(threads);
  return { threads, gbPerSecond: await readBandwidth(threads), gmacPerSecond };
}

/** The better of two measurements, number by number: something else only ever makes a machine slower. */
export function better(a: Peaks, b: Peaks): Peaks {
  return {
    threads: a.threads,
    gbPerSecond: Math.max(a.gbPerSecond, b.gbPerSecond),
    gmacPerSecond: Math.max(a.gmacPerSecond, b.gmacPerSecond),
  };
}

/** As a report has them. */
export function describePeaks(peaks: readonly Peaks[]): MachineLimits {
  return {
    readBandwidth: peaks.map(({ threads, gbPerSecond }) => ({ threads, gbPerSecond })),
    multiplyPeak: peaks.map(({ threads, gmacPerSecond }) => ({ threads, gmacPerSecond })),
    multiplyInstruction: multiplyInstruction(),
  };
}
