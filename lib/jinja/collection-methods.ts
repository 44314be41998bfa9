import { bound } from './arguments.js';
import type { Budget } from './budget.js';
import { JinjaError } from './errors.js';
import { equal } from './protocol.js';
import { type Arguments, type Dict, isList, none, Tuple, type Value, View } from './values.js';
import { repr } from './write.js';

type Method<T> = (object: T, args: Arguments, budget: Budget) => Value;

export const dictMethods: ReadonlyMap<string, Method<Dict>> = new Map<string, Method<Dict>>([
  [
    'get',
    (dict, args, budget) => {
      const given = bound('get', args, ['key', 'default']);
      const key = given.value('key');
      if (typeof key === 'string') budget.spendText(key.length);
      return dict.get(key) ?? given.optional('default') ?? none;
    },
  ],
  ['items', (dict, _args, budget) => new View('dict_items', budget.list(pairs(dict)))],
  ['keys', (dict, _args, budget) => new View('dict_keys', budget.list(dict.keys()))],
  [
    'values',
    (dict, _args, budget) =>
      new View('dict_values', budget.list(Array.from(dict.entries(), ([, value]) => value))),
  ],
  ['copy', (dict) => dict],
  ...changing('dict', ['clear', 'pop', 'popitem', 'setdefault', 'update']),
]);

/** The items of a dict, as tuples. */
export function pairs(dict: Dict): Tuple[] {
  return Array.from(dict.entries(), (entry) => new Tuple(entry));
}

export const listMethods: ReadonlyMap<string, Method<readonly Value[] | Tuple>> = new Map<
  string,
  Method<readonly Value[] | Tuple>
>([
  [
    'count',
    (list, args, budget) => {
      const wanted = bound('count', args, ['value']).value('value');
      return itemsOf(list).filter((item) => equal(item, wanted, budget)).length;
    },
  ],
  [
    'index',
    (list, args, budget) => {
      const wanted = bound('index', args, ['value']).value('value');
      const index = itemsOf(list).findIndex((item) => equal(item, wanted, budget));
      if (index < 0) throw new JinjaError(`${repr(wanted, budget)} is not in list`);
      return index;
    },
  ],
  ['copy', (list) => list],
  ...changing('list', ['append', 'clear', 'extend', 'insert', 'pop', 'remove', 'reverse', 'sort']),
]);

function itemsOf(list: readonly Value[] | Tuple): readonly Value[] {
  return isList(list) ? list : list.items;
}

/** Methods that change their object: templates may not, here as in the sandbox they are written for. */
function changing<T>(type: string, names: readonly string[]): [string, Method<T>][] {
  return names.map((name) => [
    name,
    () => {
      throw new JinjaError(`access to attribute '${name}' of '${type}' object is unsafe.`);
    },
  ]);
}
