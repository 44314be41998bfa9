import { largestOf, smallestOf } from '../../extremes.js';
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
  const sizeOf = sizeReader(floats, cols);
  const step = Math.max(1, Math.floor(pieceLength / cols));
  for (let row = 0; row < rows; row++) {
    const begin = sourceRow(row) * cols;
    for (let group = 0; group < perRow; group++) {
      const end = begin + Math.min((group + 1) * groupCols, cols);
      const size = sizeOf(begin + group * groupCols, end);
      if (size < 0) return mismatch(floats, row, begin + group * groupCols, end);
      sizes[row * perRow + group] = size;
    }
    if (row % step === 0 && slice.due()) await slice.pause();
  }
  const real = new Float32Array(sizes.buffer);
  if (values) for (let i = 0; i < real.length; i++) real[i] = values[sizes[i]!]!;
  return { scales: sharedScales(real, perRow) };
}

/** Of the numbers from one index to another the bits of the one size that all but zeros have, 0 where all are zeros, −1 where there are several sizes. */
type SizeOf = (begin: number, end: number) => number;

function sizeReader({ words }: Floats, cols: number): SizeOf {
  if (words instanceof Uint32Array)
    return (begin, end) => sizeOfWords(words, begin, end, 0x7fffffff);
  if (cols % 2 !== 0 || words.byteOffset % 4 !== 0) {
    return (begin, end) => sizeOfWords(words, begin, end, 0x7fff);
  }
  const pairs = new Uint32Array(words.buffer, words.byteOffset, words.length / 2);
  return (begin, end) => sizeOfPairs(pairs, begin / 2, end / 2);
}

function sizeOfWords(
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

/** Two numbers of 16 bits at once, and without a branch: which are zeros is hard to guess. */
function sizeOfPairs(pairs: Uint32Array, begin: number, end: number): number {
  let all = 0;
  for (let i = begin; i < end; i++) all |= pairs[i]!;
  const size = (all | (all >>> 16)) & 0x7fff;
  const both = size | (size << 16);
  let wrong = 0;
  for (let i = begin; i < end; i++) {
    const own = pairs[i]! & 0x7fff7fff;
    const some = ((own + 0x7fff7fff) >>> 15) & 0x00010001; // a bit for each that is not 0
    wrong |= own ^ (both & ((some << 16) - some));
  }
  return wrong === 0 ? size : -1;
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
