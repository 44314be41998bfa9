import type { Budget } from './budget.js';
import { JinjaError, LimitError } from './errors.js';
import { maxValueDepth } from './limits.js';
import { hasSurrogates, lengthOf } from './text.js';
import {
  Dict,
  Float,
  Generator,
  isList,
  Namespace,
  none,
  Range,
  Tuple,
  typeName,
  Undefined,
  type Value,
  View,
} from './values.js';

/*
 * What Python does with values of every type: truth, equality, order, iteration.
 */

export function truthy(value: Value): boolean {
  if (value instanceof Float) return value.value !== 0;
  if (value instanceof Undefined) return false;
  if (value instanceof Dict) return value.size > 0;
  if (isList(value) || value instanceof Range) return value.length > 0;
  if (value instanceof Tuple || value instanceof View) return value.items.length > 0;
  return value !== none && Boolean(value);
}

/** The number that a value is in a sum, if it is one. */
export function numeric(value: Value): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value === 'boolean') return Number(value);
  return value instanceof Float ? value.value : undefined;
}

export function equal(a: Value, b: Value, budget: Budget, depth = 0): boolean {
  budget.spend(1);
  if (typeof a === 'string' && typeof b === 'string' && a.length === b.length) {
    budget.spendText(a.length);
    return a === b;
  }
  if (a === b) return true;
  if (typeof a === 'string' || typeof b === 'string' || a === none || b === none) return false;
  const x = numeric(a);
  if (x !== undefined) return x === numeric(b);
  if (a instanceof Undefined) return b instanceof Undefined;
  checkDepth(depth);
  if (isList(a)) return isList(b) && equalItems(a, b, budget, depth);
  if (a instanceof Tuple) return b instanceof Tuple && equalItems(a.items, b.items, budget, depth);
  if (a instanceof Dict) return b instanceof Dict && equalDicts(a, b, budget, depth);
  if (a instanceof Range && b instanceof Range) {
    return a.length === b.length && (a.length === 0 || (a.start === b.start && a.step === b.step));
  }
  return false;
}

function equalItems(
  a: readonly Value[],
  b: readonly Value[],
  budget: Budget,
  depth: number,
): boolean {
  return a.length === b.length && a.every((item, i) => equal(item, b[i]!, budget, depth + 1));
}

function equalDicts(a: Dict, b: Dict, budget: Budget, depth: number): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of a.entries()) {
    const other = b.get(key);
    if (other === undefined || !equal(value, other, budget, depth + 1)) return false;
  }
  return true;
}

export function checkDepth(depth: number): void {
  if (depth > maxValueDepth) {
    throw new LimitError(`puts lists into lists over ${maxValueDepth} levels deep`);
  }
}

/**
 * Below 0, 0 or above 0, as `a` is before, equal to or after `b`.
 *
 * @param operator for the message, when they have no order
 */
export function compare(a: Value, b: Value, operator: string, budget: Budget, depth = 0): number {
  budget.spend(1);
  const [x, y] = [numeric(a), numeric(b)];
  if (x !== undefined && y !== undefined) return x === y ? 0 : x < y ? -1 : x > y ? 1 : Number.NaN;
  if (typeof a === 'string' && typeof b === 'string') return compareTexts(a, b, budget);
  for (const value of [a, b]) if (value instanceof Undefined) throw new JinjaError(value.message);
  const [p, q] =
    isList(a) && isList(b)
      ? [a, b]
      : a instanceof Tuple && b instanceof Tuple
        ? [a.items, b.items]
        : [];
  if (!p || !q) {
    throw new JinjaError(
      `'${operator}' not supported between instances of '${typeName(a)}' and '${typeName(b)}'`,
    );
  }
  checkDepth(depth);
  const different = p.findIndex(
    (item, i) => i >= q.length || !equal(item, q[i]!, budget, depth + 1),
  );
  if (different < 0) return p.length - q.length;
  if (different >= q.length) return 1;
  return compare(p[different]!, q[different]!, operator, budget, depth + 1);
}

/** By code points, whose order that of UTF-8 is. */
function compareTexts(a: string, b: string, budget: Budget): number {
  budget.spendText(Math.min(a.length, b.length));
  if (!hasSurrogates(a) && !hasSurrogates(b)) return a < b ? -1 : a > b ? 1 : 0;
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/** The items of a loop over a value. */
export function iterate(value: Value, budget: Budget): readonly Value[] {
  const items = iterated(value, budget);
  budget.spend(items.length);
  return items;
}

function iterated(value: Value, budget: Budget): readonly Value[] {
  if (isList(value)) return value;
  if (typeof value === 'string') {
    budget.spendList(value.length);
    return [...value];
  }
  if (value instanceof Tuple || value instanceof View) return value.items;
  if (value instanceof Dict) return value.keys();
  if (value instanceof Undefined) return [];
  if (value instanceof Generator) return value.take();
  if (value instanceof Range) {
    budget.spendList(value.length);
    return Array.from({ length: value.length }, (_, i) => value.at(i));
  }
  throw new JinjaError(`'${typeName(value)}' object is not iterable`);
}

export function isIterable(value: Value): boolean {
  return (
    typeof value === 'string' ||
    (typeof value === 'object' &&
      value !== none &&
      !(value instanceof Float) &&
      !(value instanceof Namespace) &&
      !('call' in value))
  );
}

/** `len(value)` */
export function sizeOf(value: Value, budget: Budget): number {
  if (typeof value === 'string') {
    budget.spendText(value.length);
    return lengthOf(value);
  }
  if (isList(value) || value instanceof Range) return value.length;
  if (value instanceof Tuple || value instanceof View) return value.items.length;
  if (value instanceof Dict) return value.size;
  if (value instanceof Undefined) return 0;
  throw new JinjaError(`object of type '${typeName(value)}' has no len()`);
}

/** `item in container` */
export function contains(container: Value, item: Value, budget: Budget): boolean {
  if (typeof container === 'string') {
    if (typeof item === 'string') {
      budget.spendSearch(container, item);
      return container.includes(item);
    }
    if (item instanceof Undefined) throw new JinjaError(item.message);
    throw new JinjaError(`'in <string>' requires string as left operand, not ${typeName(item)}`);
  }
  if (container instanceof Dict) {
    budget.spendText(typeof item === 'string' ? item.length : 0);
    return container.get(item) !== undefined;
  }
  if (container instanceof Range) {
    const x = numeric(item);
    const index = x === undefined ? -1 : (x - container.start) / container.step;
    return Number.isInteger(index) && index >= 0 && index < container.length;
  }
  return iterated(container, budget).some((other) => equal(item, other, budget));
}
