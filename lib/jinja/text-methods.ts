import { type Bound, bound } from './arguments.js';
import type { Budget } from './budget.js';
import { JinjaError } from './errors.js';
import { formatBraces } from './format-braces.js';
import { padded } from './format-number.js';
import { iterate } from './protocol.js';
import {
  capitalized,
  countLines,
  hasSurrogates,
  lengthOf,
  occurrences,
  splitLines,
  strip,
  stripEnd,
  stripStart,
} from './text.js';
import { replaced, split, splitFromEnd } from './text-split.js';
import { type Arguments, Tuple, typeName, type Value } from './values.js';

type Method = (text: string, args: Arguments, budget: Budget) => Value;

const affix = ['prefix', 'start', 'end'];
const range = ['sub', 'start', 'end'];
const field = ['width', 'fillchar'];
/** Parameters that are looked for in the text. */
const searched: ReadonlySet<string> = new Set(['sub', 'sep', 'old', 'chars', 'prefix', 'suffix']);

/** The methods of Python's str. */
export const textMethods: ReadonlyMap<string, Method> = new Map<string, Method>([
  ['format', formatBraces],
  ...Object.entries(simple()).map(([name, [names, method]]): [string, Method] => [
    name,
    (text, args, budget) => {
      if (slow.has(name)) budget.spendCharacters(text.length);
      else budget.spendText(text.length);
      const given = bound(name, args, names);
      const part = searched.has(names[0]!) ? given.optional(names[0]!) : undefined;
      if (typeof part === 'string') budget.spendSearch(text, part);
      const result = method(text, given, budget);
      return typeof result === 'string' ? budget.text(result) : result;
    },
  ]),
]);

type Simple = readonly [
  names: readonly string[],
  method: (text: string, args: Bound, budget: Budget) => Value,
];

function simple(): Record<string, Simple> {
  return {
    upper: [[], (text) => text.toUpperCase()],
    lower: [[], (text) => text.toLowerCase()],
    casefold: [[], (text) => text.replaceAll('ß', 'ss').toLowerCase()],
    capitalize: [[], capitalized],
    title: [[], (text) => text.replace(/\p{L}+/gu, capitalized)],
    swapcase: [[], swapCase],
    strip: [['chars'], (text, args) => strip(text, args.text('chars'))],
    lstrip: [['chars'], (text, args) => stripStart(text, args.text('chars'))],
    rstrip: [['chars'], (text, args) => stripEnd(text, args.text('chars'))],
    removeprefix: [
      ['prefix'],
      (text, args) => {
        const prefix = required(args, 'prefix');
        return text.startsWith(prefix) ? text.slice(prefix.length) : text;
      },
    ],
    removesuffix: [
      ['suffix'],
      (text, args) => {
        const suffix = required(args, 'suffix');
        return suffix !== '' && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text;
      },
    ],
    split: [['sep', 'maxsplit'], split],
    rsplit: [['sep', 'maxsplit'], splitFromEnd],
    splitlines: [
      ['keepends'],
      (text, args, budget) => {
        budget.spendList(countLines(text));
        return splitLines(text, args.optional('keepends') === true);
      },
    ],
    partition: [
      ['sep'],
      (text, args) => partition(text, text.indexOf(separator(args)), args, false),
    ],
    rpartition: [
      ['sep'],
      (text, args) => partition(text, text.lastIndexOf(separator(args)), args, true),
    ],
    replace: [
      ['old', 'new', 'count'],
      (text, args, budget) =>
        replaced(text, required(args, 'old'), required(args, 'new'), args.integer('count'), budget),
    ],
    join: [
      ['iterable'],
      (text, args, budget) => joined(iterate(args.value('iterable'), budget), text, budget),
    ],
    startswith: [affix, (text, args, budget) => hasAffix(text, args, 'startsWith', budget)],
    endswith: [affix, (text, args, budget) => hasAffix(text, args, 'endsWith', budget)],
    find: [range, (text, args) => found(text, args, false)],
    rfind: [range, (text, args) => found(text, args, true)],
    index: [range, (text, args) => indexOf(text, args, false)],
    rindex: [range, (text, args) => indexOf(text, args, true)],
    count: [range, (text, args) => occurrences(within(text, args), required(args, 'sub'))],
    isdigit: [[], (text) => /^[\p{Nd}²³¹⁰-⁹₀-₉①-⑨]+$/u.test(text)],
    isdecimal: [[], (text) => /^\p{Nd}+$/u.test(text)],
    isnumeric: [[], (text) => /^\p{N}+$/u.test(text)],
    isalpha: [[], (text) => /^\p{L}+$/u.test(text)],
    isalnum: [[], (text) => /^[\p{L}\p{N}]+$/u.test(text)],
    isspace: [[], (text) => text !== '' && strip(text) === ''],
    isupper: [[], (text) => text === text.toUpperCase() && text !== text.toLowerCase()],
    islower: [[], (text) => text === text.toLowerCase() && text !== text.toUpperCase()],
    zfill: [['width'], (text, args, budget) => inField(text, args, '=', '0', budget)],
    ljust: [field, (text, args, budget) => inField(text, args, '<', args.text('fillchar'), budget)],
    rjust: [field, (text, args, budget) => inField(text, args, '>', args.text('fillchar'), budget)],
    center: [
      field,
      (text, args, budget) => inField(text, args, 'center', args.text('fillchar'), budget),
    ],
  };
}

