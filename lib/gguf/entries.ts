import type { GgufArray } from './array.js';
import type { GgufEntries, GgufTyped } from './encode-header.js';
import type { GgufFile, GgufValue } from './types.js';
import type { GgufNumericType, GgufValueType } from './value-types.js';

/** Keys of one shard, which the model it is of does not have. */
const ofShards = /^split\./;

/** The metadata of a file as `writeGguf` takes it, in the same order and types; `changes` replace entries or come last. */
export function metadataEntries(
  { metadata, valueTypes }: Pick<GgufFile, 'metadata' | 'valueTypes'>,
  changes: GgufEntries = [],
): Map<string, GgufTyped> {
  const entries = new Map<string, GgufTyped>();
  for (const [key, value] of metadata) {
    if (!ofShards.test(key)) entries.set(key, typed(value, valueTypes.get(key)!));
  }
  for (const [key, value] of changes) entries.set(key, value);
  return entries;
}

function typed(value: GgufValue, type: GgufValueType): GgufTyped {
  if (typeof value === 'object') return typedArray(value);
  if (typeof value === 'string') return { type: 'string', value };
  return { type: type as GgufNumericType, value };
}

function typedArray(array: GgufArray): GgufTyped {
  const { elementType } = array;
  if (elementType !== 'string') return { type: 'array', elementType, values: array.values };
  const bytes = (i: number) => array.bytes(i);
  const values = {
    *[Symbol.iterator]() {
      for (let i = 0; i < array.length; i++) yield bytes(i);
    },
  };
  return { type: 'array', elementType, values };
}
