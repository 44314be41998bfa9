import { BitnetError } from '../errors.js';
import { halfValue } from '../gguf/half.js';
import { fileSentence, quote } from '../gguf/malformed.js';
import type { Dtype } from './dtypes.js';
import type { SafetensorsTensor } from './types.js';

/**
 * The numbers of a tensor, or of some of its rows, as 32-bit floats. All keep their values but those
 * of F64, which are rounded to the nearest.
 *
 * @param bytes the data as in the file; of F32 the result may be the same memory
 * @throws ERR_BITNET_TYPE when the dtype is an F8, complex, BOOL, unsigned and wider than U8, or of
 * less than a byte, when an integer has no float of its value, and when a number of F64 is beyond all
 */
export function toFloat32(tensor: SafetensorsTensor, bytes: Uint8Array): Float32Array {
  const decode = decoders[tensor.dtype];
  if (decode) return decode(bytes, tensor);
  const known = Object.keys(decoders).join(', ');
  throw unsuitable(tensor, 'dtype', `one of ${known}`, tensor.dtype);
}

const decoders: Readonly<
  Partial<Record<Dtype, (bytes: Uint8Array, tensor: SafetensorsTensor) => Float32Array>>
> = {
  F64: (bytes, tensor) => fromDoubles(over(Float64Array, bytes), tensor),
  F32: (bytes) => over(Float32Array, bytes),
  F16: (bytes) => fromHalves(over(Uint16Array, bytes)),
  BF16: (bytes) => fromBfloats(over(Uint16Array, bytes)),
  U8: (bytes) => new Float32Array(bytes),
  I8: (bytes) => new Float32Array(over(Int8Array, bytes)),
  I16: (bytes) => new Float32Array(over(Int16Array, bytes)),
  I32: (bytes, tensor) => fromIntegers(over(Int32Array, bytes), tensor),
  I64: (bytes, tensor) => fromIntegers(over(BigInt64Array, bytes), tensor),
};

/** A typed array over the bytes, or over a copy of them where they do not lie as it needs. */
function over<T>(
  type: { readonly BYTES_PER_ELEMENT: number } & (new (
    buffer: ArrayBufferLike,
    begin: number,
    length: number,
  ) => T),
  bytes: Uint8Array,
): T {
  const size = type.BYTES_PER_ELEMENT;
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  return new type(aligned.buffer, aligned.byteOffset, bytes.length / size);
}

function fromDoubles(values: Float64Array, tensor: SafetensorsTensor): Float32Array {
  const floats = new Float32Array(values);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (Number.isFinite(value) && !Number.isFinite(floats[i]!)) throw inexact(tensor, value);
  }
  return floats;
}

function fromIntegers(values: Int32Array | BigInt64Array, tensor: SafetensorsTensor): Float32Array {
  const floats = new Float32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    floats[i] = Number(value);
    if (BigInt(floats[i]!) !== BigInt(value)) throw inexact(tensor, value);
  }
  return floats;
}

/** A bfloat16 is the upper half of a float. */
function fromBfloats(values: Uint16Array): Float32Array {
  const bits = new Uint32Array(values.length);
  for (let i = 0; i < bits.length; i++) bits[i] = values[i]! << 16;
  return new Float32Array(bits.buffer);
}

function fromHalves(values: Uint16Array): Float32Array {
  halves ??= Float32Array.from({ length: 2 ** 16 }, (_, bits) => halfValue(bits));
  const floats = new Float32Array(values.length);
  for (let i = 0; i < floats.length; i++) floats[i] = halves[values[i]!]!;
  return floats;
}

/** [2^16] the value of each IEEE half. */
let halves: Float32Array | undefined;

function inexact(tensor: SafetensorsTensor, value: number | bigint): BitnetError {
  return unsuitable(tensor, 'data', 'numbers that a 32-bit float can hold', `${value}`);
}

function unsuitable(
  { name, file: { path } }: SafetensorsTensor,
  what: string,
  expected: string,
  found: string,
): BitnetError {
  const field = `tensor ${quote(name)} ${what}`;
  const message = fileSentence(path, field, expected, found, 'save the tensor as F32');
  return new BitnetError('ERR_BITNET_TYPE', message, { path, field, expected, found });
}
