import { JinjaError } from './errors.js';
import { formatPercent } from './format-percent.js';
import { iterate, sizeOf } from './protocol.js';
import { attributeOf, type Filter, type FilterEntry, filter } from './runtime.js';
import { capitalized, countWords, strip } from './text.js';
import { centered } from './text-methods.js';
import { indented, replaced } from './text-split.js';
import { Dict, isList, none, Tuple, Undefined, type Value } from './values.js';
import { type JsonOptions, json, str } from './write.js';

export const textFilters: readonly FilterEntry[] = [
  plain('upper', (text) => text.toUpperCase()),
  plain('lower', (text) => text.toLowerCase()),
  plain('capitalize', capitalized),
  plain('title', titled),
  plain('string', (text) => text),
  plain('safe', (text) => text),
  plain('escape', escaped),
  plain('e', escaped),
  filter('trim', ['chars'], (value, args, { budget }) =>
    budget.text(strip(str(value, budget), args.text('chars'))),
  ),
  filter('replace', ['old', 'new', 'count'], (value, args, { budget }) => {
    const [old, by] = ['old', 'new'].map((name) => str(args.value(name), budget));
    return replaced(str(value, budget), old!, by!, args.integer('count'), budget);
  }),
  filter('indent', ['width', 'first', 'blank'], (value, args, { budget }) => {
    const width = args.optional('width') ?? 4;
    const spaces = typeof width === 'string' ? 0 : Math.max(0, args.integer('width') ?? 4);
    budget.spendText(spaces);
    const indent = typeof width === 'string' ? width : ' '.repeat(spaces);
    const [first, blank] = ['first', 'blank'].map((name) => args.optional(name) === true);
    return indented(required(value), indent, { first: first!, blank: blank! }, budget);
  }),
  filter('join', ['d', 'attribute'], (value, args, { budget }) => {
    const separator = str(args.optional('d') ?? '', budget);
    const path = args.optional('attribute');
    let length = 0;
    const parts = iterate(value, budget).map((item) => {
      const text = str(attributeOf(item, path, budget), budget);
      length += text.length + separator.length;
      return text;
    });
    budget.spendText(length);
    return parts.join(separator);
  }),
  filter('center', ['width'], (value, args, { budget }) => {
    const width = args.integer('width') ?? 80;
    budget.spendText(Math.max(0, width));
    return centered(str(value, budget), width);
  }),
  filter('truncate', ['length', 'killwords', 'end', 'leeway'], (value, args, { budget }) => {
    const length = args.integer('length') ?? 255;
    if (typeof value !== 'string' && sizeOf(value, budget) <= length) return value;
    const text = [...budget.text(str(value, budget))];
    const end = args.text('end') ?? '...';
    if (text.length <= length + (args.integer('leeway') ?? 5)) return text.join('');
    const cut = text.slice(0, Math.max(0, length - end.length)).join('');
    const space = args.optional('killwords') === true ? -1 : cut.lastIndexOf(' ');
    return (space < 0 ? cut : cut.slice(0, space)) + end;
  }),
  filter('wordcount', [], (value, _args, { budget }) => {
    const text = str(value, budget);
    budget.spendCharacters(text.length);
    return countWords(text);
  }),
  ['format', format],
  filter(
    'tojson',
    ['ensure_ascii', 'indent', 'separators', 'sort_keys'],
    (value, args, { budget }) => json(value, jsonOptions(args), budget),
  ),
];

/** A filter without arguments whose result is about as long as the text. */
function plain(name: string, run: (text: string) => string): FilterEntry {
  return filter(name, [], (value, _args, { budget }) => {
    const text = str(value, budget);
    budget.spendCharacters(text.length);
    return budget.text(run(text));
  });
}

function required(value: Value): string {
  if (typeof value === 'string') return value;
  if (value instanceof Undefined) throw new JinjaError(value.message);
  throw new JinjaError('indent() needs a text');
}

/** `%`, with the arguments after it. */
function format(...[value, args, { budget }]: Parameters<Filter>): Value {
  const { positional, named } = args;
  if (positional.length > 0 && named.size > 0) {
    throw new JinjaError("can't handle positional and keyword arguments at the same time");
  }
  const values = named.size > 0 ? new Dict(named) : new Tuple(positional);
  return formatPercent(str(value, budget), values, budget);
}

type Given = Parameters<Parameters<typeof filter>[2]>[1];

function jsonOptions(args: Given): JsonOptions {
  const indent = args.optional('indent') ?? none;
  const level = typeof indent === 'string' ? indent : args.integer('indent');
  const separators = args.optional('separators') ?? none;
  const [itemSeparator, keySeparator] =
    separators === none ? [level === undefined ? ', ' : ',', ': '] : textPair(separators);
  return {
    indent: typeof level === 'number' ? spaces(level) : level,
    itemSeparator: itemSeparator!,
    keySeparator: keySeparator!,
    ensureAscii: args.optional('ensure_ascii') === true,
    sortKeys: args.optional('sort_keys') === true,
  };
}

function spaces(count: number): string {
  if (count > 1000) throw new JinjaError('tojson() argument "indent" must be at most 1000');
  return ' '.repeat(Math.max(0, count));
}

function textPair(value: Value): string[] {
  const items = isList(value) ? value : value instanceof Tuple ? value.items : [];
  if (items.length === 2 && items.every((item) => typeof item === 'string'))
    return items as string[];
  throw new JinjaError('tojson() argument "separators" must be two texts');
}

/** Every word, as written between spaces, brackets and hyphens. */
function titled(text: string): string {
  return text.replace(/[^-\s({[<]+/g, (word) => {
    const first = String.fromCodePoint(word.codePointAt(0)!);
    return first.toUpperCase() + word.slice(first.length).toLowerCase();
  });
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities.get(character)!);
}

const entities: ReadonlyMap<string, string> = new Map([
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['"', '&#34;'],
  ["'", '&#39;'],
]);
