import { type CodeRanges, codeRanges, complement } from '../code-ranges.js';
import type { PatternCursor } from './pattern-cursor.js';

const digits: CodeRanges = [[0x30, 0x39]];
const word = codeRanges([...digits, [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a]]);
const lineEnds = codeRanges([
  [0x0a, 0x0a],
  [0x0d, 0x0d],
  [0x2028, 0x2029],
]);
const blanks = codeRanges([
  ...lineEnds,
  ...([0x09, 0x0b, 0x0c, 0x20, 0xa0, 0x1680, 0x202f, 0x205f, 0x3000, 0xfeff] as const).map(
    (code) => [code, code] as const,
  ),
  [0x2000, 0x200a],
]);

/** `.`, and the classes with an escape of their own, as ECMAScript has them. */
export const dot = complement(lineEnds);
export const classEscapes: ReadonlyMap<string, CodeRanges> = new Map([
  ['d', digits],
  ['D', complement(digits)],
  ['w', word],
  ['W', complement(word)],
  ['s', blanks],
  ['S', complement(blanks)],
]);

/** A class behind its first bracket. */
export function bracketClass(cursor: PatternCursor): CodeRanges {
  const negated = cursor.take('^');
  const ranges: (readonly [number, number])[] = [];
  while (!cursor.take(']')) {
    if (cursor.atEnd) throw cursor.fail('a closing bracket');
    const first = classMember(cursor);
    if (typeof first === 'number' && cursor.startsWith('-') && !cursor.startsWith('-]')) {
      cursor.take('-');
      const last = classMember(cursor);
      if (typeof last !== 'number' || last < first) throw cursor.fail('an ascending range');
      ranges.push([first, last]);
    } else if (typeof first === 'number') {
      ranges.push([first, first]);
    } else {
      for (const range of first) ranges.push(range);
    }
  }
  const found = codeRanges(ranges);
  return negated ? complement(found) : found;
}

function classMember(cursor: PatternCursor): number | CodeRanges {
  if (!cursor.take('\\')) return cursor.takeCharacter().codePointAt(0)!;
  const known = classEscapes.get(cursor.next);
  if (known) {
    cursor.takeCharacter();
    return known;
  }
  if (cursor.take('b')) return 0x08;
  if (cursor.take('-')) return 0x2d;
  return escapedCharacter(cursor);
}

/** What is behind a backslash, if it is one character. */
export function escapedCharacter(cursor: PatternCursor): number {
  const hex = cursor.match(/x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|u\{[0-9a-fA-F]{1,6}\}/y);
  if (hex !== '') {
    const code = Number.parseInt(hex.replace(/^[xu]\{?/, ''), 16);
    if (code <= 0x10ffff && (code < 0xd800 || code > 0xdfff)) return code;
    throw cursor.fail('a code point that is a character');
  }
  const control = controls.get(cursor.next);
  if (control !== undefined) {
    cursor.takeCharacter();
    return control;
  }
  if (/^[\^$\\.*+?()[\]{}|/-]$/.test(cursor.next)) return cursor.takeCharacter().codePointAt(0)!;
  throw cursor.fail('an escape that stands for characters (no \\b, \\p or back reference)');
}

const controls = new Map([
  ['n', 0x0a],
  ['r', 0x0d],
  ['t', 0x09],
  ['f', 0x0c],
  ['v', 0x0b],
  ['0', 0x00],
]);
