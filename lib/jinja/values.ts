import { JinjaError, LimitError } from './errors.js';

/**
 * A value while a template runs. Texts, booleans and lists are those of JavaScript, a number is
 * a Python int; the classes are Python's other types. Nothing changes a value but a
 * namespace's members.
 */
export type Value =
  | string
  | number
  | boolean
  | None
  | Float
  | Undefined
  | readonly Value[]
  | Tuple
  | Dict
  | Range
  | View
  | Generator
  | Namespace
  | Instance;

/** Python's None. Not null, so that `??` matches only undefined values. The only instance is `none`. */
export class None {
  readonly type = 'NoneType';
}

export const none = new None();

export class Float {
  constructor(readonly value: number) {}
}

/** An undefined value; using it for anything but a test or an empty output fails with `message`. */
export class Undefined {
  constructor(readonly message: string) {}
}

export class Tuple {
  constructor(readonly items: readonly Value[]) {}
}

/** Keys that are equal in Python are the same key: 1, 1.0 and true. */
export class Dict {
  readonly #entries = new Map<unknown, readonly [Value, Value]>();

  constructor(entries: Iterable<readonly [Value, Value]> = []) {
    for (const [key, value] of entries) this.set(key, value);
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: Value): Value | undefined {
    return this.#entries.get(hashed(key))?.[1];
  }

  /** Only while the value is made. */
  set(key: Value, value: Value): void {
    const hash = hashed(key);
    this.#entries.set(hash, [this.#entries.get(hash)?.[0] ?? key, value]);
  }

  entries(): Iterable<readonly [Value, Value]> {
    return this.#entries.values();
  }

  keys(): Value[] {
    return Array.from(this.#entries.values(), ([key]) => key);
  }
}

/** The identity of a value in a set or as a key. */
export function hashed(key: Value): unknown {
  if (typeof key === 'boolean') return Number(key);
  if (key instanceof Float) return key.value;
  if (key instanceof Undefined) return Undefined;
  if (key instanceof Tuple) return hashedTuple(key);
  if (Array.isArray(key) || key instanceof Dict) {
    throw new JinjaError(`unhashable type: '${typeName(key)}'`);
  }
  return key;
}

function hashedTuple({ items }: Tuple): string {
  let hash = '\0tuple';
  for (const item of items) {
    const part = item instanceof Undefined ? 'Undefined' : item === none ? 'None' : hashed(item);
    if (typeof part === 'object') throw new JinjaError(`unhashable type: '${typeName(item)}'`);
    const text = String(part);
    hash += ` ${typeof part} ${text.length} ${text}`;
    if (hash.length > maxTupleHash) throw new LimitError('has too long a tuple as a key');
  }
  return hash;
}

/** Characters; the keys of real templates are names. */
const maxTupleHash = 10_000;

export class Range {
  constructor(
    readonly start: number,
    readonly stop: number,
    readonly step: number,
  ) {}

  get length(): number {
    return Math.max(0, Math.ceil((this.stop - this.start) / this.step));
  }

  at(index: number): number {
    return this.start + index * this.step;
  }
}

/** The keys, values or items of a dict. */
export class View {
  constructor(
    readonly type: 'dict_keys' | 'dict_values' | 'dict_items',
    readonly items: readonly Value[],
  ) {}
}

/** What may be gone through once. */
export class Generator {
  #items: readonly Value[] | undefined;

  constructor(items: readonly Value[]) {
    this.#items = items;
  }

  take(): readonly Value[] {
    const items = this.#items ?? [];
    this.#items = undefined;
    return items;
  }
}

export class Namespace {
  readonly members = new Map<string, Value>();
}

/** Something with attributes or that can be called: a macro, a method, `loop`. */
export class Instance {
  constructor(
    readonly type: string,
    /** Calls it; undefined: it cannot be called. */
    readonly call: ((args: Arguments) => Value) | undefined,
    readonly attribute: (name: string) => Value | undefined = () => undefined,
  ) {}
}

/** Arguments of a call. */
export interface Arguments {
  readonly positional: readonly Value[];
  readonly named: ReadonlyMap<string, Value>;
}

/** Python's name for the type of a value. */
export function typeName(value: Value): string {
  if (value === none) return 'NoneType';
  if (typeof value === 'string') return 'str';
  if (typeof value === 'number') return 'int';
  if (typeof value === 'boolean') return 'bool';
  if (value instanceof Float) return 'float';
  if (value instanceof View || value instanceof Instance) return value.type;
  if (value instanceof Dict) return 'dict';
  if (value instanceof Tuple) return 'tuple';
  if (value instanceof Range) return 'range';
  if (value instanceof Generator) return 'generator';
  if (value instanceof Namespace) return 'Namespace';
  return value instanceof Undefined ? 'Undefined' : 'list';
}

/** A text is a list of characters, but no value of this kind. */
export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

/** A value of plain JavaScript: JSON, and functions that return it. */
export function fromJs(value: unknown): Value {
  if (value === undefined || value === null) return none;
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : new Float(value);
  if (Array.isArray(value)) return value.map(fromJs);
  if (typeof value === 'function') {
    return new Instance('function', ({ positional }) => fromJs(value(...positional)));
  }
  return new Dict(Object.entries(value).map(([key, part]) => [key, fromJs(part)]));
}
