import { charactersOf, complement, intersection } from '../code-ranges.js';
import { choice, type Expression, oneOf, repeat, sequence, text } from '../expression.js';
import { nameCharacters } from './json-text.js';
import type { SchemaContext } from './schema-context.js';

const anyCharacters = repeat(oneOf(nameCharacters), 0, Number.POSITIVE_INFINITY);

/** The name of a property, with its quotation marks, that is none of those listed. */
export function otherName(context: SchemaContext, names: readonly string[]): Expression {
  return sequence(text('"'), otherThan(context, names, 0), text('"'));
}

/** What may follow the first characters that all of `names` share. */
function otherThan(context: SchemaContext, names: readonly string[], depth: number): Expression {
  if (names.length === 0) return anyCharacters;
  const groups = new Map<string, string[]>();
  for (const name of names) {
    const code = name.codePointAt(depth);
    if (code === undefined || !isNameCharacter(code)) continue;
    const next = String.fromCodePoint(code);
    groups.set(next, [...(groups.get(next) ?? []), name]);
  }
  const ends = names.some((name) => name.length === depth);
  const begun = charactersOf([...groups.keys()].join(''));
  const ways = choice([
    ...(ends ? [] : [sequence()]),
    sequence(oneOf(intersection(nameCharacters, complement(begun))), anyCharacters),
    ...[...groups].map(([next, same]) =>
      sequence(text(next), otherThan(context, same, depth + next.length)),
    ),
  ]);
  return context.rule('another name', ways);
}

function isNameCharacter(code: number): boolean {
  return nameCharacters.some(([first, last]) => first <= code && code <= last);
}
