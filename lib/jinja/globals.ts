import { bound } from './arguments.js';
import type { Budget } from './budget.js';
import { JinjaError, LimitError } from './errors.js';
import { maxElements } from './limits.js';
import { isIterable, iterate } from './protocol.js';
import {
  type Arguments,
  Dict,
  Instance,
  Namespace,
  none,
  Range,
  typeName,
  Undefined,
  type Value,
} from './values.js';

/** The functions that every template sees. */
export function globals(budget: Budget): Map<string, Value> {
  const functions: Record<string, (args: Arguments) => Value> = {
    range,
    dict: (args) => new Dict(entries('dict', args, budget)),
    namespace: (args) => namespace(args, budget),
    joiner,
    cycler,
  };
  return new Map(
    Object.entries(functions).map(([name, call]) => [name, new Instance('function', call)]),
  );
}

function range({ positional, named }: Arguments): Range {
  const numbers = positional.map((value) => {
    if (typeof value === 'number' || typeof value === 'boolean') return Number(value);
    if (value instanceof Undefined) throw new JinjaError(value.message);
    throw new JinjaError(`'${typeName(value)}' object cannot be interpreted as an integer`);
  });
  if (numbers.length < 1 || numbers.length > 3 || named.size > 0) {
    throw new JinjaError(`range expected 1 to 3 arguments, got ${numbers.length}`);
  }
  const [start, stop, step = 1] = numbers.length === 1 ? [0, numbers[0]!] : numbers;
  if (step === 0) throw new JinjaError('range() arg 3 must not be zero');
  const made = new Range(start!, stop!, step);
  if (made.length > maxElements) throw new LimitError(`counts over ${maxElements} numbers`);
  return made;
}

/** The entries of a mapping or a list of pairs, and the named arguments. */
function entries(
  name: string,
  { positional, named }: Arguments,
  budget: Budget,
): (readonly [Value, Value])[] {
  const [source] = positional;
  if (positional.length > 1) {
    throw new JinjaError(`${name} expected at most 1 argument, got ${positional.length}`);
  }
  const given =
    source === undefined
      ? []
      : source instanceof Dict
        ? [...source.entries()]
        : pairs(source, budget);
  return budget.list([...given, ...named]);
}

function pairs(source: Value, budget: Budget): (readonly [Value, Value])[] {
  return iterate(source, budget).map((pair) => {
    const parts = isIterable(pair) ? iterate(pair, budget) : [];
    if (parts.length !== 2) throw new JinjaError('dictionary update sequence needs pairs');
    return [parts[0]!, parts[1]!];
  });
}

function namespace(args: Arguments, budget: Budget): Namespace {
  const made = new Namespace();
  for (const [key, value] of entries('namespace', args, budget)) {
    if (typeof key === 'string') made.members.set(key, value);
  }
  return made;
}

/** Nothing at its first call, then the separator. */
function joiner(args: Arguments): Instance {
  const separator = bound('joiner', args, ['sep']).text('sep') ?? ', ';
  let used = false;
  return new Instance('Joiner', () => {
    const text = used ? separator : '';
    used = true;
    return text;
  });
}

function cycler({ positional: items }: Arguments): Instance {
  if (items.length === 0) throw new JinjaError('at least one item has to be provided');
  let at = 0;
  const next = () => items[at++ % items.length]!;
  const reset = () => {
    at = 0;
    return none;
  };
  return new Instance('Cycler', undefined, (name) => {
    if (name === 'current') return items[at % items.length];
    if (name === 'next') return new Instance('method', next);
    return name === 'reset' ? new Instance('method', reset) : undefined;
  });
}
