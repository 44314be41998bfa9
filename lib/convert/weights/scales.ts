import type { TimeSlice } from '../../gguf/time-slice.js';
import { type Floats, pieceLength } from './floats.js';

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

/**
 * Finds out whether weights are trits times scales: whether within each group all that are not 0 have the same size.
 *
 * @param sourceRow the row of the data for each row of the matrix
 */
export async function surveyScales(
  floats: Floats,
  cols: number,
  sourceRow: (row: number) => number,
  slice: TimeSlice,
): Promise<Survey> {
  const { words, values } = floats;
  const rows = words.length / cols;
  const perRow = Math.ceil(cols / groupCols);
  const sizes = new Uint32Array(rows * perRow);
  const step = Math.max(1, Math.floor(pieceLength / cols));
  for (let row = 0; row < rows; row++) {
    const begin = sourceRow(row) * cols;
    for (let group = 0; group < perRow; group++) {
      const end = begin + Math.min((group + 1) * groupCols, cols);
      const size = sizeOf(words, begin + group * groupCols, end, values ? 0x7fff : 0x7fffffff);
      if (size < 0) return mismatch(floats, row, begin + group * groupCols, end);
      sizes[row * perRow + group] = size;
    }
    if (row % step === 0 && slice.due()) await slice.pause();
  }
  const real = values
    ? Float32Array.from(sizes, (size) => values[size]!)
    : new Float32Array(sizes.buffer);
  return { scales: sharedScales(real, perRow) };
}

/** The bits of the one size that numbers other than 0 have, 0 where there are none, −1 where they have several. */
function sizeOf(
  words: Uint16Array | Uint32Array,
  begin: number,
  end: number,
  sizeBits: number,
): number {
  let size = 0;
  for (let i = begin; i < end; i++) {
    const own = words[i]! & sizeBits;
    if (own === 0 || own === size) continue;
    if (size !== 0) return -1;
    size = own;
  }
  return size;
}

function mismatch({ words, values }: Floats, row: number, begin: number, end: number): Survey {
  const group = values
    ? Array.from(words.subarray(begin, end), (word) => values[word]!)
    : [...new Float32Array(words.slice(begin, end).buffer)];
  const sizes = group.map(Math.abs).filter((size) => size !== 0);
  return { row, sizes: [Math.min(...sizes), Math.max(...sizes)] };
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
