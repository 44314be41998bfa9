// Measured kernel choices in the user's cache folder.
import type { MatrixShape, ShapeTiming } from '../../native-types.js';
import { addToCache, isObject, readCache } from './cache-file.js';

/** The file in the cache folder. */
export const kernelsFile = 'kernels.json';

type Keyed = MatrixShape & { readonly key: string };

/** What is known of `shapes`, by key; what makes no sense is unknown. */
export async function readTimings(
  shapes: readonly Keyed[],
  candidates: readonly string[],
): Promise<Map<string, ShapeTiming>> {
  const known = new Map<string, ShapeTiming>();
  if (shapes.length === 0) return known;
  const entries = await readCache(kernelsFile);
  for (const shape of shapes) {
    const entry = entries.get(shape.key);
    if (isTimingOf(entry, shape, candidates)) known.set(shape.key, entry);
  }
  return known;
}

/** Adds to what is remembered. */
export function writeTimings(timings: ReadonlyMap<string, ShapeTiming>): Promise<void> {
  return addToCache(kernelsFile, timings);
}

function isTimingOf(
  entry: unknown,
  { rows, cols }: MatrixShape,
  candidates: readonly string[],
): entry is ShapeTiming {
  return (
    isObject(entry) &&
    entry.rows === rows &&
    entry.cols === cols &&
    candidates.includes(entry.kernel as string) &&
    Array.isArray(entry.timings) &&
    entry.timings.length === candidates.length &&
    entry.timings.every(
      (timing: unknown, i) =>
        isObject(timing) &&
        timing.kernel === candidates[i] &&
        isRate(timing.token) &&
        isRate(timing.batch),
    )
  );
}

function isRate(value: unknown): boolean {
  return typeof value === 'number' && value >= 0;
}
