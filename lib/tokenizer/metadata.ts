import type { Decision } from '../decision.js';
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

/** What other values than true and false must mean where converters wrote them. */
const truths: ReadonlyMap<unknown, boolean> = new Map<unknown, boolean>([
  [1, true],
  [0, false],
  ['true', true],
  ['false', false],
]);

/** Metadata `tokenizer.ggml.<key>` as a truth value, `usual` when absent; any other value is noted. */
export function flagOf(
  file: VocabularyFile,
  key: string,
  usual: boolean,
  decisions: Decision[],
): boolean {
  const value = file.metadata.get(prefix + key);
  if (value === undefined || typeof value === 'boolean') return value ?? usual;
  const meant = truths.get(value);
  decisions.push({
    subject: key,
    choice: String(meant ?? usual),
    reason: `the file says ${describe(value)}, which is neither true nor false`,
    ...(meant === undefined && { warning: true }),
  });
  return meant ?? usual;
}

/** What converters write as the id of a token that there is not: −1, or the same without a sign. */
const noIds: readonly GgufValue[] = [-1, 2 ** 32 - 1, 2n ** 64n - 1n];

/**
 * Metadata `tokenizer.ggml.<key>` as the id of one of `vocabSize` tokens, `usual` when absent. What is no
 * such id stands for `fallback`, and is noted, as a warning if the token is `used` for anything.
 */
export function idOf(
  file: VocabularyFile,
  key: string,
  vocabSize: number,
  {
    usual,
    fallback,
    used,
  }: { usual?: number | undefined; fallback?: number | undefined; used: boolean },
  decisions: Decision[],
): number | undefined {
  const value = file.metadata.get(prefix + key);
  if (value === undefined) return usual;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < vocabSize) {
    return value;
  }
  const none = noIds.includes(value);
  decisions.push({
    subject: key,
    choice: fallback === undefined ? 'none' : String(fallback),
    reason: none
      ? `the file says ${describe(value)}, which stands for none`
      : `the file says ${describe(value)}, which is no id from 0 to ${vocabSize - 1}`,
    ...(used && !none && { warning: true }),
  });
  return fallback;
}

/** Metadata `tokenizer.ggml.<key>` as a list of up to `max` ids; what in it is none is left out, and noted. */
export function idsOf(
  file: VocabularyFile,
  key: string,
  vocabSize: number,
  max: number,
  decisions: Decision[],
): number[] {
  const value = file.metadata.get(prefix + key);
  if (value === undefined) return [];
  const listed = value instanceof GgufNumbers && value.length <= max ? value : undefined;
  const ids = Array.from(listed?.values ?? [], Number);
  const known = ids.filter((id) => Number.isInteger(id) && id >= 0 && id < vocabSize);
  if (listed === undefined || known.length < ids.length) {
    decisions.push({
      subject: key,
      choice: known.length === 0 ? 'none' : known.slice(0, 8).join(', '),
      reason: `the file says ${describe(value)}, which are not up to ${max} ids from 0 to ${vocabSize - 1}`,
      warning: true,
    });
  }
  return known;
}

/** Metadata `tokenizer.ggml.<key>` as at most `max` strings; undefined when absent. */
export function stringsOf(file: VocabularyFile, key: string, max: number): GgufStrings | undefined {
  const value = file.metadata.get(prefix + key);
  if (value === undefined) return undefined;
  if (value instanceof GgufStrings && value.length <= max) return value;
  throw wrong(file, key, `at most ${max} strings`, value);
}

/** Metadata `tokenizer.ggml.<key>` as `length` numbers; undefined when absent, or a list of none. */
export function numbersOf(
  file: VocabularyFile,
  key: string,
  length: number,
): GgufNumbers | undefined {
  const value = file.metadata.get(prefix + key);
  const empty = typeof value === 'object' && value.length === 0;
  if (value === undefined || empty) return undefined;
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
