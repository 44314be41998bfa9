import type { Floats } from './floats.js';
import type { Scales } from './scales.js';

/** Trits of a matrix, rows in GGUF order, and their scales. */
export interface TritMatrix {
  readonly rows: number;
  readonly cols: number;
  /** [end − begin, cols] codes 0, 1, 2 of the trits −1, 0, +1 of some rows. */
  readonly codes: (begin: number, end: number) => Uint8Array;
  readonly scales: Scales;
}

/** The row of the checkpoint for each row of GGUF. */
export type RowOrder = (row: number) => number;

/** For heads whose columns j and j + half become the neighbors 2 j and 2 j + 1. */
export function rowOrder(rows: number, heads: number | undefined): RowOrder {
  if (heads === undefined) return (row) => row;
  const headDim = rows / heads;
  return (row) => {
    const inHead = row % headDim;
    return row - inHead + (inHead & 1) * (headDim / 2) + (inHead >> 1);
  };
}

/**
 * Codes of floats: +1 above a limit, −1 below its negative, 0 between them.
 *
 * @param limit 0 where weights are trits times a scale already
 */
export function floatCodes(
  { words, values }: Floats,
  cols: number,
  limit: number,
  order: RowOrder,
): TritMatrix['codes'] {
  const code = (value: number) => (value > limit ? 2 : value < -limit ? 0 : 1);
  const table = values && Uint8Array.from(values, code);
  const floats = values ?? new Float32Array(words.buffer, words.byteOffset, words.length);
  return (begin, end) => {
    const codes = new Uint8Array((end - begin) * cols);
    for (let row = begin, out = 0; row < end; row++) {
      const from = order(row) * cols;
      if (table) for (let i = from; i < from + cols; i++) codes[out++] = table[words[i]!]!;
      else for (let i = from; i < from + cols; i++) codes[out++] = code(floats[i]!);
    }
    return codes;
  };
}

/** The largest size of a 32-bit float that, divided by a scale, rounds to 0: halves round to even. */
export function zeroLimit(scale: number): number {
  const float = new Float32Array([scale / 2]);
  const bits = new Uint32Array(float.buffer);
  const isZero = () => Math.fround(float[0]! / scale) <= 0.5;
  while (isZero()) bits[0]!++;
  while (!isZero()) bits[0]!--;
  return float[0]!;
}

/** Codes of four rows a byte: row r + i · packedRows of packed row r is at the bits 2 i. */
export function packedCodes(
  bytes: Uint8Array,
  rows: number,
  cols: number,
  order: RowOrder,
): TritMatrix['codes'] {
  const packedRows = Math.ceil(rows / 4);
  return (begin, end) => {
    const codes = new Uint8Array((end - begin) * cols);
    for (let row = begin; row < end; row++) {
      const source = order(row);
      const from = (source % packedRows) * cols;
      const shift = 2 * Math.floor(source / packedRows);
      unpackRow(bytes, from, codes, (row - begin) * cols, cols, shift);
    }
    return codes;
  };
}

/** Four columns at once where the data allows it. */
function unpackRow(
  bytes: Uint8Array,
  from: number,
  codes: Uint8Array,
  to: number,
  cols: number,
  shift: number,
): void {
  if (cols % 4 === 0) {
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset + from, cols / 4);
    const out = new Uint32Array(codes.buffer, codes.byteOffset + to, cols / 4);
    for (let i = 0; i < out.length; i++) out[i] = (words[i]! >>> shift) & 0x03030303;
  } else {
    for (let i = 0; i < cols; i++) codes[to + i] = (bytes[from + i]! >> shift) & 3;
  }
}

/** The index of a byte with the code 3 among its four, −1 where there is none. */
export function indexOfCode3(bytes: Uint8Array): number {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  const word = words.findIndex((codes) => (codes & (codes >>> 1) & 0x55555555) !== 0);
  const begin = 4 * (word < 0 ? words.length : word);
  const rest = bytes.subarray(begin).findIndex((codes) => (codes & (codes >> 1) & 0x55) !== 0);
  return rest < 0 ? -1 : begin + rest;
}
