import { type CodeRanges, codeRanges, complement } from '../code-ranges.js';
import type { Cursor } from './cursor.js';

/** A literal behind its first quotation mark. */
export function literal(cursor: Cursor): string {
  let text = '';
  while (!cursor.take('"')) text += String.fromCodePoint(character(cursor, 'a quotation mark (")'));
  return text;
}

/** A class of characters behind its first bracket. */
export function characterClass(cursor: Cursor): CodeRanges {
  const negated = cursor.take('^');
  const ranges: [number, number][] = [];
  while (!cursor.take(']')) {
    const first = character(cursor, 'a closing bracket (])');
    let last = first;
    if (cursor.startsWith('-') && !cursor.startsWith('-]')) {
      cursor.take('-');
      last = character(cursor, 'a closing bracket (])');
    }
    if (last < first) throw cursor.fail('a range of characters in ascending order');
    ranges.push([first, last]);
  }
  if (ranges.length === 0) throw cursor.fail('at least one character between brackets');
  const found = codeRanges(ranges);
  return negated ? complement(found) : found;
}

/** A code point, written as itself or escaped; `closing` is what should come if there is none. */
function character(cursor: Cursor, closing: string): number {
  if (cursor.atEnd || /[\r\n]/.test(cursor.next)) throw cursor.fail(closing);
  if (!cursor.take('\\')) {
    const code = cursor.takeCharacter().codePointAt(0)!;
    if (isSurrogate(code)) throw cursor.fail('no half of a surrogate pair');
    return code;
  }
  for (const [letter, digits] of hexEscapes) {
    if (!cursor.take(letter)) continue;
    const hex = cursor.match(hexDigits.get(digits)!);
    const code = Number.parseInt(hex, 16);
    if (hex === '' || code > 0x10ffff || isSurrogate(code)) {
      throw cursor.fail(`a code point in ${digits} hexadecimal digits behind \\${letter}`);
    }
    return code;
  }
  const plain = escapes.get(cursor.next);
  if (plain === undefined) {
    throw cursor.fail('one of the escapes \\n \\r \\t \\\\ \\" \\[ \\] \\xHH \\uHHHH \\UHHHHHHHH');
  }
  cursor.takeCharacter();
  return plain.codePointAt(0)!;
}

const hexEscapes = [
  ['x', 2],
  ['u', 4],
  ['U', 8],
] as const;

const hexDigits = new Map([
  [2, /[0-9a-fA-F]{2}/y],
  [4, /[0-9a-fA-F]{4}/y],
  [8, /[0-9a-fA-F]{8}/y],
]);

const escapes = new Map([
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ...['\\', '"', '[', ']'].map((own) => [own, own] as const),
]);

function isSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdfff;
}
