import { bound } from './arguments.js';
import { arithmetic } from './arithmetic.js';
import type { Budget } from './budget.js';
import { filters } from './filters.js';
import { compare, contains, equal, isIterable, numeric } from './protocol.js';
import { textMethods } from './text-methods.js';
import {
  type Arguments,
  Dict,
  Float,
  Instance,
  Namespace,
  none,
  Tuple,
  Undefined,
  type Value,
} from './values.js';
import { str } from './write.js';

export type Test = (value: Value, args: Arguments, budget: Budget) => boolean;

/** The tests of Jinja: what may follow `is`. */
export const tests: ReadonlyMap<string, Test> = new Map<string, Test>([
  plain('defined', (value) => !(value instanceof Undefined)),
  plain('undefined', (value) => value instanceof Undefined),
  plain('none', (value) => value === none),
  plain('true', (value) => value === true),
  plain('false', (value) => value === false),
  plain('boolean', (value) => typeof value === 'boolean'),
  plain('integer', (value) => typeof value === 'number'),
  plain('float', (value) => value instanceof Float),
  plain('number', (value) => numeric(value) !== undefined),
  plain('string', (value) => typeof value === 'string'),
  plain('mapping', (value) => value instanceof Dict),
  plain('sequence', isSequence),
  plain('iterable', isIterable),
  plain(
    'callable',
    (value) =>
      value instanceof Undefined || (value instanceof Instance && value.call !== undefined),
  ),
  plain('escaped', () => false),
  plain('odd', (value, budget) => arithmetic('%', value, 2, budget) === 1),
  plain('even', (value, budget) => arithmetic('%', value, 2, budget) === 0),
  plain('lower', (value, budget) => calls('islower', str(value, budget), budget)),
  plain('upper', (value, budget) => calls('isupper', str(value, budget), budget)),
  plain('filter', (value) => typeof value === 'string' && filters.has(value)),
  plain('test', (value) => typeof value === 'string' && tests.has(value)),
  binary('divisibleby', (value, other, budget) =>
    equal(arithmetic('%', value, other, budget), 0, budget),
  ),
  binary('in', (value, other, budget) => contains(other, value, budget)),
  binary('sameas', (value, other) => value === other),
  ...['eq', 'equalto', '=='].map((name) => binary(name, equal)),
  ...['ne', '!='].map((name) => binary(name, (a, b, budget) => !equal(a, b, budget))),
  ...['lt', 'lessthan', '<'].map((name) =>
    binary(name, (a, b, budget) => compare(a, b, '<', budget) < 0),
  ),
  ...['le', '<='].map((name) => binary(name, (a, b, budget) => compare(a, b, '<=', budget) <= 0)),
  ...['gt', 'greaterthan', '>'].map((name) =>
    binary(name, (a, b, budget) => compare(a, b, '>', budget) > 0),
  ),
  ...['ge', '>='].map((name) => binary(name, (a, b, budget) => compare(a, b, '>=', budget) >= 0)),
]);

function plain(name: string, test: (value: Value, budget: Budget) => boolean): [string, Test] {
  return [
    name,
    (value, args, budget) => {
      bound(name, args, []);
      return test(value, budget);
    },
  ];
}

function binary(
  name: string,
  test: (value: Value, other: Value, budget: Budget) => boolean,
): [string, Test] {
  return [
    name,
    (value, args, budget) => test(value, bound(name, args, ['other']).value('other'), budget),
  ];
}

/** Whether it has a length and elements by number or key; undefined has a length of 0. */
function isSequence(value: Value): boolean {
  if (value instanceof Undefined || value instanceof Tuple) return true;
  return (
    isIterable(value) &&
    !(value instanceof Instance) &&
    !(value instanceof Namespace) &&
    hasItems(value)
  );
}

function hasItems(value: Value): boolean {
  return (
    typeof value === 'string' ||
    value instanceof Dict ||
    Array.isArray(value) ||
    'step' in (value as object)
  );
}

function calls(method: string, text: string, budget: Budget): boolean {
  return textMethods.get(method)!(text, { positional: [], named: new Map() }, budget) === true;
}
