import { argumentError } from './option-checks.js';

/**
 * How many ids there are: looked at before anything is copied, because `{ length: 2 ** 32 - 1 }` is
 * an ArrayLike too.
 *
 * @throws `ERR_BITNET_ARGUMENT` unless it is an array, a typed array or alike, of at least so many
 */
export function idCount(ids: unknown, name: string, least: 0 | 1 = 0): number {
  const length = typeof ids === 'object' ? (ids as Partial<ArrayLike<unknown>> | null)?.length : -1;
  if (typeof length === 'number' && Number.isSafeInteger(length) && length >= least) return length;
  const some = least === 0 ? 'token ids' : 'at least one token id';
  throw argumentError(`an array of ${some}`, name, ids);
}

/** A copy of the first `count` ids; throws `ERR_BITNET_ARGUMENT` at one that is not below `vocab`. */
export function copiedIds(
  ids: ArrayLike<unknown>,
  count: number,
  vocab: number,
  name: string,
): Int32Array {
  const copy = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const id = ids[i];
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id >= vocab) {
      throw argumentError(`a token id from 0 to ${vocab - 1}`, `${name}[${i}]`, id);
    }
    copy[i] = id;
  }
  return copy;
}
