import type { TimeSlice } from '../../gguf/time-slice.js';
import { toFloat32 } from '../../safetensors/to-float32.js';
import type { SafetensorsTensor } from '../../safetensors/types.js';

/** Numbers of a tensor: patterns of 16 bits with a table of what they stand for, or 32-bit floats. */
export type Floats =
  | { readonly words: Uint16Array; readonly values: Float32Array }
  | { readonly words: Uint32Array; readonly values?: undefined };

/** The numbers of a tensor, or of some of its rows; F64 is rounded to F32. */
export function floatsOf(tensor: SafetensorsTensor, bytes: Buffer): Floats {
  const { dtype } = tensor;
  if (dtype === 'F16' || dtype === 'BF16') {
    const words = new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
    return { words, values: valuesOf(tensor, dtype) };
  }
  const floats = toFloat32(tensor, bytes);
  return { words: new Uint32Array(floats.buffer, floats.byteOffset, floats.length) };
}

/** As `floatsOf`, of a whole tensor: lets the event loop turn where each number is rounded. */
export async function allFloatsOf(
  tensor: SafetensorsTensor,
  bytes: Buffer,
  slice: TimeSlice,
): Promise<Floats> {
  if (tensor.dtype !== 'F64') return floatsOf(tensor, bytes);
  const floats = new Float32Array(bytes.length / 8);
  for (let begin = 0; begin < floats.length; begin += pieceLength) {
    floats.set(toFloat32(tensor, bytes.subarray(8 * begin, 8 * (begin + pieceLength))), begin);
    if (slice.due()) await slice.pause();
  }
  return { words: new Uint32Array(floats.buffer) };
}

/** Some of the numbers. */
export function partOf({ words, values }: Floats, begin: number, end: number): Floats {
  return { words: words.subarray(begin, end), values } as Floats;
}

/** The numbers as 32-bit floats. */
export function plainFloats({ words, values }: Floats): Float32Array {
  if (values === undefined) return new Float32Array(words.buffer, words.byteOffset, words.length);
  const floats = new Float32Array(words.length);
  for (let i = 0; i < words.length; i++) floats[i] = values[words[i]!]!;
  return floats;
}

/** The index of a number that is infinite or none, −1 where all are finite. */
export function indexOfNonFinite({ words, values }: Floats): number {
  // Those have the largest exponent.
  const exponent = values === undefined ? 0x7f800000 : values[0x7c00] === 1 / 0 ? 0x7c00 : 0x7f80;
  for (let i = 0; i < words.length; i++) if ((words[i]! & exponent) === exponent) return i;
  return -1;
}

/** Numbers between two looks at the clock. */
export const pieceLength = 2 ** 18;

const tables = new Map<string, Float32Array>();

/** [2^16] what each pattern of a dtype stands for. */
function valuesOf(tensor: SafetensorsTensor, dtype: 'F16' | 'BF16'): Float32Array {
  const known = tables.get(dtype);
  if (known !== undefined) return known;
  const patterns = Uint16Array.from({ length: 2 ** 16 }, (_, bits) => bits);
  const values = toFloat32(tensor, new Uint8Array(patterns.buffer));
  tables.set(dtype, values);
  return values;
}
