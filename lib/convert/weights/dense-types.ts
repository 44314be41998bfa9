import { halfBits, halfValue } from '../../gguf/half.js';
import type { SafetensorsTensor } from '../../safetensors/types.js';
import { type Floats, plainFloats } from './floats.js';

/** Types of single numbers. */
export type DenseType = 'F16' | 'BF16' | 'F32';

export const denseBytes: Readonly<Record<DenseType, number>> = { F16: 2, BF16: 2, F32: 4 };

/** The type that holds the numbers of a tensor as they are; F64 is rounded to F32. */
export function ownType({ dtype }: Pick<SafetensorsTensor, 'dtype'>): DenseType {
  return dtype === 'F16' || dtype === 'BF16' ? dtype : 'F32';
}

/** Numbers in a type, rounded to the nearest, ties to even. */
export function encodeFloats(floats: Floats, own: DenseType, type: DenseType): Uint8Array {
  const { words, values } = floats;
  if (type === own) return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
  if (type === 'F32') return bytesOf(plainFloats(floats));
  const encode = type === 'F16' ? halfBits : bfloatBits;
  if (values === undefined) {
    const plain = plainFloats(floats);
    const encoded = new Uint16Array(plain.length);
    for (let i = 0; i < plain.length; i++) encoded[i] = encode(plain[i]!);
    return bytesOf(encoded);
  }
  const table = tableOf(own, type, values, encode);
  const encoded = new Uint16Array(words.length);
  for (let i = 0; i < words.length; i++) encoded[i] = table[words[i]!]!;
  return bytesOf(encoded);
}

/** Whether a type holds a number exactly. */
export function isExact(type: 'F16' | 'BF16', value: number): boolean {
  const bits = bitsOf(value);
  if (type === 'BF16') return (bits & 0xffff) === 0;
  const exponent = (bits >>> 23) & 255;
  if (exponent >= 113 && exponent <= 142) return (bits & 0x1fff) === 0;
  return halfValue(halfBits(value)) === value;
}

/** The bits of the bfloat16 nearest to a 32-bit float, ties to even. */
export function bfloatBits(value: number): number {
  const bits = bitsOf(value);
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

function bitsOf(value: number): number {
  float[0] = value;
  return floatBits[0]!;
}

const float = new Float32Array(1);
const floatBits = new Uint32Array(float.buffer);

const tables = new Map<string, Uint16Array>();

/** [2^16] for each pattern of a 16-bit type the bits in another one. */
function tableOf(
  own: DenseType,
  type: DenseType,
  values: Float32Array,
  encode: (value: number) => number,
): Uint16Array {
  const key = `${own} ${type}`;
  const table = tables.get(key) ?? Uint16Array.from(values, encode);
  tables.set(key, table);
  return table;
}

function bytesOf(array: Uint16Array | Float32Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
