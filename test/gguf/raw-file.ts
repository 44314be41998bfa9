/** Hand-made GGUF bytes, independent of lib/gguf, so that they can break every rule. */

export const u8 = (value: number) => Buffer.of(value & 255);

export const u16 = (value: number) => {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
};

export const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};

export const u64 = (value: number | bigint) => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};

export const f32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
};

export const f64 = (value: number) => {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes;
};

export const str = (text: string | Buffer) => {
  const bytes = Buffer.from(text);
  return Buffer.concat([u64(bytes.length), bytes]);
};

/** Numbers of the value types in the file. */
export const id = {
  u8: 0,
  i8: 1,
  u16: 2,
  i16: 3,
  u32: 4,
  i32: 5,
  f32: 6,
  bool: 7,
  string: 8,
  array: 9,
  u64: 10,
  i64: 11,
  f64: 12,
} as const;

/** One metadata entry. */
export const entry = (key: string, typeId: number, ...value: Buffer[]) =>
  Buffer.concat([str(key), u32(typeId), ...value]);

/** The value of an array entry. */
export const array = (elementId: number, length: number | bigint, ...elements: Buffer[]) =>
  Buffer.concat([u32(elementId), u64(length), ...elements]);

/** One entry of the tensor directory. */
export const info = (
  name: string,
  dims: readonly (number | bigint)[],
  typeId: number,
  offset: number | bigint,
) => Buffer.concat([str(name), u32(dims.length), ...dims.map(u64), u32(typeId), u64(offset)]);

export interface RawFile {
  readonly version?: number;
  readonly entries?: readonly Buffer[];
  readonly infos?: readonly Buffer[];
  /** Counts in the file, when they should not be the true ones. */
  readonly entryCount?: number | bigint;
  readonly infoCount?: number | bigint;
  readonly alignment?: number;
  /** Bytes after the padding. */
  readonly data?: Buffer;
}

/** Magic, version, counts, entries, directory, and padding and data when there is data. */
export function rawFile({
  version = 3,
  entries = [],
  infos = [],
  entryCount = entries.length,
  infoCount = infos.length,
  alignment = 32,
  data,
}: RawFile): Buffer {
  const header = Buffer.concat([
    Buffer.from('GGUF'),
    u32(version),
    u64(infoCount),
    u64(entryCount),
    ...entries,
    ...infos,
  ]);
  if (data === undefined) return header;
  return Buffer.concat([header, Buffer.alloc(-header.length & (alignment - 1)), data]);
}
