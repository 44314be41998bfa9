import type { Bound } from './arguments.js';
import { arithmetic } from './arithmetic.js';
import { pairs } from './collection-methods.js';
import { JinjaError } from './errors.js';
import { compare, iterate, truthy } from './protocol.js';
import { attributeOf, type FilterEntry, filter, type Runtime, withoutCase } from './runtime.js';
import { Dict, Generator, hashed, Tuple, Undefined, type Value } from './values.js';

export const orderFilters: readonly FilterEntry[] = [
  filter('sort', ['reverse', 'case_sensitive', 'attribute'], (value, args, runtime) => {
    const path = args.optional('attribute');
    const paths = typeof path === 'string' ? path.split(',') : [path];
    const keys = paths.map((one) => keyOf(args, runtime, one));
    return sorted(
      iterate(value, runtime.budget),
      (item) => keys.map((key) => key(item)),
      args,
      runtime,
    );
  }),
  filter('dictsort', ['case_sensitive', 'by', 'reverse'], (value, args, runtime) => {
    if (value instanceof Undefined) throw new JinjaError(value.message);
    if (!(value instanceof Dict)) throw new JinjaError('dictsort needs a mapping');
    const by = args.text('by') ?? 'key';
    if (by !== 'key' && by !== 'value') {
      throw new JinjaError('You can only sort by either "key" or "value"');
    }
    const key = keyOf(args, runtime, by === 'key' ? 0 : 1);
    return sorted(pairs(value), key, args, runtime);
  }),
  filter('groupby', ['attribute', 'default', 'case_sensitive'], (value, args, runtime) => {
    const { budget } = runtime;
    const path = args.value('attribute');
    const key = keyOf(args, runtime, path, args.optional('default'));
    const groups: { readonly key: Value; readonly items: Value[] }[] = [];
    for (const item of sorted(iterate(value, budget), key, undefined, runtime)) {
      const last = groups.at(-1);
      if (last && compare(key(last.items[0]!), key(item), '<', budget) === 0) last.items.push(item);
      else
        groups.push({
          key: attributeOf(item, path, budget, args.optional('default')),
          items: [item],
        });
    }
    return groups.map((group) => new Tuple([group.key, group.items]));
  }),
  filter('unique', ['case_sensitive', 'attribute'], (value, args, runtime) => {
    const key = keyOf(args, runtime, args.optional('attribute'));
    const seen = new Set<unknown>();
    const items = iterate(value, runtime.budget).filter((item) => {
      const value = key(item);
      if (typeof value === 'string') runtime.budget.spendText(value.length);
      const hash = hashed(value);
      return !seen.has(hash) && seen.add(hash);
    });
    return new Generator(items);
  }),
  extreme('min', -1),
  extreme('max', 1),
  filter('sum', ['attribute', 'start'], (value, args, { budget }) => {
    const path = args.optional('attribute');
    let sum = args.optional('start') ?? 0;
    for (const item of iterate(value, budget)) {
      sum = arithmetic('+', sum, attributeOf(item, path, budget), budget);
    }
    return sum;
  }),
];

/** What is compared of an item. */
function keyOf(
  args: Bound,
  { budget }: Runtime,
  path: Value | undefined,
  otherwise?: Value,
): (item: Value) => Value {
  const caseSensitive = truthy(args.optional('case_sensitive') ?? false);
  return (item) => {
    const key = attributeOf(item, path, budget, otherwise);
    return caseSensitive ? key : withoutCase(key, budget);
  };
}

function sorted<T extends Value>(
  items: readonly T[],
  key: (item: T) => Value,
  args: Bound | undefined,
  { budget }: Runtime,
): T[] {
  const sign = args !== undefined && truthy(args.optional('reverse') ?? false) ? -1 : 1;
  const keyed = budget.list(items.map((item) => ({ item, key: key(item) })));
  keyed.sort((a, b) => sign * compare(a.key, b.key, '<', budget));
  return keyed.map(({ item }) => item);
}

function extreme(name: string, sign: number): FilterEntry {
  return filter(name, ['case_sensitive', 'attribute'], (value, args, runtime) => {
    const key = keyOf(args, runtime, args.optional('attribute'));
    const items = iterate(value, runtime.budget);
    const [first] = items;
    if (first === undefined) return new Undefined('No aggregated item, sequence was empty.');
    return items.reduce((best, item) => {
      const order = compare(key(item), key(best), sign < 0 ? '<' : '>', runtime.budget);
      return order * sign > 0 ? item : best;
    });
  });
}
