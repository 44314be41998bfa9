// Measured kernel choices in the user's cache folder. A cache that cannot be read or written is none.
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { cacheFolder } from '../cache-folder.js';
import type { MatrixShape, ShapeTiming } from '../native.js';

/** Shapes that are remembered; the oldest are forgotten. */
const mostEntries = 500;

type Keyed = MatrixShape & { readonly key: string };

/** Where choices are remembered. */
export function cachePath(): string {
  return join(cacheFolder(), 'kernels.json');
}

/** What is known of `shapes`, by key; what makes no sense is unknown. */
export async function readTimings(
  shapes: readonly Keyed[],
  candidates: readonly string[],
): Promise<Map<string, ShapeTiming>> {
  const known = new Map<string, ShapeTiming>();
  if (shapes.length === 0) return known;
  const entries = await readEntries();
  for (const shape of shapes) {
    const entry = entries.get(shape.key);
    if (isTimingOf(entry, shape, candidates)) known.set(shape.key, entry);
  }
  return known;
}

/** Adds to what is remembered. */
export async function writeTimings(timings: ReadonlyMap<string, ShapeTiming>): Promise<void> {
  const path = cachePath();
  const part = `${path}.${process.pid}-${Math.random().toString(36).slice(2)}`;
  try {
    const entries = await readEntries();
    for (const [key, timing] of timings) {
      entries.delete(key); // so that it becomes the newest
      entries.set(key, timing);
    }
    const newest = [...entries].slice(-mostEntries);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(part, `${JSON.stringify(Object.fromEntries(newest), null, 1)}\n`);
    await rename(part, path); // readers see the old file or the new one
  } catch {
    await rm(part, { force: true }).catch(() => {});
  }
}

async function readEntries(): Promise<Map<string, unknown>> {
  try {
    const entries: unknown = JSON.parse(await readFile(cachePath(), 'utf8'));
    return new Map(isObject(entries) ? Object.entries(entries) : []);
  } catch {
    return new Map();
  }
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

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
