import { received } from '../../checks/options.js';
import { largestOf } from '../../extremes.js';
import { choice, type Expression, oneOf, optional, repeat, sequence, text } from '../expression.js';
import { type Decimal, decimal, fractionText } from './fractions.js';
import { digit } from './json-text.js';
import type { SchemaObject } from './keywords.js';
import { multiples } from './multiples.js';
import { below, type Pointer, schemaError } from './schema-error.js';
import { wholeRange } from './whole-numbers.js';

/** Digits of a number at most: so many are exact in a double. */
export const maxDigits = 15;

/** Greatest whole number that is written. */
export const greatest = 10n ** BigInt(maxDigits) - 1n;

const nonZero = oneOf([[0x31, 0x39]]);
const minus = text('-');
const whole = choice([text('0'), sequence(nonZero, repeat(digit, 0, maxDigits - 1))]);

/** A limit, which counts itself unless it is exclusive. */
interface Bound {
  readonly value: number;
  readonly exclusive: boolean;
}

export function integerText(schema: SchemaObject, pointer: Pointer): Expression {
  const { low, high } = boundsOf(schema, pointer);
  const multiple = multipleOf(schema, pointer);
  const first = low && BigInt(low.exclusive ? Math.floor(low.value) + 1 : Math.ceil(low.value));
  const last = high && BigInt(high.exclusive ? Math.ceil(high.value) - 1 : Math.floor(high.value));
  if (multiple !== undefined && multiple !== 1) {
    return multiples(multiple, first, last, below(pointer, 'multipleOf'));
  }
  if (first === undefined && last === undefined) return sequence(optional(minus), whole);
  return integerRange(first ?? -greatest, last ?? greatest, pointer);
}

/** Whole numbers from `first` to `last`, as far as they are written. */
function integerRange(first: bigint, last: bigint, pointer: Pointer): Expression {
  const [from, to] = [first < -greatest ? -greatest : first, last > greatest ? greatest : last];
  if (first <= last && from > to) throw tooManyDigits(pointer);
  return choice([
    ...(from < 0n ? [sequence(minus, wholeRange(to < 0n ? -to : 1n, -from))] : []),
    ...(to >= 0n ? [wholeRange(from > 0n ? from : 0n, to)] : []),
  ]);
}

export function numberText(schema: SchemaObject, pointer: Pointer): Expression {
  if (schema.multipleOf !== undefined) return integerText(schema, pointer);
  const { low, high } = boundsOf(schema, pointer);
  if (!low && !high) return anyNumber;
  const [first, last] = [low, high].map((bound) => bound && decimalOf(bound, pointer));
  const ways: Expression[] = [];
  if (!first || first.negative) {
    // negative numbers mirror positive ones
    const belowZero = last && (last.negative || (high!.value === 0 && last.exclusive));
    const nearest = belowZero ? last : undefined;
    ways.push(sequence(minus, positive(nearest, first)));
  }
  if (!last?.negative) {
    ways.push(positive(first && !first.negative ? first : undefined, last));
  }
  if (low && high && low.value > high.value) return choice([]);
  return choice(ways);
}

/** Any number: the exponent has two digits, so that it is finite. */
const anyNumber = sequence(
  optional(minus),
  whole,
  optional(sequence(text('.'), repeat(digit, 1, maxDigits))),
  optional(
    sequence(
      oneOf([
        [0x45, 0x45],
        [0x65, 0x65],
      ]),
      optional(
        oneOf([
          [0x2b, 0x2b],
          [0x2d, 0x2d],
        ]),
      ),
      repeat(digit, 1, 2),
    ),
  ),
);

/** Numbers of at least 0 from `low` to `high`, in which the digits behind the point are few enough to tell them apart. */
function positive(low: Decimal | undefined, high: Decimal | undefined): Expression {
  const [from, to] = [low?.whole ?? 0n, high?.whole ?? greatest];
  const sizes = [low, high].map((bound) => String(bound?.whole ?? 0n).length);
  const room = maxDigits - largestOf(sizes);
  if (from > to) return choice([]);
  if (from === to) return sequence(wholeRange(from, from), fractionText(low, high, room));
  const ways = [];
  if (low) ways.push(sequence(wholeRange(from, from), fractionText(low, undefined, room)));
  const [first, last] = [low ? from + 1n : from, high ? to - 1n : to];
  if (first <= last)
    ways.push(sequence(wholeRange(first, last), fractionText(undefined, undefined, room)));
  if (high) ways.push(sequence(wholeRange(to, to), fractionText(undefined, high, room)));
  return choice(ways);
}

function boundsOf(schema: SchemaObject, pointer: Pointer) {
  const [min, max, above, under] = (
    ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'] as const
  ).map((keyword) => numberIn(schema, keyword, pointer));
  const pick = (
    bound: number | undefined,
    exclusive: number | undefined,
    wins: (a: number, b: number) => boolean,
  ): Bound | undefined => {
    if (exclusive !== undefined && (bound === undefined || wins(exclusive, bound))) {
      return { value: exclusive, exclusive: true };
    }
    return bound === undefined ? undefined : { value: bound, exclusive: false };
  };
  return { low: pick(min, above, (a, b) => a >= b), high: pick(max, under, (a, b) => a <= b) };
}

function numberIn(schema: SchemaObject, keyword: string, pointer: Pointer): number | undefined {
  const value = schema[keyword];
  if (value === undefined || (typeof value === 'number' && Number.isFinite(value))) return value;
  throw schemaError(below(pointer, keyword), `a number, but received ${received(value)}`);
}

function multipleOf(schema: SchemaObject, pointer: Pointer): number | undefined {
  const value = numberIn(schema, 'multipleOf', pointer);
  if (value === undefined || (Number.isSafeInteger(value) && value > 0)) return value;
  throw schemaError(
    below(pointer, 'multipleOf'),
    `a positive integer (validators round where it is a fraction), but received ${value}`,
  );
}

function decimalOf({ value, exclusive }: Bound, pointer: Pointer): Decimal {
  const found = decimal(value, exclusive);
  if (found) return found;
  throw tooManyDigits(pointer);
}

function tooManyDigits(pointer: Pointer) {
  return schemaError(pointer, `limits of numbers of at most ${maxDigits} digits`);
}
