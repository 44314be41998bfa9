import { largestOf, smallestOf } from '../../extremes.js';
import { anyCharacter, type CodeRanges } from '../code-ranges.js';
import { choice, type Expression, repeat, sequenceOf } from '../expression.js';
import { maxGroupDepth, maxRepetition } from '../limits.js';
import { jsonCharacter } from './json-text.js';
import { bracketClass, classEscapes, dot, escapedCharacter } from './pattern-classes.js';
import { PatternCursor } from './pattern-cursor.js';
import type { Pointer } from './schema-error.js';

/** How many characters a text may have. */
export interface Lengths {
  readonly min: number;
  readonly max: number;
}

/** A part of a pattern: how it is written in JSON, and how long what it matches is. */
interface Part extends Lengths {
  readonly expression: Expression;
  /** The part is one character. */
  readonly single?: boolean;
  /** It repeats one character, which is this. */
  readonly repeats?: Expression;
}

const anyText: Part = {
  ...{ expression: repeat(jsonCharacter(anyCharacter), 0, Number.POSITIVE_INFINITY) },
  ...{ min: 0, max: Number.POSITIVE_INFINITY },
};

const empty: Part = { expression: sequenceOf([]), min: 0, max: 0 };

/**
 * The JSON texts, without their quotation marks, in which a regular expression of ECMAScript is found.
 *
 * @throws ERR_BITNET_SCHEMA where it uses what no grammar can say, such as lookahead, or where the
 *   lengths are not decided by it
 */
export function patternText(source: string, pointer: Pointer, lengths: Lengths): Expression {
  const cursor = new PatternCursor(source, pointer);
  const whole = either(searches(cursor));
  if (!cursor.atEnd) throw cursor.fail('a group to be opened before it is closed');
  if (lengths.min <= whole.min && whole.max <= lengths.max) return whole.expression;
  if (whole.repeats) {
    const min = Math.max(lengths.min, whole.min);
    const max = Math.min(lengths.max, whole.max);
    return min > max ? choice([]) : repeat(whole.repeats, min, max);
  }
  throw cursor.fail(
    'minLength and maxLength to be said in the pattern itself, such as ^[a-z]{2,5}$, where both are given',
  );
}

/** Alternatives at the top, which alone may have anchors. */
function searches(cursor: PatternCursor): Part[] {
  const found: Part[] = [];
  do {
    const fromBegin = cursor.take('^');
    const inner = terms(cursor, 0);
    const toEnd = cursor.take('$');
    if (!cursor.atEnd && !cursor.startsWith('|') && !cursor.startsWith(')')) {
      throw cursor.fail('anchors (^ and $) at the begin and the end of the pattern only');
    }
    found.push(inSequence([...(fromBegin ? [] : [anyText]), inner, ...(toEnd ? [] : [anyText])]));
  } while (cursor.take('|'));
  return found;
}

function alternatives(cursor: PatternCursor, depth: number): Part {
  const found: Part[] = [];
  do {
    found.push(terms(cursor, depth));
  } while (cursor.take('|'));
  return either(found);
}

function terms(cursor: PatternCursor, depth: number): Part {
  const parts: Part[] = [];
  while (!cursor.atEnd && !/^[|)$]$/.test(cursor.next)) {
    parts.push(repeated(cursor, atom(cursor, depth)));
  }
  return inSequence(parts);
}

function atom(cursor: PatternCursor, depth: number): Part {
  if (cursor.take('(')) return group(cursor, depth);
  if (cursor.take('[')) return character(bracketClass(cursor));
  if (cursor.take('.')) return character(dot);
  if (cursor.take('\\')) {
    const known = classEscapes.get(cursor.next);
    if (known) {
      cursor.takeCharacter();
      return character(known);
    }
    const code = escapedCharacter(cursor);
    return character([[code, code]]);
  }
  if (/^[*+?{^]$/.test(cursor.next)) {
    throw cursor.fail(
      cursor.next === '^'
        ? 'anchors (^ and $) at the begin and the end of the pattern only'
        : 'something to repeat before a repetition',
    );
  }
  const code = cursor.takeCharacter().codePointAt(0)!;
  return character([[code, code]]);
}

function group(cursor: PatternCursor, depth: number): Part {
  if (depth >= maxGroupDepth) throw cursor.fail(`groups nested at most ${maxGroupDepth} deep`);
  if (cursor.take('?')) {
    const isPlain = cursor.take(':') || cursor.match(/<[A-Za-z_]\w*>/y) !== '';
    if (!isPlain) throw cursor.fail('groups without lookahead, lookbehind or flags');
  }
  const inner = alternatives(cursor, depth + 1);
  if (!cursor.take(')')) throw cursor.fail('a closing parenthesis, and anchors outside of groups');
  return { expression: inner.expression, min: inner.min, max: inner.max };
}

/** Whether a repetition is lazy makes no difference to what it matches. */
function repeated(cursor: PatternCursor, item: Part): Part {
  const bounds = quantifier(cursor);
  if (bounds === undefined) return item;
  cursor.take('?');
  if (/^[*+?{]$/.test(cursor.next)) throw cursor.fail('one repetition at a time');
  const [min, max] = bounds;
  if (item.min === 0 && max > 1) {
    throw cursor.fail('repetitions of what matches at least one character');
  }
  const expression = repeat(item.expression, min, max);
  const most = max === 0 ? 0 : item.max * max;
  return {
    ...{ expression, min: item.min * min, max: most },
    ...(item.single && { repeats: item.expression }),
  };
}

function quantifier(cursor: PatternCursor): [number, number] | undefined {
  if (cursor.take('*')) return [0, Number.POSITIVE_INFINITY];
  if (cursor.take('+')) return [1, Number.POSITIVE_INFINITY];
  if (cursor.take('?')) return [0, 1];
  const found = /^\{(\d+)(?:(,)(\d+)?)?\}$/.exec(cursor.match(/\{\d+(,\d*)?\}/y));
  if (!found) return undefined;
  const min = Number(found[1]);
  const open = found[2] !== undefined && found[3] === undefined;
  const max = open ? Number.POSITIVE_INFINITY : Number(found[3] ?? found[1]);
  if (min <= maxRepetition && (open || (min <= max && max <= maxRepetition))) return [min, max];
  throw cursor.fail(`ascending numbers up to ${maxRepetition} in a repetition`);
}

function character(ranges: CodeRanges): Part {
  return { expression: jsonCharacter(ranges), min: 1, max: 1, single: true };
}

function inSequence(parts: readonly Part[]): Part {
  if (parts.length === 0) return empty;
  if (parts.length === 1) return parts[0]!;
  return {
    expression: sequenceOf(parts.map(({ expression }) => expression)),
    min: parts.reduce((sum, { min }) => sum + min, 0),
    max: parts.reduce((sum, { max }) => sum + max, 0),
  };
}

function either(parts: readonly Part[]): Part {
  if (parts.length === 1) return parts[0]!;
  return {
    expression: choice(parts.map(({ expression }) => expression)),
    min: smallestOf(parts.map(({ min }) => min)),
    max: largestOf(parts.map(({ max }) => max)),
  };
}
