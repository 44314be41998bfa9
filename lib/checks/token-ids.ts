import { argumentError } from './options.js';

/** Token ids as a caller may have them. */
export type TokenIds = readonly number[] | Int32Array | Uint32Array | Uint16Array;

/**
 * How many ids there are: looked at before anything is copied, because `{ length: 2 ** 32 - 1 }` is
 * an ArrayLike too.
 *
 * @throws `ERR_BITNET_ARGUMENT` unless it is an array, a typed array of ids or alike, of at least so many
 */
export function idCount(ids: unknown, name: string, least: 0 | 1 = 0): number {
  const length = typeof ids === 'object' ? (ids as Partial<ArrayLike<unknown>> | null)?.length : -1;
  const counts = typeof length === 'number' && Number.isSafeInteger(length) && length >= least;
  if (counts && !isOtherArray(ids)) return length;
  const some = least === 0 ? 'token ids' : 'at least one token id';
  const text = Buffer.isBuffer(ids) ? " (or the text in it: toString('utf8'))" : '';
  throw argumentError(`an array of ${some}${text}`, name, ids);
}

/** Whether it is a typed array that holds no ids but the bytes of a text or the numbers of a vector. */
export function isOtherArray(value: unknown): boolean {
  if (!ArrayBuffer.isView(value)) return false;
  return !/(Int32|Uint32|Uint16)Array/.test(Object.prototype.toString.call(value));
}

/** A copy of the first `count` ids; throws `ERR_BITNET_ARGUMENT` at one that is not below `vocabSize`. */
export function copiedIds(
  ids: ArrayLike<unknown>,
  count: number,
  vocabSize: number,
  name: string,
): Int32Array {
  const copy = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const id = ids[i];
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= vocabSize) {
      throw argumentError(`a token id from 0 to ${vocabSize - 1}`, `${name}[${i}]`, id);
    }
    copy[i] = id;
  }
  return copy;
}
