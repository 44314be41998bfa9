import { isExact } from '../weights/dense-types.js';

/** A type of single numbers in checkpoints. */
export type FloatType = 'BF16' | 'F16' | 'F32';

/** The smallest type that holds all 32-bit floats of some chunks exactly. */
export async function exactTypeOf(chunks: AsyncIterable<Uint8Array>): Promise<FloatType> {
  let [bfloat, half] = [true, true];
  for await (const { buffer, byteOffset, length } of chunks) {
    const words = new Uint32Array(buffer, byteOffset, length / 4);
    if (bfloat) bfloat = fitsBfloat(words);
    if (half) half = fitsHalf(words);
    if (!bfloat && !half) return 'F32';
  }
  return bfloat ? 'BF16' : half ? 'F16' : 'F32';
}

function fitsBfloat(words: Uint32Array): boolean {
  let low = 0;
  for (let i = 0; i < words.length; i++) low |= words[i]!;
  return (low & 0xffff) === 0;
}

/** Runs of the same number, as ternary weights are, are looked at once. */
function fitsHalf(words: Uint32Array): boolean {
  const floats = new Float32Array(words.buffer, words.byteOffset, words.length);
  let known = 0;
  for (let i = 0; i < words.length; i++) {
    const size = words[i]! & 0x7fffffff;
    if (size === 0 || size === known) continue;
    if (!isExact('F16', floats[i]!)) return false;
    known = size;
  }
  return true;
}
