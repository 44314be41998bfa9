import { integer } from './arithmetic.js';
import { JinjaError } from './errors.js';
import { fixed } from './format-number.js';
import { missing, ownAttribute } from './members.js';
import { numeric, sizeOf, truthy } from './protocol.js';
import { type FilterEntry, filter } from './runtime.js';
import { strip } from './text.js';
import { Float, typeName, Undefined, type Value } from './values.js';

export const scalarFilters: readonly FilterEntry[] = [
  fallback('default'),
  fallback('d'),
  filter('int', ['default', 'base'], (value, args, { budget }) => {
    if (typeof value === 'string') budget.spendCharacters(value.length);
    return toInteger(value, args.integer('base') ?? 10) ?? args.optional('default') ?? 0;
  }),
  filter('float', ['default'], (value, args, { budget }) => {
    if (typeof value === 'string') budget.spendCharacters(value.length);
    const number = toFloat(value);
    return number === undefined ? (args.optional('default') ?? new Float(0)) : new Float(number);
  }),
  filter('abs', [], (value) => {
    const number = required(value);
    return value instanceof Float ? new Float(Math.abs(number)) : Math.abs(number);
  }),
  filter('round', ['precision', 'method'], (value, args) => {
    const number = required(value);
    const precision = args.integer('precision') ?? 0;
    const method = args.text('method') ?? 'common';
    if (method === 'common') {
      return value instanceof Float
        ? new Float(rounded(number, precision))
        : roundedInteger(number, precision);
    }
    if (method !== 'ceil' && method !== 'floor') {
      throw new JinjaError('method must be common, ceil or floor');
    }
    return new Float(Math[method](number * 10 ** precision) / 10 ** precision);
  }),
  size('length'),
  size('count'),
  filter('attr', ['name'], (value, args, { budget }) => {
    const name = args.text('name') ?? '';
    if (value instanceof Undefined) throw new JinjaError(value.message);
    return ownAttribute(value, name, budget) ?? missing(value, name, budget);
  }),
];

function fallback(name: string): FilterEntry {
  return filter(name, ['default_value', 'boolean'], (value, args) => {
    const absent =
      value instanceof Undefined || (truthy(args.optional('boolean') ?? false) && !truthy(value));
    return absent ? (args.optional('default_value') ?? '') : value;
  });
}

function size(name: string): FilterEntry {
  return filter(name, [], (value, _args, { budget }) => sizeOf(value, budget));
}

function required(value: Value): number {
  const number = numeric(value);
  if (number !== undefined) return number;
  if (value instanceof Undefined) throw new JinjaError(value.message);
  throw new JinjaError(`type ${typeName(value)} doesn't define __round__ method`);
}

/** undefined if it is not one. */
function toInteger(value: Value, base: number): number | undefined {
  const number =
    typeof value === 'string' ? (parsedInteger(value, base) ?? toFloat(value)) : numeric(value);
  if (value instanceof Undefined) throw new JinjaError(value.message);
  return number === undefined || !Number.isFinite(number) ? undefined : integer(Math.trunc(number));
}

function parsedInteger(text: string, base: number): number | undefined {
  const digits = strip(text)
    .replace(/(\d)_(?=\d)/g, '$1')
    .toLowerCase();
  const [, sign = '', prefix = '', rest = ''] = /^([-+]?)(0[xob])?([0-9a-z]+)$/.exec(digits) ?? [];
  const wanted = prefixes.get(prefix);
  if (rest === '' || (wanted !== undefined && base !== wanted && base !== 0)) return undefined;
  const radix = base === 0 ? (wanted ?? 10) : base;
  if ([...rest].some((digit) => !(Number.parseInt(digit, 36) < radix))) return undefined;
  const size = Number.parseInt(rest, radix);
  return sign === '-' ? -size : size;
}

const prefixes: ReadonlyMap<string, number> = new Map([
  ['0x', 16],
  ['0o', 8],
  ['0b', 2],
]);

function toFloat(value: Value): number | undefined {
  if (value instanceof Undefined) throw new JinjaError(value.message);
  if (typeof value !== 'string') return numeric(value);
  const text = strip(value)
    .replace(/(\d)_(?=\d)/g, '$1')
    .toLowerCase();
  const special = /^([-+]?)(?:inf|infinity|(nan))$/.exec(text);
  if (special) return special[2] ? Number.NaN : Number(`${special[1]}Infinity`);
  return /^[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?$/.test(text) ? Number(text) : undefined;
}

/** Halves to even, as Python rounds. */
function rounded(value: number, precision: number): number {
  if (precision >= 0) {
    const text = fixed(Math.abs(value), Math.min(precision, 100));
    return value < 0 ? -Number(text) : Number(text);
  }
  return roundedInteger(value, precision);
}

function roundedInteger(value: number, precision: number): number {
  if (precision >= 0) return value;
  const unit = 10 ** -precision;
  const down = Math.floor(value / unit);
  const rest = value - down * unit;
  const up = rest * 2 > unit || (rest * 2 === unit && down % 2 !== 0);
  return (down + Number(up)) * unit;
}