/** What looks at every single character. */
const slow: ReadonlySet<string> = new Set([
  'upper',
  'lower',
  'casefold',
  'title',
  'swapcase',
  'isdigit',
  'isdecimal',
  'isnumeric',
  'isalpha',
  'isalnum',
  'isspace',
  'isupper',
  'islower',
]);

function required(args: Bound, name: string): string {
  const value = args.value(name);
  if (typeof value !== 'string')
    throw new JinjaError(`a string is required, not ${typeName(value)}`);
  return value;
}

function separator(args: Bound): string {
  const text = required(args, 'sep');
  if (text === '') throw new JinjaError('empty separator');
  return text;
}

function partition(text: string, at: number, args: Bound, fromEnd: boolean): Tuple {
  if (at < 0) return new Tuple(fromEnd ? ['', '', text] : [text, '', '']);
  const part = separator(args);
  return new Tuple([text.slice(0, at), part, text.slice(at + part.length)]);
}

/** The part of `text` that `start` and `end` leave. */
function within(text: string, args: Bound): string {
  const [start, end] = [args.integer('start'), args.integer('end')];
  if (start === undefined && end === undefined) return text;
  return hasSurrogates(text) ? [...text].slice(start, end).join('') : text.slice(start, end);
}

function hasAffix(
  text: string,
  args: Bound,
  method: 'startsWith' | 'endsWith',
  budget: Budget,
): boolean {
  const given = args.value('prefix');
  const part = within(text, args);
  return (given instanceof Tuple ? given.items : [given]).some((one) => {
    if (typeof one !== 'string') {
      const name = method.toLowerCase();
      throw new JinjaError(`${name} first arg must be str or a tuple of str, not ${typeName(one)}`);
    }
    budget.spendText(one.length);
    return part[method](one);
  });
}

/** Code points before `sub`, or -1. */
function found(text: string, args: Bound, last: boolean): number {
  const part = within(text, args);
  const sub = required(args, 'sub');
  const at = last ? part.lastIndexOf(sub) : part.indexOf(sub);
  if (at < 0) return -1;
  const start = args.integer('start') ?? 0;
  return lengthOf(part.slice(0, at)) + (start < 0 ? Math.max(0, start + lengthOf(text)) : start);
}

function indexOf(text: string, args: Bound, last: boolean): number {
  const at = found(text, args, last);
  if (at < 0) throw new JinjaError('substring not found');
  return at;
}

/** @throws JinjaError when an item is no text */
function joined(items: readonly Value[], separator: string, budget: Budget): string {
  let length = 0;
  for (const [i, item] of items.entries()) {
    if (typeof item !== 'string') {
      throw new JinjaError(`sequence item ${i}: expected str instance, ${typeName(item)} found`);
    }
    length += item.length + separator.length;
  }
  budget.spendText(length);
  return items.join(separator);
}

function inField(
  text: string,
  args: Bound,
  align: string,
  fill: string | undefined,
  budget: Budget,
): string {
  const width = args.integer('width') ?? 0;
  budget.spendText(Math.max(0, width));
  if (align !== 'center') return padded(text, width, align, fill ?? ' ');
  return centered(text, width, fill ?? ' ');
}

/** As Python's `str.center`, which puts an odd space to the left of texts in odd widths. */
export function centered(text: string, width: number, fill = ' '): string {
  const space = Math.max(0, width - lengthOf(text));
  const left = Math.floor(space / 2) + (space & width & 1);
  return fill.repeat(left) + text + fill.repeat(space - left);
}

function swapCase(text: string): string {
  return text.replace(/\p{L}/gu, (letter) => {
    const upper = letter.toUpperCase();
    return letter === upper ? letter.toLowerCase() : upper;
  });
}
