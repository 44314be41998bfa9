import { halfBits } from '../../gguf/half.js';
import { i2sTail, packTrits, type TernaryType } from '../../gguf/pack-trits.js';
import { typeNamed } from '../../gguf/tensor-types.js';
import { encodeRows, type NativeWork } from '../../native.js';
import type { NativeTensor } from '../../native-types.js';
import { type RowOrder, sameOrder } from '../tensors/orders.js';
import type { Floats } from './floats.js';
import { type Scales, uniformScales } from './scales.js';

/** Trits of a matrix, rows in GGUF order, and their scales. */
export interface TritMatrix {
  readonly rows: number;
  readonly cols: number;
  /** [end − begin, cols] codes 0, 1, 2 of the trits −1, 0, +1 of some rows, until the next call. */
  readonly codes: (begin: number, end: number) => Uint8Array;
  /**
   * Rows as a type that fits stores them, with scales rounded where it has 16-bit ones; the last of I2_S are followed by the scale.
   * They begin at a multiple of 128.
   */
  readonly pack: (type: TernaryType, begin: number, end: number) => Promise<Uint8Array>;
  /** How many weights are best packed at once. */
  readonly chunkWeights: number;
  readonly scales: Scales;
}

/** Weights of floats, whose trits and scales are known. */
export function floatMatrix(
  floats: Floats,
  matrix: NativeTensor,
  limit: number,
  scales: Scales,
  work: NativeWork,
): TritMatrix {
  const { rows, cols } = matrix;
  const pack = nativePack(matrix, scales, limit, work);
  const codes = floatCodes(floats, cols, limit);
  return { rows, cols, codes, pack, chunkWeights, scales };
}

/** What is packed at once by native code. */
const chunkWeights = 2 ** 23;

function nativePack(
  matrix: NativeTensor,
  scales: Scales,
  zeroLimit: number,
  work: NativeWork,
): TritMatrix['pack'] {
  return async (type, begin, end) => {
    const { rows, cols } = matrix;
    const { bytes } = typeNamed(type)!;
    const tail = type === 'I2_S' && end < rows ? bytes(0, cols)! : 0;
    const out = Buffer.allocUnsafe(bytes(end - begin, cols)! - tail);
    const target = { type, scale: scales.values[0]!, given: scales.values, zeroLimit };
    await encodeRows(matrix, { row: begin, count: end - begin }, target, out, work);
    return out;
  };
}

/** Trits that are packed already, with one scale. */
export function packedMatrix(
  bytes: Buffer,
  rows: number,
  cols: number,
  order: RowOrder,
  scale: number,
  work: NativeWork,
): TritMatrix {
  const codes = packedCodes(bytes, rows, cols, order);
  const scales = uniformScales(rows, cols, scale);
  if (order === sameOrder) {
    const matrix = { from: { bytes }, offset: 0, type: 'packed rows', rows, cols };
    return { rows, cols, codes, pack: nativePack(matrix, scales, 0, work), chunkWeights, scales };
  }
  const half = halfBits(scale);
  const pack = async (type: TernaryType, begin: number, end: number) => {
    const packed = packTrits[type](codes(begin, end), () => half);
    return type === 'I2_S' && end === rows ? Buffer.concat([packed, i2sTail(scale)]) : packed;
  };
  return { rows, cols, codes, pack, chunkWeights: 2 ** 20, scales };
}

/**
 * Codes of floats: +1 above a limit, −1 below its negative, 0 between them.
 *
 * @param limit 0 where weights are trits times a scale already
 */
function floatCodes({ words, values }: Floats, cols: number, limit: number): TritMatrix['codes'] {
  const code = (value: number) => (value > limit ? 2 : value < -limit ? 0 : 1);
  const table = values && new Uint8Array(values.length);
  if (table) for (let i = 0; i < table.length; i++) table[i] = code(values[i]!);
  const floats = values ?? new Float32Array(words.buffer, words.byteOffset, words.length);
  return rowByRow(cols, sameOrder, (from, codes) => {
    if (table === undefined) {
      for (let i = 0; i < cols; i++) codes[i] = code(floats[from + i]!);
    } else if (cols % 4 === 0) {
      const four = new Uint32Array(codes.buffer, codes.byteOffset, cols / 4);
      lookUpFours(words, from, table, four);
    } else {
      for (let i = 0; i < cols; i++) codes[i] = table[words[from + i]!]!;
    }
  });
}

/** Codes of four patterns at a time, as one word. */
function lookUpFours(
  words: Uint16Array | Uint32Array,
  from: number,
  table: Uint8Array,
  out: Uint32Array,
): void {
  for (let i = 0, at = from; i < out.length; i++, at += 4) {
    out[i] =
      table[words[at]!]! |
      (table[words[at + 1]!]! << 8) |
      (table[words[at + 2]!]! << 16) |
      (table[words[at + 3]!]! << 24);
  }
}

/** Codes of rows, each from where it begins in the data. */
function rowByRow(
  cols: number,
  order: RowOrder,
  read: (from: number, codes: Uint8Array, row: number) => void,
): TritMatrix['codes'] {
  let codes = new Uint8Array();
  return (begin, end) => {
    const length = (end - begin) * cols;
    if (codes.length < length) codes = new Uint8Array(length);
    for (let row = begin; row < end; row++) {
      const at = (row - begin) * cols;
      const source = order(row);
      read(source * cols, codes.subarray(at, at + cols), source);
    }
    return codes.subarray(0, length);
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
function packedCodes(
  bytes: Uint8Array,
  rows: number,
  cols: number,
  order: RowOrder,
): TritMatrix['codes'] {
  const packedRows = Math.ceil(rows / 4);
  return rowByRow(cols, order, (_, codes, row) => {
    const from = (row % packedRows) * cols;
    unpackRow(bytes, from, codes, 2 * Math.floor(row / packedRows));
  });
}

/** Four columns at once where the data allows it. */
function unpackRow(bytes: Uint8Array, from: number, codes: Uint8Array, shift: number): void {
  const cols = codes.length;
  if (cols % 4 === 0) {
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset + from, cols / 4);
    const out = new Uint32Array(codes.buffer, codes.byteOffset, cols / 4);
    for (let i = 0; i < out.length; i++) out[i] = (words[i]! >>> shift) & 0x03030303;
  } else {
    for (let i = 0; i < cols; i++) codes[i] = (bytes[from + i]! >> shift) & 3;
  }
}

/** The index of a byte with the code 3 among its four, −1 where there is none. */
export function indexOfCode3(bytes: Uint8Array): number {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length >> 2);
  let seen = 0;
  for (let i = 0; i < words.length; i++) seen |= words[i]! & (words[i]! >>> 1);
  const begin = (seen & 0x55555555) === 0 ? 4 * words.length : 0;
  const rest = bytes.subarray(begin).findIndex((codes) => (codes & (codes >> 1) & 0x55) !== 0);
  return rest < 0 ? -1 : begin + rest;
}
