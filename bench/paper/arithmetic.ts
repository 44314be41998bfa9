// The arithmetic of the papers' tables, apart from any measurement.
import { type Estimate, ratioOf } from '../report/estimate.js';

/** Bits that a trit has at least: log₂ 3. */
export const tritBits = Math.log2(3);

/** Bits of a weight where five trits share a byte, the densest form in use. */
export const packedTritBits = 8 / 5;

const halfBits = 16;

/** How many times smaller than FP16 weights of so many bits are. No model is smaller by more: what else it holds is not smaller at all. */
export function timesSmaller(bits: number): number {
  return halfBits / bits;
}

/** 'unknown': of one cost there is a single sample, which may be off by any amount. */
export type Verdict = 'holds' | 'fails' | 'within noise' | 'unknown';

/** Whether a cost is below another one, by more than noise. */
export function cheaper(cost: Estimate, than: Estimate): Verdict {
  const { value, withinNoise } = ratioOf(cost, than);
  if (withinNoise === null) return 'unknown';
  if (withinNoise) return 'within noise';
  return value < 1 ? 'holds' : 'fails';
}

/** Sequences whose keys and values fit into a budget beside what a model takes anyway; 0 where it does not fit at all. */
export function largestBatch(budget: number, fixed: number, perSequence: number): number {
  return Math.max(0, Math.floor((budget - fixed) / perSequence));
}

/** Time of one step in which each of so many sequences gets a token. */
export interface StepTime {
  readonly sequences: number;
  readonly milliseconds: number;
}

/** Tokens per second of all sequences together. */
export interface Throughput {
  readonly sequences: number;
  readonly tokensPerSecond: number;
}

/**
 * The best throughput with at most `batch` sequences, from the times of steps in increasing order of sequences, the first with one.
 * Between two of them time is taken from a straight line, on which tokens per second have no maximum but at an end; beyond the last it
 * is not known, and more sequences are not tried.
 */
export function bestThroughput(steps: readonly StepTime[], batch: number): Throughput | null {
  if (batch < 1) return null;
  const within = steps.filter(({ sequences }) => sequences <= batch);
  const next = steps.find(({ sequences }) => sequences > batch);
  const candidates = next ? [...within, between(within.at(-1)!, next, batch)] : within;
  const rates = candidates.map(({ sequences, milliseconds }) => ({
    sequences,
    tokensPerSecond: (1000 * sequences) / milliseconds,
  }));
  return rates.reduce((best, rate) => (rate.tokensPerSecond > best.tokensPerSecond ? rate : best));
}

function between(a: StepTime, b: StepTime, sequences: number): StepTime {
  const perSequence = (b.milliseconds - a.milliseconds) / (b.sequences - a.sequences);
  return { sequences, milliseconds: a.milliseconds + perSequence * (sequences - a.sequences) };
}
