import { pairs } from './collection-methods.js';
import { JinjaError } from './errors.js';
import { iterate, truthy } from './protocol.js';
import { attributeOf, type Filter, type FilterEntry, filter, type Runtime } from './runtime.js';
import { type Arguments, Dict, Generator, none, Undefined, type Value } from './values.js';

export const listFilters: readonly FilterEntry[] = [
  filter('list', [], (value, _args, { budget }) => budget.list([...iterate(value, budget)])),
  filter('first', [], (value, _args, { budget }) => {
    return iterate(value, budget)[0] ?? absent('No first item, sequence was empty.');
  }),
  filter('last', [], (value, _args, { budget }) => {
    return iterate(value, budget).at(-1) ?? absent('No last item, sequence was empty.');
  }),
  filter('reverse', [], (value, _args, { budget }) => {
    const items = budget.list([...iterate(value, budget)]).reverse();
    return typeof value === 'string' ? items.join('') : new Generator(items);
  }),
  filter('items', [], (value, _args, { budget }) => {
    if (value instanceof Undefined) return new Generator([]);
    if (value instanceof Dict) return new Generator(budget.list(pairs(value)));
    throw new JinjaError('Can only get item pairs from a mapping.');
  }),
  ['map', map],
  choice('select', false, true),
  choice('reject', false, false),
  choice('selectattr', true, true),
  choice('rejectattr', true, false),
  filter('batch', ['linecount', 'fill_with'], (value, args, { budget }) => {
    const size = Math.max(1, args.integer('linecount') ?? 1);
    const fill = args.optional('fill_with') ?? none;
    const items = iterate(value, budget);
    const batches: Value[] = [];
    for (let i = 0; i < items.length; i += size) {
      const batch = budget.list(items.slice(i, i + size));
      if (fill !== none) budget.spendList(size);
      while (fill !== none && batch.length < size) batch.push(fill);
      batches.push(batch);
    }
    return new Generator(batches);
  }),
  filter('slice', ['slices', 'fill_with'], (value, args, { budget }) => {
    const items = iterate(value, budget);
    const count = args.integer('slices') ?? 1;
    const fill = args.optional('fill_with') ?? none;
    if (count < 1) throw new JinjaError('integer division or modulo by zero');
    budget.spendList(count);
    const size = Math.floor(items.length / count);
    const larger = items.length % count;
    return new Generator(
      Array.from({ length: count }, (_, i) => {
        const start = i * size + Math.min(i, larger);
        const part = items.slice(start, start + size + (i < larger ? 1 : 0));
        return budget.list(fill !== none && i >= larger ? [...part, fill] : part);
      }),
    );
  }),
];

function absent(message: string): Undefined {
  return new Undefined(message);
}

/** `map(attribute=…, default=…)`, or `map(filter, its arguments)`. */
function map(value: Value, args: Arguments, runtime: Runtime): Value {
  const { budget } = runtime;
  if (!truthy(value)) return new Generator([]);
  const path = args.named.get('attribute');
  if (args.positional.length === 0 && path !== undefined) {
    const otherwise = args.named.get('default');
    const items = iterate(value, budget);
    return new Generator(items.map((item) => attributeOf(item, path, budget, otherwise)));
  }
  const [name, ...positional] = args.positional;
  if (typeof name !== 'string') throw new JinjaError('map requires a filter argument');
  const items = iterate(value, budget);
  return new Generator(
    items.map((item) => runtime.filter(name, item, { positional, named: args.named })),
  );
}

/** `select(test, its arguments)`, or `selectattr(attribute, test, its arguments)`. */
function choice(name: string, ofAttribute: boolean, wanted: boolean): FilterEntry {
  const run: Filter = (value, args, runtime) => {
    // As Jinja: also None and 0.
    if (!truthy(value)) return new Generator([]);
    const path = ofAttribute ? args.positional[0] : undefined;
    const others = args.positional.slice(ofAttribute ? 1 : 0);
    if (ofAttribute && path === undefined) {
      throw new JinjaError('Missing parameter for attribute name');
    }
    const [test, ...positional] = others;
    if (test !== undefined && typeof test !== 'string') {
      throw new JinjaError(`${name} requires the name of a test`);
    }
    const passes = (item: Value): boolean => {
      const tested = attributeOf(item, path, runtime.budget);
      if (test === undefined) return truthy(tested);
      return runtime.test(test, tested, { positional, named: args.named });
    };
    const items = iterate(value, runtime.budget);
    return new Generator(items.filter((item) => passes(item) === wanted));
  };
  return [name, run];
}
