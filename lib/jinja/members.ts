import type { Budget } from './budget.js';
import { dictMethods, listMethods } from './collection-methods.js';
import { JinjaError } from './errors.js';
import { hasSurrogates } from './text.js';
import { textMethods } from './text-methods.js';
import {
  Dict,
  Instance,
  isList,
  Namespace,
  none,
  Range,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from './values.js';
import { repr } from './write.js';

/** `object.name`: an attribute before a key. */
export function attribute(object: Value, name: string, budget: Budget): Value {
  if (object instanceof Undefined) throw new JinjaError(object.message);
  return (
    ownAttribute(object, name, budget) ??
    keyed(object, name, budget) ??
    missing(object, name, budget)
  );
}

/** `object[key]`: a key before an attribute. */
export function item(object: Value, key: Value, budget: Budget): Value {
  if (object instanceof Undefined) throw new JinjaError(object.message);
  if (typeof key === 'string') budget.spendText(key.length);
  const value = keyed(object, key, budget);
  if (value !== undefined) return value;
  return (
    (typeof key === 'string' ? ownAttribute(object, key, budget) : undefined) ??
    missing(object, key, budget)
  );
}

/** Python's own attribute of a value: no key. */
export function ownAttribute(object: Value, name: string, budget: Budget): Value | undefined {
  if (object instanceof Instance) return object.attribute(name);
  if (object instanceof Namespace) return object.members.get(name);
  const method = methodsOf(object)?.get(name);
  if (method === undefined) return undefined;
  return new Instance('builtin_function_or_method', (args) =>
    method(object as never, args, budget),
  );
}

type Methods = ReadonlyMap<
  string,
  (object: never, args: Parameters<NonNullable<Instance['call']>>[0], budget: Budget) => Value
>;

function methodsOf(object: Value): Methods | undefined {
  if (typeof object === 'string') return textMethods;
  if (object instanceof Dict) return dictMethods;
  return isList(object) || object instanceof Tuple ? listMethods : undefined;
}

function keyed(object: Value, key: Value, budget: Budget): Value | undefined {
  if (object instanceof Dict) return isHashable(key) ? object.get(key) : undefined;
  if (typeof key !== 'number' && typeof key !== 'boolean') return undefined;
  const index = Number(key);
  if (typeof object === 'string') {
    budget.spendText(object.length);
    if (!hasSurrogates(object)) return object.at(index);
    budget.spendCharacters(object.length);
    return [...object].at(index);
  }
  if (isList(object)) return object.at(index);
  if (object instanceof Tuple) return object.items.at(index);
  if (object instanceof Range) {
    const at = index < 0 ? index + object.length : index;
    return at >= 0 && at < object.length ? object.at(at) : undefined;
  }
  return undefined;
}

function isHashable(key: Value): boolean {
  return !isList(key) && !(key instanceof Dict);
}

export function missing(object: Value, key: Value, budget: Budget): Undefined {
  const type = object === none ? 'None' : `${typeName(object)} object`;
  if (typeof key === 'string')
    return new Undefined(`'${type}' has no attribute ${repr(key, budget)}`);
  return new Undefined(`${type} has no element ${repr(key, budget)}`);
}

/** `object[start:stop:step]` */
export function sliced(
  object: Value,
  bounds: readonly (Value | undefined)[],
  budget: Budget,
): Value {
  if (object instanceof Undefined) throw new JinjaError(object.message);
  const numbers = bounds.map((bound) => {
    if (bound === undefined || bound === none) return undefined;
    if (typeof bound === 'number' || typeof bound === 'boolean') return Number(bound);
    if (bound instanceof Undefined) throw new JinjaError(bound.message);
    throw new JinjaError('slice indices must be integers or None or have an __index__ method');
  });
  if (typeof object === 'string') {
    budget.spendText(object.length);
    if (hasSurrogates(object)) {
      budget.spendCharacters(object.length);
      return slice([...object], numbers).join('');
    }
    const [start, stop, step = 1] = numbers;
    if (step === 1) return object.slice(start ?? 0, stop ?? object.length);
    budget.spendCharacters(object.length);
    return slice([...object], numbers).join('');
  }
  const list = isList(object) ? object : object instanceof Tuple ? object.items : undefined;
  if (list) {
    const part = budget.list(slice(list, numbers));
    return isList(object) ? part : new Tuple(part);
  }
  if (object instanceof Range) return slicedRange(object, numbers);
  if (object instanceof Dict) throw new JinjaError("unhashable type: 'slice'");
  throw new JinjaError(`'${typeName(object)}' object is not subscriptable`);
}

function slice<T>(list: readonly T[], bounds: readonly (number | undefined)[]): T[] {
  const { from, to, step } = sliceBounds(list.length, bounds);
  const result: T[] = [];
  for (let i = from; step > 0 ? i < to : i > to; i += step) result.push(list[i]!);
  return result;
}

function slicedRange(range: Range, bounds: readonly (number | undefined)[]): Range {
  const { from, to, step } = sliceBounds(range.length, bounds);
  return new Range(range.at(from), range.at(to), range.step * step);
}

function sliceBounds(length: number, [start, stop, step = 1]: readonly (number | undefined)[]) {
  if (step === 0) throw new JinjaError('slice step cannot be zero');
  const [low, high] = step > 0 ? [0, length] : [-1, length - 1];
  const clamped = (bound: number) =>
    Math.min(high, Math.max(low, bound < 0 ? bound + length : bound));
  const from = start === undefined ? (step > 0 ? low : high) : clamped(start);
  const to = stop === undefined ? (step > 0 ? high : low) : clamped(stop);
  return { from, to, step };
}
