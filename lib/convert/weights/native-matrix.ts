import { type NativeWork, rowSums } from '../../native.js';
import type { NativeTensor } from '../../native-types.js';
import { type DenseType, denseBytes } from './dense-types.js';
import { type Floats, pieceLength } from './floats.js';

/** A matrix of numbers as native code takes one. */
export function nativeMatrix({ words }: Floats, type: DenseType, cols: number): NativeTensor {
  const bytes = new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
  return { from: { bytes }, offset: 0, type, rows: words.length / cols, cols };
}

/** The mean size of all numbers; NaN or infinite where one is. */
export async function meanMagnitude(matrix: NativeTensor, work: NativeWork): Promise<number> {
  const length = matrix.rows * matrix.cols;
  const whole = Math.floor(length / pieceLength);
  const rest = length % pieceLength;
  const sums = new Float64Array(whole + 1);
  if (whole > 0) {
    const pieces = { ...matrix, rows: whole, cols: pieceLength };
    await rowSums(pieces, sums.subarray(0, whole), work);
  }
  if (rest > 0) {
    const offset = whole * pieceLength * denseBytes[matrix.type as DenseType];
    await rowSums({ ...matrix, offset, rows: 1, cols: rest }, sums.subarray(whole), work);
  }
  return sums.reduce((sum, piece) => sum + piece) / length;
}
