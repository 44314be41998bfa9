// Statistics of paired ratios that ask nothing of their distribution.

/**
 * The median of at least one ratio, and the interval that the sign test leaves for the true median: from the k-th smallest to
 * the k-th largest, with the largest k that covers 95 % or more. Null where there are too few for that: below six.
 */
export function medianOf(ratios) {
  const sorted = ratios.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2;
  const k = rankOf(sorted.length);
  return { median, interval: k > 0 ? [sorted[k - 1], sorted[sorted.length - k]] : null };
}

/** How likely the interval of so many ratios covers the true median; null where there is none. */
export function coverageOf(count) {
  const k = rankOf(count);
  return k > 0 ? 1 - 2 * below(k, count) : null;
}

function rankOf(count) {
  let k = 0;
  while (2 * below(k + 1, count) <= 0.05) k++;
  return k;
}

/** That fewer than k of `count` fair coins show heads. */
function below(k, count) {
  let sum = 0;
  let term = 0.5 ** count;
  for (let i = 0; i < k; i++) {
    sum += term;
    term *= (count - i) / (i + 1);
  }
  return sum;
}
