import { BitnetError } from '../errors.js';

/** What to do about a file whose bytes contradict the format. */
const convertAgain = 'the file is damaged, download or convert it again';

/**
 * The error for a header that breaks the format, in one sentence.
 *
 * @param field which field, for example `tensor 17 "blk.3.ffn_up.weight" offset`
 * @param expected completes "to be …"
 * @param found completes "but found …"
 * @param advice what the user can do
 */
export function malformed(
  path: string,
  field: string,
  expected: string,
  found: string,
  advice: string = convertAgain,
): BitnetError {
  const message = fileSentence(path, field, expected, found, advice);
  return new BitnetError('ERR_BITNET_GGUF', message, { path, field, expected, found });
}

/** How every error about the contents of a file reads. */
export function fileSentence(
  path: string,
  field: string,
  expected: string,
  found: string,
  advice: string,
): string {
  return `Expected ${field} of "${path}" to be ${expected}, but found ${found}; ${advice}.`;
}

/**
 * A string of the file, quoted for an error message: shortened, and with everything but plain
 * letters, digits and marks escaped, so that a file cannot write control codes to a terminal.
 */
export function quote(text: string): string {
  const short = text.length > longestQuote ? `${text.slice(0, longestQuote)}…` : text;
  const unsafe = /[\p{C}\p{Zl}\p{Zp}"\\]/gu;
  return `"${short.replace(unsafe, (c) => `\\u{${c.codePointAt(0)!.toString(16)}}`)}"`;
}

/** Characters of a quoted string: enough for every tensor name and real key. */
const longestQuote = 80;
