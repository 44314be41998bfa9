/*
 * As Math.max(...values) and Math.min(...values) for lists of any length: arguments are put on the
 * stack, which holds about 120,000.
 */

/** The largest of the values; -Infinity when there are none. */
export function largestOf(values: Iterable<number>): number {
  let most = Number.NEGATIVE_INFINITY;
  for (const value of values) most = Math.max(most, value);
  return most;
}

/** The smallest of the values; Infinity when there are none. */
export function smallestOf(values: Iterable<number>): number {
  let least = Number.POSITIVE_INFINITY;
  for (const value of values) least = Math.min(least, value);
  return least;
}
