import { choice, type Expression, oneOf, repeat, sequence, text } from '../expression.js';
import { digit } from './json-text.js';

/** The whole numbers from `first` to `last`, both at least 0, without leading zeros. */
export function wholeRange(first: bigint, last: bigint): Expression {
  if (first > last) return choice([]);
  const ways: Expression[] = [];
  for (let from = first; from <= last; ) {
    const top = 10n ** BigInt(String(from).length) - 1n; // last number with as many digits
    const to = top < last ? top : last;
    ways.push(between(String(from), String(to)));
    from = to + 1n;
  }
  return choice(ways);
}

/** Numbers with as many digits as both limits have. */
function between(low: string, high: string): Expression {
  if (low === '') return sequence();
  const [first, last, left] = [Number(low[0]), Number(high[0]), low.length - 1];
  if (/^0*$/.test(low.slice(1)) && /^9*$/.test(high.slice(1))) {
    return sequence(digitFrom(first, last), repeat(digit, left, left));
  }
  if (first === last) {
    return sequence(text(low[0]!), between(low.slice(1), high.slice(1)));
  }
  return choice([
    sequence(text(low[0]!), between(low.slice(1), '9'.repeat(left))),
    ...(first + 1 < last
      ? [sequence(digitFrom(first + 1, last - 1), repeat(digit, left, left))]
      : []),
    sequence(text(high[0]!), between('0'.repeat(left), high.slice(1))),
  ]);
}

function digitFrom(first: number, last: number): Expression {
  return oneOf([[0x30 + first, 0x30 + last]]);
}
