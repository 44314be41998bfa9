import {
  exactNumber,
  type GgufArray,
  GgufNumbers,
  GgufStrings,
  type NumericValues,
} from './array.js';
import type { HeaderCursor } from './header-cursor.js';
import { maxArrayLength, maxKeyBytes, maxStringBytes } from './limits.js';
import { quote } from './malformed.js';
import type { TimeSlice } from './time-slice.js';
import type { GgufScalar, GgufValue } from './types.js';
import { type GgufNumericType, type GgufValueType, valueBytes, valueTypes } from './value-types.js';

export interface Metadata {
  readonly values: Map<string, GgufValue>;
  readonly types: Map<string, GgufValueType>;
}

/** Reads `count` metadata entries: key, value type, value. */
export async function readMetadata(
  cursor: HeaderCursor,
  count: number,
  slice: TimeSlice,
): Promise<Metadata> {
  const values = new Map<string, GgufValue>();
  const types = new Map<string, GgufValueType>();
  for (let i = 0; i < count; i++) {
    cursor.subject = `metadata entry ${i}`;
    const key = (await cursor.string('key', maxKeyBytes)).toString();
    if (key === '') throw cursor.fail('key', 'a non-empty string', 'an empty one');
    cursor.subject = `metadata ${quote(key)}`;
    if (values.has(key)) throw cursor.fail('key', 'unique', `it again as entry ${i}`);
    const type = await readType(cursor, 'type');
    // The format fixes the type of this one key, because everything after it depends on it.
    if (key === 'general.alignment' && type !== 'u32') throw cursor.fail('type', 'u32', type);
    types.set(key, type);
    values.set(key, await readValue(cursor, type, slice));
    if (slice.due()) await slice.pause();
  }
  return { values, types };
}

async function readType(cursor: HeaderCursor, field: string): Promise<GgufValueType> {
  await cursor.need(4, field);
  const id = cursor.u32();
  const type = valueTypes[id];
  if (type === undefined) throw cursor.fail(field, `from 0 to ${valueTypes.length - 1}`, `${id}`);
  return type;
}

function readValue(
  cursor: HeaderCursor,
  type: GgufValueType,
  slice: TimeSlice,
): Promise<GgufValue> {
  if (type === 'string') return readText(cursor, slice);
  if (type === 'array') return readArray(cursor, slice);
  return cursor.value<GgufScalar>(valueBytes[type], 'value', scalarReaders[type]);
}

const scalarReaders: Readonly<Record<GgufNumericType, (view: DataView, at: number) => GgufScalar>> =
  {
    u8: (view, at) => view.getUint8(at),
    i8: (view, at) => view.getInt8(at),
    u16: (view, at) => view.getUint16(at, true),
    i16: (view, at) => view.getInt16(at, true),
    u32: (view, at) => view.getUint32(at, true),
    i32: (view, at) => view.getInt32(at, true),
    f32: (view, at) => view.getFloat32(at, true),
    bool: (view, at) => view.getUint8(at) !== 0,
    u64: (view, at) => exactNumber(view.getBigUint64(at, true)),
    i64: (view, at) => exactNumber(view.getBigInt64(at, true)),
    f64: (view, at) => view.getFloat64(at, true),
  };

/** Decodes a long text, such as an embedded tokenizer.json, in several slices. */
async function readText(cursor: HeaderCursor, slice: TimeSlice): Promise<string> {
  const bytes = await cursor.string('value');
  if (bytes.length <= decodeAtOnce) return bytes.toString();
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  let text = '';
  for (let at = 0; at < bytes.length; at += decodeAtOnce) {
    text += decoder.decode(bytes.subarray(at, at + decodeAtOnce), { stream: true });
    if (slice.due()) await slice.pause();
  }
  return text + decoder.decode();
}

/** Bytes of text decoded in one go: well under a millisecond. */
const decodeAtOnce = 256 * 1024;

async function readArray(cursor: HeaderCursor, slice: TimeSlice): Promise<GgufArray> {
  const type = await readType(cursor, 'element type');
  if (type === 'array') {
    throw cursor.fail('element type', 'a plain type', 'an array in an array', 'remove this entry');
  }
  const length = await cursor.count('length', maxArrayLength);
  if (type === 'string') return readStrings(cursor, length, slice);
  // The host is little-endian like the file: there is no build of this project for any other.
  const bytes = await cursor.take(length * valueBytes[type], 'elements');
  return new GgufNumbers(type, new numericArrays[type](bytes.buffer));
}

const numericArrays: Readonly<
  Record<GgufNumericType, new (buffer: ArrayBufferLike) => NumericValues>
> = {
  u8: Uint8Array,
  i8: Int8Array,
  u16: Uint16Array,
  i16: Int16Array,
  u32: Uint32Array,
  i32: Int32Array,
  f32: Float32Array,
  bool: Uint8Array,
  u64: BigUint64Array,
  i64: BigInt64Array,
  f64: Float64Array,
};

/**
 * Walks the lengths to find where each string is, then reads the whole stretch once: nothing is
 * decoded and no object is made per string.
 */
async function readStrings(
  cursor: HeaderCursor,
  length: number,
  slice: TimeSlice,
): Promise<GgufStrings> {
  cursor.checkRoom(8 * length, 'elements');
  const first = cursor.position;
  const starts = new Uint32Array(length + 1);
  for (let i = 0; i < length; i++) {
    if (!cursor.has(8)) await cursor.need(8, `element ${i} length`);
    const bytes = cursor.u64();
    if (bytes > maxStringBytes) {
      throw cursor.fail(`element ${i} length`, `at most ${maxStringBytes}`, `${cursor.lastU64()}`);
    }
    starts[i] = cursor.position - first;
    if (!cursor.has(bytes)) cursor.checkRoom(bytes, `element ${i}`);
    cursor.position += bytes;
    if (i % 1024 === 0 && slice.due()) await slice.pause();
  }
  const total = cursor.position - first;
  starts[length] = total + 8;
  cursor.position = first;
  return new GgufStrings(await cursor.take(total, 'elements'), starts);
}
