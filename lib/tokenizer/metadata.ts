import { type GgufArray, GgufNumbers, GgufStrings } from '../gguf/array.js';
import { quote } from '../gguf/malformed.js';
import type { GgufFile, GgufValue } from '../gguf/types.js';
import { faulty } from './faulty.js';

/** The part of a GGUF file that a tokenizer is made of. */
export type VocabularyFile = Pick<GgufFile, 'path' | 'metadata'>;

const prefix = 'tokenizer.ggml.';

/** Metadata `tokenizer.ggml.<key>` as text; undefined when absent. */
export function textOf(file: VocabularyFile, key: string): string | undefined {
  const value = file.metadata.get(prefix + key);
  if (value === undefined || typeof value === 'string') return value;
  throw wrong(file, key, 'a string', value);
}

/** Metadata `tokenizer.ggml.<key>` as a truth value; undefined when absent. */
export function flagOf(file: VocabularyFile, key: string): boolean | undefined {
  const value = file.metadata.get(prefix + key);
  if (value === undefined || typeof value === 'boolean') return value;
  throw wrong(file, key, 'true or false', value);
}

/** Metadata `tokenizer.ggml.<key>` as the id of one of `vocab` tokens; undefined when absent. */
export function idOf(file: VocabularyFile, key: string, vocab: number): number | undefined {
  const value = file.metadata.get(prefix + key);
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < vocab) {
    return value;
  }
  throw wrong(file, key, `a token id from 0 to ${vocab - 1}`, value);
}

/** Metadata `tokenizer.ggml.<key>` as at most `max` strings; undefined when absent. */
export function stringsOf(file: VocabularyFile, key: string, max: number): GgufStrings | undefined {
  const value = file.metadata.get(prefix + key);
  if (value === undefined) return undefined;
  if (value instanceof GgufStrings && value.length <= max) return value;
  throw wrong(file, key, `at most ${max} strings`, value);
}

/** Metadata `tokenizer.ggml.<key>` as `length` numbers; undefined when absent. */
export function numbersOf(
  file: VocabularyFile,
  key: string,
  length: number,
): GgufNumbers | undefined {
  const value = file.metadata.get(prefix + key);
  if (value === undefined) return undefined;
  if (value instanceof GgufNumbers && value.length === length) return value;
  throw wrong(file, key, `${length} numbers, one per token`, value);
}

function wrong(file: VocabularyFile, key: string, expected: string, value: GgufValue) {
  return faulty(file, `metadata "${prefix}${key}"`, expected, describe(value));
}

function describe(value: GgufValue): string {
  if (typeof value === 'string') return quote(value);
  if (typeof value !== 'object') return String(value);
  return describeArray(value);
}

function describeArray(array: GgufArray): string {
  return array instanceof GgufStrings
    ? `an array of ${array.length} strings`
    : `an array of ${array.length} ${array.elementType} values`;
}
