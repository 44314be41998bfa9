// Entries of a file's metadata that the caller says otherwise.

import { argumentError } from '../../checks/options.js';
import type { Decision } from '../../decision.js';
import { quote } from '../../gguf/malformed.js';
import type { GgufFile, GgufScalar, GgufValue } from '../../gguf/types.js';
import type { GgufValueType } from '../../gguf/value-types.js';

/** Values of metadata entries by key, in the place of the file's or beside them. */
export type MetadataOverrides = Readonly<Record<string, number | boolean | string>>;

/** A file as the caller wants it read. */
export interface OverriddenFile {
  readonly file: GgufFile;
  /** One for each entry; to be asked when everything has been read, for an entry that nothing reads is a mistake. */
  readonly decisions: () => readonly Decision[];
}

/** What the reader itself has gone by when the overrides come. */
const readAlready = /^(general\.alignment|split\..*)$/;

/** A copy of the option. @throws ERR_BITNET_ARGUMENT */
export function checkedOverrides(overrides: unknown): MetadataOverrides {
  if (overrides === undefined) return {};
  const isIterable = Symbol.iterator in Object(overrides); // an array or a Map
  if (typeof overrides !== 'object' || overrides === null || isIterable) {
    throw argumentError('an object of values by key', 'option metadataOverrides', overrides);
  }
  const entries = Object.entries(overrides);
  for (const [key, value] of entries) {
    const name = `${quote(key)} of option metadataOverrides`;
    const sound = typeof value === 'number' ? Number.isFinite(value) : isText(value);
    if (!sound) throw argumentError('a finite number, a boolean or a text', name, value);
    if (key === '' || readAlready.test(key)) {
      throw argumentError(
        'the key of an entry that does not say how to read the file',
        name,
        value,
      );
    }
  }
  return Object.fromEntries(entries);
}

function isText(value: unknown): boolean {
  return typeof value === 'boolean' || typeof value === 'string';
}

/** The file with other metadata. `overrides` are checked. */
export function overrideMetadata(file: GgufFile, overrides: MetadataOverrides): OverriddenFile {
  const entries = Object.entries(overrides);
  if (entries.length === 0) return { file, decisions: () => [] };
  const metadata = new RecordedMetadata(file.metadata);
  const valueTypes = new Map(file.valueTypes);
  for (const [key, value] of entries) {
    metadata.set(key, value);
    valueTypes.set(key, typeOf(value));
  }
  const decision = ([key, value]: [string, GgufScalar]): Decision => {
    const read = metadata.read.has(key);
    const before = file.metadata.get(key);
    const said = before === undefined ? 'has none' : `says ${shown(before)}`;
    return {
      subject: 'metadata',
      choice: `${quote(key)} is ${shown(value)}`,
      reason: read
        ? `it was asked for, where the file ${said}`
        : 'it was asked for, but nothing here reads such an entry',
      ...(!read && { warning: true }),
    };
  };
  return { file: { ...file, metadata, valueTypes }, decisions: () => entries.map(decision) };
}

/** Remembers which entries were asked for. */
class RecordedMetadata extends Map<string, GgufValue> {
  readonly read = new Set<string>();

  override get(key: string): GgufValue | undefined {
    this.read.add(key);
    return super.get(key);
  }
}

function typeOf(value: number | boolean | string): GgufValueType {
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'string') return 'string';
  return Number.isSafeInteger(value) ? 'i64' : 'f64';
}

function shown(value: GgufValue): string {
  if (typeof value === 'string') return quote(value);
  return typeof value === 'object' ? `an array of ${value.length}` : String(value);
}
