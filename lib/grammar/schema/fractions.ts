import { choice, type Expression, oneOf, repeat, sequence, text } from '../expression.js';
import { digit } from './json-text.js';

/** A limit in decimal, without its sign. */
export interface Decimal {
  readonly negative: boolean;
  readonly whole: bigint;
  /** The digits behind the point, the last of them not 0. */
  readonly fraction: string;
  readonly exclusive: boolean;
}

/** undefined where it has more than 15 digits. */
export function decimal(value: number, exclusive: boolean): Decimal | undefined {
  const found = /^(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(Math.abs(value)))!;
  const [digits, shift] = [`${found[1]}${found[2] ?? ''}`, Number(found[3] ?? 0)];
  const point = found[1]!.length + shift;
  if (point > 15 || point < -15) return undefined;
  const padded = point > 0 ? digits.padEnd(point, '0') : '0'.repeat(1 - point) + digits;
  const at = Math.max(point, 1);
  const whole = BigInt(padded.slice(0, at));
  const fraction = withoutZeros(padded.slice(at));
  if (String(whole).length + fraction.length > 15) return undefined;
  return { negative: value < 0, whole, fraction, exclusive };
}

function withoutZeros(fraction: string): string {
  let end = fraction.length;
  while (fraction[end - 1] === '0') end--;
  return fraction.slice(0, end);
}

type Limit = Pick<Decimal, 'fraction' | 'exclusive'>;

/**
 * Behind a whole number: a fraction, or none, so that it is not below `low` and not above `high`.
 *
 * @param room digits that there may be
 */
export function fractionText(
  low: Limit | undefined,
  high: Limit | undefined,
  room: number,
): Expression {
  const none = isWithin('', low, high) ? [sequence()] : [];
  if (room === 0) return choice(none);
  return choice([...none, sequence(text('.'), digits(low, high, room, false))]);
}

/** At least one digit unless `mayEnd`; a limit is what is left of it here. */
function digits(
  low: Limit | undefined,
  high: Limit | undefined,
  room: number,
  mayEnd: boolean,
): Expression {
  const end = mayEnd && isWithin('', low, high) ? [sequence()] : [];
  if (room === 0) return choice(end);
  if (!low && !high) return repeat(digit, mayEnd ? 0 : 1, room);
  const ways: Expression[] = [...end];
  const [first, last] = [digitOf(low, 0), high ? digitOf(high, 0) : 9];
  for (let from = first; from <= last; ) {
    // digits that touch no limit are alike
    const touches = (low && from === first) || (high && from === last);
    const to = touches ? from : high ? last - 1 : 9;
    const nextLow = low && from === first ? restOfLow(low) : undefined;
    const nextHigh = high && to === last ? rest(high) : undefined;
    const way = digits(nextLow, nextHigh, room - 1, true);
    ways.push(sequence(oneOf([[0x30 + from, 0x30 + to]]), way));
    from = to + 1;
  }
  return choice(ways);
}

function isWithin(fraction: string, low: Limit | undefined, high: Limit | undefined): boolean {
  const aboveLow = !low || fraction > low.fraction || (fraction === low.fraction && !low.exclusive);
  const belowHigh =
    !high || fraction < high.fraction || (fraction === high.fraction && !high.exclusive);
  return aboveLow && belowHigh;
}

function digitOf(limit: Limit | undefined, fallback: number): number {
  return limit && limit.fraction !== '' ? Number(limit.fraction[0]) : fallback;
}

/** undefined where every fraction is high enough. */
function restOfLow(low: Limit): Limit | undefined {
  const left = rest(low);
  return left.fraction === '' && !left.exclusive ? undefined : left;
}

/** Of a limit that has no digits left, zeros are. */
function rest({ fraction, exclusive }: Limit): Limit {
  return { fraction: fraction.slice(1), exclusive };
}
