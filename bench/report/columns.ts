import { bytes } from '../../lib/byte-size.js';
import { isTernary } from '../../lib/model/spec/graph-tensors.js';
import { digits, rateText, significant } from './numbers.js';
import type { BenchResult } from './report.js';

/** A column of the table of a report. */
export interface Column {
  readonly title: string;
  readonly cell: (result: BenchResult) => string;
  /** Text stands on the left, numbers on the right. */
  readonly text?: true;
  /** Whether the column is there at all. */
  readonly wanted?: (result: BenchResult) => boolean;
}

const none = '–';

/** docs/cli/bench.md explains each. */
const columns: readonly Column[] = [
  { title: 'test', cell: ({ test }) => test, text: true },
  { title: 'threads', cell: ({ threads }) => String(threads) },
  { title: 'kernel', cell: kernelName, text: true },
  {
    title: 'tokens/s',
    cell: ({ tokensPerSecond }) => rateText(tokensPerSecond),
  },
  { title: 'ms/token', cell: ({ millisecondsPerToken }) => significant(millisecondsPerToken) },
  {
    title: 'first token',
    cell: ({ timeToFirstTokenMilliseconds: first }) =>
      first === null ? none : `${significant(first)} ms`,
    wanted: ({ timeToFirstTokenMilliseconds: first }) => first !== null,
  },
  {
    title: 'GB/s',
    cell: ({ gbPerSecond }) => (gbPerSecond === null ? none : digits(gbPerSecond)),
    wanted: ({ gbPerSecond }) => gbPerSecond !== null,
  },
  { title: 'of limit', cell: limit },
  {
    title: 'J/token',
    cell: ({ joulesPerToken, joulesPerTokenSd: sd }) =>
      optional(joulesPerToken) + (sd === null ? '' : ` ± ${significant(sd)}`),
    wanted: ({ joulesPerToken }) => joulesPerToken !== null,
  },
  {
    title: 'net J/token',
    cell: ({ netJoulesPerToken }) => optional(netJoulesPerToken),
    wanted: ({ netJoulesPerToken }) => netJoulesPerToken !== null,
  },
  {
    title: 'watts',
    cell: ({ watts }) => optional(watts),
    wanted: ({ watts }) => watts !== null,
  },
  {
    title: 'peak RSS',
    cell: ({ peakRssBytes }) => (peakRssBytes === null ? none : bytes(peakRssBytes)),
  },
  // Not measured, therefore apart from what is.
  {
    title: 'assumed J',
    cell: ({ assumedJoulesPerToken }) => optional(assumedJoulesPerToken),
    wanted: ({ assumedJoulesPerToken }) => assumedJoulesPerToken !== null,
  },
  {
    title: 'modeled mJ',
    cell: ({ modeledJoulesPerToken: { nm7 } }) => significant(1000 * nm7),
  },
];

/** The columns that have something to say about these results. */
export function columnsFor(results: readonly BenchResult[]): Column[] {
  return columns.filter(({ wanted }) => !wanted || results.some(wanted));
}

function optional(value: number | null): string {
  return value === null ? none : significant(value);
}

/** The kernel of most of the work: of a model in floats the dense one. */
export function kernelName({ format, kernel }: BenchResult): string {
  return isTernary(format.toUpperCase()) ? kernel.ternary : `dense ${kernel.dense}`;
}

function limit({ fractionOfReadBandwidth: read, fractionOfMultiplyPeak: multiply }: BenchResult) {
  if (read !== null) return `${(100 * read).toFixed(0)} % read`;
  if (multiply !== null) return `${(100 * multiply).toFixed(0)} % mul.`;
  return none;
}
