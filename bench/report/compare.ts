import { basename } from 'node:path';
import { type Estimate, ratioOf, relativeError } from './estimate.js';
import type { BenchReport, BenchResult } from './report.js';
import type { Spread } from './spread.js';

/** How one test changed from one report to another. */
export interface Change {
  /** File name of the model. */
  readonly model: string;
  readonly format: string;
  readonly test: string;
  readonly threads: number;
  readonly oldKernel: string;
  readonly newKernel: string;
  /** What else was set differently, in words. */
  readonly differences: readonly string[];
  readonly oldTokensPerSecond: Spread;
  readonly newTokensPerSecond: Spread;
  /** New median ÷ old median. */
  readonly ratio: number;
  /** Standard error of `ratio`, from the samples of both; null where either report has a single one. */
  readonly ratioError: number | null;
  /**
   * Whether `ratio` is nearer to 1 than Student's t of 95 % times its error: with few samples many times that; null where that is not
   * known.
   */
  readonly withinNoise: boolean | null;
}

export interface Comparison {
  readonly changes: readonly Change[];
  /** Tests that only one of the reports has. */
  readonly onlyOld: readonly string[];
  readonly onlyNew: readonly string[];
  /** What differs between the machines, in words: rates then say little about the program. */
  readonly machine: readonly string[];
}

/**
 * Pairs the tests of two reports by model file name, format, test and threads, and where that leaves a choice by the same kernel and
 * then by what else was set.
 */
export function compareReports(older: BenchReport, newer: BenchReport): Comparison {
  const changes: Change[] = [];
  const rest = [...newer.results];
  const onlyOld: string[] = [];
  for (const old of older.results) {
    const same = rest.filter((result) => key(result) === key(old));
    const [found] = same.toSorted((a, b) => unlikeness(old, a) - unlikeness(old, b));
    if (!found) {
      onlyOld.push(key(old));
      continue;
    }
    rest.splice(rest.indexOf(found), 1);
    changes.push(change(old, found));
  }
  return { changes, onlyOld, onlyNew: rest.map(key), machine: machineChanges(older, newer) };
}

function change(older: BenchResult, newer: BenchResult): Change {
  const { value: ratio, error, withinNoise } = ratioOf(rateOf(newer), rateOf(older));
  return {
    model: basename(older.model),
    format: older.format,
    test: older.test,
    threads: older.threads,
    oldKernel: older.kernel.ternary,
    newKernel: newer.kernel.ternary,
    differences: differencesOf(older, newer),
    oldTokensPerSecond: older.tokensPerSecond,
    newTokensPerSecond: newer.tokensPerSecond,
    ratio,
    ratioError: error === null ? null : ratio * error,
    withinNoise,
  };
}

/** What may be set differently and change a rate; a kernel outweighs all of it. */
function unlikeness(older: BenchResult, newer: BenchResult): number {
  const kernels = older.kernel.ternary === newer.kernel.ternary ? 0 : 4;
  return kernels + differencesOf(older, newer).length;
}

function differencesOf(older: BenchResult, newer: BenchResult): string[] {
  const on = (value: boolean) => (value ? 'on' : 'off');
  const values = ({ batch, headPrefilter, skipInactive }: BenchResult) => [
    ...[
      `batch ${batch}`,
      `head prefilter ${on(headPrefilter)}`,
      `skipping of inactive neurons ${on(skipInactive)}`,
    ],
  ];
  const now = values(newer);
  return values(older).flatMap((text, i) =>
    text === now[i] ? [] : [`${text} → ${now[i]!.split(' ').at(-1)}`],
  );
}

function rateOf({ tokensPerSecond, samples: { length } }: BenchResult): Estimate {
  const error = relativeError(tokensPerSecond, length);
  return { value: tokensPerSecond.median, error, samples: length };
}

function machineChanges({ machine: a }: BenchReport, { machine: b }: BenchReport): string[] {
  const found: string[] = [];
  if (a.cpu !== b.cpu) found.push(`the CPU was ${a.cpu} and is ${b.cpu}`);
  for (const { threads, gbPerSecond: old } of a.readBandwidth) {
    const now = b.readBandwidth.find((other) => other.threads === threads)?.gbPerSecond;
    if (now === undefined || Math.abs(now / old - 1) <= 0.05) continue;
    found.push(
      `${threads} ${threads === 1 ? 'thread' : 'threads'} read ${old.toFixed(1)} GB/s and now ${now.toFixed(1)} GB/s`,
    );
  }
  return found;
}

function key({ model, format, test, threads }: BenchResult): string {
  return `${basename(model)} ${format} ${test}, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
}
