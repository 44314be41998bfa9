import {
  anyCharacter,
  type CodeRanges,
  codeRanges,
  complement,
  intersection,
} from '../code-ranges.js';
import { choice, type Expression, oneOf, optional, repeat, sequence, text } from '../expression.js';

// JSON as generations write it: white space and digits are bounded, so that a model cannot lose itself in them, and every character
// of a text has one spelling.

export const digit = oneOf([[0x30, 0x39]]);

/** At most one line end and 20 blanks, or one blank. */
export const space = optional(
  choice([text(' '), sequence(text('\n'), repeat(oneOf([[0x20, 0x20]]), 0, 20))]),
);

const unescaped = intersection(
  complement(
    codeRanges([
      [0x22, 0x22],
      [0x5c, 0x5c],
    ]),
  ),
  [[0x20, 0x10ffff]],
);

/** Any of the characters, as a text between quotation marks has it. */
export function jsonCharacter(ranges: CodeRanges): Expression {
  const escaped = intersection(ranges, complement(unescaped)).flatMap(([first, last]) =>
    Array.from({ length: last - first + 1 }, (_, i) => String.fromCodePoint(first + i)),
  );
  const plain = intersection(ranges, unescaped);
  return choice([
    ...(plain.length > 0 ? [oneOf(plain)] : []),
    ...escaped.map((character) => text(JSON.stringify(character).slice(1, -1))),
  ]);
}

export const anyJsonCharacter = jsonCharacter(anyCharacter);

/** A name that no rule of its own describes: without escapes, so that it is written in one way. */
export const nameCharacters = unescaped;

export function quoted(inner: Expression): Expression {
  return sequence(text('"'), inner, text('"'));
}

/** A value, as short as it can be written. */
export function jsonValue(value: unknown): Expression {
  return text(JSON.stringify(value));
}
