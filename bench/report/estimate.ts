// How well a number from a few samples is known, and what a difference of two such numbers means.
import type { Spread } from './spread.js';

/** A value, its relative standard error and the samples that is from. */
export interface Estimate {
  readonly value: number;
  /** 0 for what is counted; null where a single sample tells nothing about it. */
  readonly error: number | null;
  /** 0 for what is counted. */
  readonly samples: number;
}

/** A ratio of two estimates. */
export interface Ratio {
  readonly value: number;
  /** Relative standard error; null where either one's is not known. */
  readonly error: number | null;
  /** Whether the value is so near to 1 that it may as well be 1, with 95 % confidence; null where the error is not known. */
  readonly withinNoise: boolean | null;
}

/** Relative standard error of the middle of samples; null for fewer than two. */
export function relativeError({ sd, mean }: Spread, samples: number): number | null {
  return samples < 2 ? null : sd / mean / Math.sqrt(samples);
}

/** `over` ÷ `under`. */
export function ratioOf(over: Estimate, under: Estimate): Ratio {
  const value = over.value / under.value;
  if (over.error === null || under.error === null) return { value, error: null, withinNoise: null };
  const error = Math.hypot(over.error, under.error);
  const bound = value * error * studentFactor(degreesOf(over, under));
  return { value, error, withinNoise: Math.abs(value - 1) <= bound };
}

/** Degrees of freedom of a difference by Welch and Satterthwaite; infinite where both are counted. */
function degreesOf(...estimates: readonly Estimate[]): number {
  let variance = 0;
  let parts = 0;
  for (const { error, samples } of estimates) {
    variance += error! ** 2;
    parts += error! ** 4 / Math.max(1, samples - 1);
  }
  return parts > 0 ? variance ** 2 / parts : Number.POSITIVE_INFINITY;
}

/** Student's t of 95 % on both sides, by degrees of freedom. */
const students: readonly (readonly [degrees: number, factor: number])[] = [
  [1, 12.706],
  [2, 4.303],
  [3, 3.182],
  [4, 2.776],
  [5, 2.571],
  [6, 2.447],
  [8, 2.306],
  [10, 2.228],
  [15, 2.131],
  [20, 2.086],
  [30, 2.042],
  [60, 2],
];

/** Standard errors within which 95 % lie: of the next row with fewer degrees of freedom, which is the larger number. */
export function studentFactor(degrees: number): number {
  const [, factor] = students.findLast(([least]) => degrees >= least - 1e-9) ?? students[0]!;
  return factor;
}
