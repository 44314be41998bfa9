/** Public names of the metadata value types, in the order of their ids (0 to 12) in the file. */
export const valueTypes = [
  'u8',
  'i8',
  'u16',
  'i16',
  'u32',
  'i32',
  'f32',
  'bool',
  'string',
  'array',
  'u64',
  'i64',
  'f64',
] as const;

export type GgufValueType = (typeof valueTypes)[number];
export type GgufScalarType = Exclude<GgufValueType, 'array'>;
export type GgufNumericType = Exclude<GgufScalarType, 'string'>;

/** Size in bytes of one value of a type with a fixed size. */
export const valueBytes: Readonly<Record<GgufNumericType, number>> = {
  u8: 1,
  i8: 1,
  u16: 2,
  i16: 2,
  u32: 4,
  i32: 4,
  f32: 4,
  bool: 1,
  u64: 8,
  i64: 8,
  f64: 8,
};
