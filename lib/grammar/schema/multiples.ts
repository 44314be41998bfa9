import { choice, type Expression, optional, repeat, sequence, text } from '../expression.js';
import { digit } from './json-text.js';
import { type Pointer, schemaError } from './schema-error.js';

/** Multiples that are listed one by one at most. */
const mostListed = 10_000n;

/** The multiples of a number, between limits or without any. */
export function multiples(
  of: number,
  first: bigint | undefined,
  last: bigint | undefined,
  pointer: Pointer,
): Expression {
  const step = BigInt(of);
  if (first !== undefined && last !== undefined) {
    const from = first > 0n ? (first + step - 1n) / step : first / step;
    if (last / step - from < mostListed) return listed(from * step, last, step);
  }
  if (first === undefined && last === undefined) {
    for (let digits = 1; digits <= 4; digits++) {
      if (10 ** digits % of === 0) return anyMultiple(of, digits);
    }
  }
  throw schemaError(
    pointer,
    `multiples of a divisor of 10000, or at most ${mostListed} of them between minimum and maximum`,
  );
}

function listed(first: bigint, last: bigint, step: bigint): Expression {
  const values: Expression[] = [];
  for (let value = first; value <= last; value += step) values.push(text(String(value)));
  return choice(values);
}

/** Its last digits decide. */
function anyMultiple(of: number, digits: number): Expression {
  const short = new Set<string>();
  const endings: Expression[] = [];
  for (let value = 0; value < 10 ** digits; value += of) {
    short.add(String(value));
    endings.push(text(String(value).padStart(digits, '0')));
  }
  const nonZero = choice(Array.from({ length: 9 }, (_, i) => text(String(i + 1))));
  const long = sequence(nonZero, repeat(digit, 0, 14 - digits), choice(endings));
  return sequence(optional(text('-')), choice([...[...short].map(text), long]));
}
