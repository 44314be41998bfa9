import { type Bound, bound } from './arguments.js';
import type { Budget } from './budget.js';
import { item } from './members.js';
import type { Arguments, Value } from './values.js';
import { none, Undefined } from './values.js';

/** What filters and tests need of the template that uses them. */
export interface Runtime {
  readonly budget: Budget;
  /** Applies a filter by name. */
  filter(name: string, value: Value, args: Arguments): Value;
  /** Applies a test by name. */
  test(name: string, value: Value, args: Arguments): boolean;
}

/** A filter: gives another value. */
export type Filter = (value: Value, args: Arguments, runtime: Runtime) => Value;

export type FilterEntry = readonly [name: string, filter: Filter];

/** A filter whose arguments have names. */
export function filter(
  name: string,
  names: readonly string[],
  run: (value: Value, args: Bound, runtime: Runtime) => Value,
): FilterEntry {
  return [name, (value, args, runtime) => run(value, bound(name, args, names), runtime)];
}

/**
 * What an `attribute="a.0.b"` argument takes from a value; the value itself without one.
 *
 * @param otherwise in place of what is not there
 */
export function attributeOf(
  value: Value,
  path: Value | undefined,
  budget: Budget,
  otherwise?: Value,
): Value {
  if (path === undefined || path === none) return value;
  const steps = typeof path === 'string' ? path.split('.') : [path];
  budget.spend(steps.length);
  let found = value;
  for (const step of steps) {
    found = item(
      found,
      typeof step === 'string' && /^\d+$/.test(step) ? Number(step) : step,
      budget,
    );
    if (otherwise !== undefined && otherwise !== none && found instanceof Undefined)
      found = otherwise;
  }
  return found;
}

/** What `sort` and its like compare when they do not tell capital letters from small ones. */
export function withoutCase(value: Value, budget: Budget): Value {
  return typeof value === 'string' ? budget.text(value.toLowerCase()) : value;
}
