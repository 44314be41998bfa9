import { JinjaError } from './errors.js';
import { numeric } from './protocol.js';
import { type Arguments, Float, none, typeName, Undefined, type Value } from './values.js';

/** The arguments of a call of a filter, a test, a method or a function, by the names of its parameters. */
export class Bound {
  readonly #function: string;
  readonly #values: ReadonlyMap<string, Value>;

  constructor(name: string, values: ReadonlyMap<string, Value>) {
    this.#function = name;
    this.#values = values;
  }

  /** undefined when it is not given. */
  optional(name: string): Value | undefined {
    return this.#values.get(name);
  }

  value(name: string): Value {
    const value = this.#values.get(name);
    if (value === undefined) {
      throw new JinjaError(`${this.#function}() missing 1 required positional argument: '${name}'`);
    }
    return value;
  }

  /** undefined when it is not given or None. */
  text(name: string): string | undefined {
    const value = this.#values.get(name) ?? none;
    if (value === none) return undefined;
    if (typeof value === 'string') return value;
    throw this.#wrong(name, 'str', value);
  }

  /** undefined when it is not given or None. */
  integer(name: string): number | undefined {
    const value = this.#values.get(name) ?? none;
    if (value === none) return undefined;
    const number = value instanceof Float ? undefined : numeric(value);
    if (number === undefined) throw this.#wrong(name, 'int', value);
    return number;
  }

  #wrong(name: string, expected: string, value: Value): JinjaError {
    if (value instanceof Undefined) return new JinjaError(value.message);
    return new JinjaError(
      `${this.#function}() argument '${name}' must be ${expected}, not ${typeName(value)}`,
    );
  }
}

/**
 * @param names of the parameters, in their order
 * @throws JinjaError when there are others
 */
export function bound(
  name: string,
  { positional, named }: Arguments,
  names: readonly string[],
): Bound {
  if (positional.length > names.length) {
    throw new JinjaError(
      `${name}() takes at most ${names.length} arguments, but ${positional.length} were given`,
    );
  }
  const values = new Map<string, Value>();
  for (const [i, value] of positional.entries()) values.set(names[i]!, value);
  for (const [key, value] of named) {
    if (!names.includes(key)) {
      throw new JinjaError(`${name}() got an unexpected keyword argument '${key}'`);
    }
    if (values.has(key))
      throw new JinjaError(`${name}() got multiple values for argument '${key}'`);
    values.set(key, value);
  }
  return new Bound(name, values);
}
