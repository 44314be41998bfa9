export interface Spread {
  readonly median: number;
  readonly mean: number;
  /** Sample standard deviation; 0 for one sample. */
  readonly sd: number;
}

/** A standard deviation above this part of the mean is too much to compare by. */
const noisyPart = 0.05;

/** Median, mean and sample standard deviation of at least one number. */
export function spread(samples: readonly number[]): Spread {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const median = (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
  const mean = sorted.reduce((sum, x) => sum + x, 0) / sorted.length;
  const squares = sorted.reduce((sum, x) => sum + (x - mean) ** 2, 0);
  return { median, mean, sd: Math.sqrt(squares / Math.max(1, sorted.length - 1)) };
}

/** Whether samples vary so much. */
export function isNoisy({ sd, mean }: Spread): boolean {
  return sd > noisyPart * mean;
}
