import { BitnetError } from '../errors.js';
import { type GgufArray, GgufNumbers, GgufStrings } from './array.js';
import { maxAlignment } from './limits.js';
import {
  type GgufNumericType,
  type GgufScalarType,
  type GgufValueType,
  valueBytes,
  valueTypes,
} from './value-types.js';

/** A metadata value with the type it gets in the file; a string may be given as raw bytes. */
export type GgufTyped =
  | { readonly type: 'string'; readonly value: string | Uint8Array }
  | { readonly type: GgufNumericType; readonly value: number | bigint | boolean }
  | {
      readonly type: 'array';
      readonly elementType: GgufScalarType;
      readonly values: Iterable<string | Uint8Array | number | bigint | boolean>;
    };

export type GgufEntries = Iterable<readonly [key: string, value: GgufTyped]>;

/** A tensor whose data, padded to the alignment, follows that of the tensor before it. */
export interface TensorPlace {
  readonly name: string;
  readonly dims: readonly number[];
  readonly typeId: number;
  readonly bytes: number;
}

/** The header of a GGUF file, padded to where the tensor data begins. */
export function encodeHeader(
  version: number,
  metadata: GgufEntries,
  tensors: readonly TensorPlace[],
): { bytes: Buffer; alignment: number } {
  const entries = new Map(metadata);
  const alignment = checkedAlignment(entries.get('general.alignment'));
  const out = new Bytes();
  out.raw(Buffer.from('GGUF'));
  out.u32(version);
  out.u64(tensors.length);
  out.u64(entries.size);
  for (const [key, value] of entries) {
    out.string(key);
    encodeValue(out, key, value);
  }
  let offset = 0;
  for (const { name, dims, typeId, bytes } of tensors) {
    out.string(name);
    out.u32(dims.length);
    for (const dim of dims) out.u64(dim);
    out.u32(typeId);
    out.u64(offset);
    offset += Math.ceil(bytes / alignment) * alignment;
  }
  if (tensors.length > 0) out.raw(Buffer.alloc(-out.length & (alignment - 1)));
  return { bytes: out.concat(), alignment };
}

function checkedAlignment(value: GgufTyped | undefined): number {
  if (value === undefined) return 32;
  const alignment = value.type === 'u32' ? Number(value.value) : 0;
  if (alignment > 0 && alignment <= maxAlignment && 2 ** 32 % alignment === 0) return alignment;
  const message = `Expected general.alignment to be a u32 power of two up to ${maxAlignment}, but received ${value.type} ${'value' in value ? value.value : ''}.`;
  throw new BitnetError('ERR_BITNET_ARGUMENT', message, { alignment: value });
}

function encodeValue(out: Bytes, key: string, value: GgufTyped): void {
  out.u32(idOf(value.type));
  if (value.type === 'array' && isStored(value.values)) {
    out.u32(idOf(value.values.elementType));
    out.u64(value.values.length);
    out.raw(value.values.encoded);
  } else if (value.type === 'array') {
    const values = [...value.values];
    out.u32(idOf(value.elementType));
    out.u64(values.length);
    for (const element of values) encodeScalar(out, key, value.elementType, element);
  } else {
    encodeScalar(out, key, value.type, value.value);
  }
}

/** Whether a list is one of a file, which is written as it stands there. */
function isStored(values: unknown): values is GgufArray {
  return values instanceof GgufStrings || values instanceof GgufNumbers;
}

function encodeScalar(
  out: Bytes,
  key: string,
  type: GgufScalarType,
  value: string | Uint8Array | number | bigint | boolean,
): void {
  const isText = typeof value === 'string' || value instanceof Uint8Array;
  if (isText !== (type === 'string')) throw wrongValue(key, type, value);
  if (isText) {
    out.string(value);
    return;
  }
  const bytes = encodeNumber(type as GgufNumericType, value);
  if (bytes === undefined) throw wrongValue(key, type, value);
  out.raw(bytes);
}

function wrongValue(key: string, type: GgufScalarType, value: unknown): BitnetError {
  const message = `Expected the metadata value "${key}" to be a ${type}, but received ${value} of type ${typeof value}.`;
  return new BitnetError('ERR_BITNET_ARGUMENT', message, { key, type, value });
}

/** The bytes of a number; undefined when an integer type cannot hold it exactly. */
function encodeNumber(type: GgufNumericType, value: number | bigint | boolean): Buffer | undefined {
  const bytes = Buffer.alloc(valueBytes[type]);
  if (type === 'f32') bytes.writeFloatLE(Number(value));
  else if (type === 'f64') bytes.writeDoubleLE(Number(value));
  else if (type === 'bool') bytes.writeUInt8(value ? 1 : 0);
  else {
    if (typeof value === 'number' && !Number.isInteger(value)) return undefined;
    const bits = 8 * bytes.length;
    const integer = BigInt(value);
    const wrapped = type.startsWith('u')
      ? BigInt.asUintN(bits, integer)
      : BigInt.asIntN(bits, integer);
    if (wrapped !== integer) return undefined;
    const unsigned = BigInt.asUintN(bits, integer);
    for (let i = 0; i < bytes.length; i++) bytes[i] = Number((unsigned >> BigInt(8 * i)) & 255n);
  }
  return bytes;
}

function idOf(type: GgufValueType): number {
  return valueTypes.indexOf(type);
}

/** Growing list of byte strings. */
class Bytes {
  length = 0;
  readonly #parts: Uint8Array[] = [];

  raw(bytes: Uint8Array): void {
    this.#parts.push(bytes);
    this.length += bytes.length;
  }

  u32(value: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    this.raw(bytes);
  }

  u64(value: number): void {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt(value));
    this.raw(bytes);
  }

  string(text: string | Uint8Array): void {
    const bytes = typeof text === 'string' ? Buffer.from(text) : text;
    this.u64(bytes.length);
    this.raw(bytes);
  }

  concat(): Buffer {
    return Buffer.concat(this.#parts, this.length);
  }
}
