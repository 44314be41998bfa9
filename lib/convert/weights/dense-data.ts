import type { BitnetError } from '../../errors.js';
import { typeNamed } from '../../gguf/tensor-types.js';
import type { TimeSlice } from '../../gguf/time-slice.js';
import type { GgufChunks } from '../../gguf/writer.js';
import type { RowOrder } from '../tensors/orders.js';
import { type DenseType, encodeFloats, isExact } from './dense-types.js';
import { type Floats, partOf, pieceLength, plainFloats } from './floats.js';
import { groupCols } from './scales.js';
import type { TritMatrix } from './trits.js';

/** [end − begin, cols] numbers of some rows, in GGUF order. */
export type Rows = (begin: number, end: number) => Floats;

/** Rows of numbers as they are. */
export function storedRows(floats: Floats, cols: number, order: RowOrder): Rows {
  const { words } = floats;
  return (begin, end) => {
    const gathered = words.slice(begin * cols, end * cols);
    for (let row = begin; row < end; row++) {
      const from = order(row) * cols;
      gathered.set(words.subarray(from, from + cols), (row - begin) * cols);
    }
    return { ...floats, words: gathered } as Floats;
  };
}

/** Rows of trits times their scales. */
export function tritRows({ cols, codes, scales }: TritMatrix): Rows {
  const { values, perRow } = scales;
  return (begin, end) => {
    const trits = codes(begin, end);
    const floats = new Float32Array(trits.length);
    for (let row = begin, i = 0; row < end; row++) {
      for (let col = 0; col < cols; col++, i++) {
        floats[i] = (trits[i]! - 1) * values[row * perRow + Math.floor(col / groupCols)]!;
      }
    }
    return { words: new Uint32Array(floats.buffer) };
  };
}

/** A matrix of single numbers to be written. */
export interface DenseMatrix {
  readonly type: DenseType;
  /** The type that the numbers have. */
  readonly own: DenseType;
  readonly rows: number;
  readonly cols: number;
  readonly rowsOf: Rows;
  readonly slice: TimeSlice;
  /** Called with how many rows are done. */
  readonly onRows: (rows: number) => void;
  /** Makes the error for numbers that the type cannot hold at all. */
  readonly onOverflow: () => BitnetError;
  /** Makes the error for a matrix of which nothing but zeros would be left. */
  readonly onVanish: () => BitnetError;
}

/** The data of a matrix of single numbers. */
export function denseData(matrix: DenseMatrix): GgufChunks {
  const { type, rows, cols } = matrix;
  return { bytes: typeNamed(type)!.bytes(rows, cols)!, chunks: chunksOf(matrix) };
}

/** Numbers of a chunk. */
const chunkLength = 2 ** 20;

async function* chunksOf({
  type,
  own,
  rows,
  cols,
  rowsOf,
  slice,
  onRows,
  onOverflow,
  onVanish,
}: DenseMatrix): AsyncGenerator<Uint8Array, void, undefined> {
  const step = Math.max(1, Math.floor(chunkLength / cols));
  let [kept, vanished] = [false, false];
  for (let begin = 0; begin < rows; begin += step) {
    const end = Math.min(begin + step, rows);
    const floats = rowsOf(begin, end);
    const encoded = encodeChecked(floats, own, type, onOverflow);
    if (type !== own && type !== 'F32') {
      kept ||= wordsOf(encoded).some((word) => (word & 0x7fff) !== 0);
      vanished ||= !kept && plainFloats(floats).some((value) => value !== 0);
      if (end === rows && vanished && !kept) throw onVanish();
    }
    yield encoded;
    onRows(end);
    if (slice.due()) await slice.pause();
  }
}

/** Finite numbers in a type. @throws what `onOverflow` makes where one becomes infinite */
export function encodeChecked(
  floats: Floats,
  own: DenseType,
  type: DenseType,
  onOverflow: () => BitnetError,
): Uint8Array {
  const encoded = encodeFloats(floats, own, type);
  if (type === own || type === 'F32') return encoded;
  const exponent = type === 'F16' ? 0x7c00 : 0x7f80;
  if (wordsOf(encoded).some((word) => (word & exponent) === exponent)) throw onOverflow();
  return encoded;
}

function wordsOf({ buffer, byteOffset, length }: Uint8Array): Uint16Array {
  return new Uint16Array(buffer, byteOffset, length / 2);
}

/** The smallest type that holds 32-bit floats exactly. */
export async function exactType(floats: Floats, slice: TimeSlice): Promise<DenseType> {
  const { length } = floats.words;
  let types: ('BF16' | 'F16')[] = ['BF16', 'F16'];
  for (let begin = 0; begin < length && types.length > 0; begin += pieceLength) {
    const piece = partOf(floats, begin, begin + pieceLength);
    types = types.filter((type) => holds(type, piece));
    if (slice.due()) await slice.pause();
  }
  return types[0] ?? 'F32';
}

/** Whether a type holds 32-bit floats exactly. */
export function holds(type: 'BF16' | 'F16', floats: Floats): boolean {
  return plainFloats(floats).every((value) => isExact(type, value));
}
