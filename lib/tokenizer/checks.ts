import { booleanOption, givenOptions, received } from '../checks/options.js';
import { isOtherArray } from '../checks/token-ids.js';
import { BitnetError } from '../errors.js';
import { maxDecodedBytes, maxDecodedIds, maxTextLength } from './limits.js';

/** Throws ERR_BITNET_ARGUMENT unless `text` is a string that is not too long to encode. */
export function checkText(text: unknown): asserts text is string {
  if (typeof text !== 'string') {
    throw argumentError(`Expected the text to encode as a string, but received ${name(text)}.`);
  }
  if (text.length > maxTextLength) {
    throw argumentError(
      `Expected a text of at most ${maxTextLength} characters to encode, but received ${text.length}; encode it in parts.`,
    );
  }
}

/** Options that are true or false, and false when they are left out. */
export function switches<Name extends string>(
  options: { readonly [name in Name]?: boolean | undefined } | undefined,
  names: readonly Name[],
): Record<Name, boolean> {
  const given: { readonly [name in Name]?: boolean | undefined } = givenOptions(options, names);
  const values = names.map((name) => [name, booleanOption(name, given[name], false)]);
  return Object.fromEntries(values) as Record<Name, boolean>;
}

/** Throws ERR_BITNET_ARGUMENT unless `ids` can be iterated, and is no text or bytes of one. */
export function checkIds(ids: unknown): asserts ids is Iterable<unknown> {
  const iterable = typeof (ids as Iterable<unknown> | null)?.[Symbol.iterator] === 'function';
  if (iterable && typeof ids !== 'string' && !isOtherArray(ids)) return;
  throw argumentError(`Expected the token ids as an array, but received ${name(ids)}.`);
}

/** Throws ERR_BITNET_ARGUMENT unless `id` is one of `vocabSize` token ids. */
export function checkId(id: unknown, vocabSize: number): asserts id is number {
  if (Number.isInteger(id) && (id as number) >= 0 && (id as number) < vocabSize) return;
  throw argumentError(`Expected a token id from 0 to ${vocabSize - 1}, but received ${name(id)}.`);
}

/** Throws ERR_BITNET_ARGUMENT once there are too many ids, or bytes of theirs, for one text. */
export function checkDecoded({ ids, bytes }: { readonly ids: number; readonly bytes: number }) {
  if (ids <= maxDecodedIds && bytes <= maxDecodedBytes) return;
  throw argumentError(
    `Expected at most ${maxDecodedIds} token ids to decode, with texts of ${maxDecodedBytes} bytes together, but received more; decode them in parts.`,
  );
}

function argumentError(message: string): BitnetError {
  return new BitnetError('ERR_BITNET_ARGUMENT', message);
}

function name(value: unknown): string {
  if (ArrayBuffer.isView(value)) return received(value);
  return typeof value === 'number' ? String(value) : `a value of type ${typeof value}`;
}
