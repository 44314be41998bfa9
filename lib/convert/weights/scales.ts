import { largestOf, smallestOf } from '../../extremes.js';
import { groupSizes, type NativeWork } from '../../native.js';
import type { NativeTensor } from '../../native-types.js';
import type { Floats } from './floats.js';

/** Weights of a row among which a scale does not change in any type here. */
export const groupCols = 64;

/** Scales of the trits of a matrix. */
export interface Scales {
  /** [rows, ⌈cols / 64⌉] the size of the weights of each group that are not 0; of one without such the scale of those around it. */
  readonly values: Float32Array;
  /** Groups of a row. */
  readonly perRow: number;
  /** Groups that share a scale: all of the tensor, those of a row, or 4, 2 or 1 of a row. */
  readonly shared: 'tensor' | 'row' | 4 | 2 | 1;
}

/** What `surveyScales` finds. */
export type Survey =
  | { readonly scales: Scales }
  /** Weights that no scale makes trits, and where they are. */
  | { readonly row: number; readonly sizes: readonly [number, number] };

/** One scale for all. */
export function uniformScales(rows: number, cols: number, scale: number): Scales {
  const perRow = Math.ceil(cols / groupCols);
  return { values: new Float32Array(rows * perRow).fill(scale), perRow, shared: 'tensor' };
}

/** Finds out whether weights are trits times scales: whether within each group all that are not 0 have the same size. */
export async function surveyScales(
  matrix: NativeTensor,
  floats: Floats,
  work: NativeWork,
): Promise<Survey> {
  const { rows, cols } = matrix;
  const perRow = Math.ceil(cols / groupCols);
  const sizes = new Float32Array(rows * perRow);
  await groupSizes(matrix, sizes, work);
  const mixed = sizes.indexOf(-1);
  if (mixed < 0) return { scales: sharedScales(sizes, perRow) };
  const row = Math.floor(mixed / perRow);
  const begin = row * cols + (mixed % perRow) * groupCols;
  return mismatch(floats, row, begin, Math.min(begin + groupCols, (row + 1) * cols));
}

/** The first scale that does not pass a test. */
export function findScale(
  { values, perRow, shared }: Scales,
  passes: (scale: number) => boolean,
): number | undefined {
  const step = shared === 'tensor' ? values.length : shared === 'row' ? perRow : shared;
  for (let i = 0; i < values.length; i += step) {
    const scale = values[i]!;
    if ((i === 0 || scale !== values[i - step]) && !passes(scale)) return scale;
  }
  return undefined;
}

function mismatch({ words, values }: Floats, row: number, begin: number, end: number): Survey {
  const group = values
    ? Array.from(words.subarray(begin, end), (word) => values[word]!)
    : [...new Float32Array(words.slice(begin, end).buffer)];
  const sizes = group.map(Math.abs).filter((size) => size !== 0);
  return { row, sizes: [smallestOf(sizes), largestOf(sizes)] };
}

/** Which groups share a scale, as many as possible. */
function sharedScales(values: Float32Array, perRow: number): Scales {
  const units: readonly (readonly [Scales['shared'], groups: number])[] = [
    ['tensor', values.length],
    ['row', perRow],
    [4, 4],
    [2, 2],
  ];
  for (const [shared, groups] of units) {
    if (typeof shared === 'number' && perRow % groups !== 0) continue;
    const filled = filledBy(values, groups);
    if (filled !== undefined) return { values: filled, perRow, shared };
  }
  return { values, perRow, shared: 1 };
}

/** The values with those that are 0 replaced by the others of their unit; undefined where a unit has several. */
function filledBy(values: Float32Array, groups: number): Float32Array | undefined {
  const filled = new Float32Array(values.length);
  for (let begin = 0; begin < values.length; begin += groups) {
    let scale = 0;
    for (let i = begin; i < begin + groups; i++) {
      const own = values[i]!;
      if (own === 0 || own === scale) continue;
      if (scale !== 0) return undefined;
      scale = own;
    }
    filled.fill(scale, begin, begin + groups);
  }
  return filled;
}
