import { describe, expect, it } from 'vitest';
import { Budget, JinjaError, LimitError, parse, render } from '../../lib/jinja/index.js';

const steps = 500_000;

/** Why a template is stopped; no test needs a clock, because every step takes a bounded time. */
function stopped(source: string): string {
  try {
    render(
      parse(source),
      { messages: [{ role: 'user', content: 'x'.repeat(1000) }] },
      new Budget(steps),
    );
  } catch (error) {
    expect(error).toBeInstanceOf(LimitError);
    return (error as Error).message;
  }
  throw new Error('The template was rendered.');
}

const long = 'makes a text of over 2097152 characters';
const many = 'makes a list of over 100000 elements';
const deep = 'puts lists into lists over 64 levels deep';
const dear = `takes over ${steps} steps`;
const times = (n: number, body: string) => `{% for i in range(${n}) %}${body}{% endfor %}`;
/** Sets n.a to a text of 2^(k + 3) characters. */
const text = (k: number) =>
  `{% set n = namespace(a='aaaa bbb') %}${times(k, '{% set n.a = n.a ~ n.a %}')}`;
const letters = (k: number) => `{% set t = 'a' * ${2 ** k} %}`;

const costly: [what: string, source: string, found: string][] = [
  ['counts far', '{{ range(1000000000) }}', 'counts over 100000 numbers'],
  ['doubles a text', `${text(60)}{{ n.a }}`, long],
  [
    'doubles a list',
    `{% set n = namespace(a=[1]) %}${times(60, '{% set n.a = n.a + n.a %}')}`,
    many,
  ],
  [
    'puts a list into a list twice, again and again',
    `{% set n = namespace(a=['aaaaaaaa']) %}${times(60, '{% set n.a = [n.a, n.a] %}')}{{ n.a }}`,
    dear,
  ],
  [
    'compares such lists',
    `{% set n = namespace(a=[1], b=[1]) %}${times(60, '{% set n.a = [n.a, n.a] %}{% set n.b = [n.b, n.b] %}')}{{ n.a == n.b }}`,
    dear,
  ],
  [
    'puts lists into lists',
    `{% set n = namespace(a=[1]) %}${times(999, '{% set n.a = [n.a] %}')}{{ n.a }}`,
    deep,
  ],
  ['puts a namespace into itself', '{% set n = namespace() %}{% set n.a = [n] %}{{ n }}', deep],
  ['repeats a text', "{{ 'a' * 1000000000 }}", long],
  ['repeats a list', '{{ [1] * 1000000000 }}', many],
  ['replaces each letter by a text', `${text(14)}{{ n.a | replace('a', n.a) }}`, long],
  ['replaces nothing by a text', `${text(14)}{{ n.a.replace('', n.a) }}`, long],
  ['joins by a text', `${text(14)}{{ range(10000) | join(n.a) }}`, long],
  ['joins letters by a text', `${text(13)}{{ n.a.join(n.a) }}`, long],
  ['indents far', "{{ 'a' | indent(400000000, true) }}", long],
  ['indents a block far', '{% filter indent(400000000, true) %}a{% endfilter %}', long],
  ['centers far', "{{ 'a' | center(400000000) }}", long],
  ['fills a field', "{{ 'a'.ljust(400000000) }}", long],
  ['fills a field by %', "{{ '%*d' % (400000000, 1) }}", long],
  ['fills a field by format', "{{ '{:400000000}'.format(1) }}", long],
  ['batches far', '{{ [1] | batch(400000000, 0) | list }}', many],
  ['slices far', '{{ [1] | slice(400000000) | list }}', many],
  ['splits a text into letters', `${text(17)}{{ n.a.split('a') }}`, many],
  ['splits a text into words', `${text(17)}{{ n.a.split() | length }}`, many],
  ['takes a text apart', `${text(17)}{{ n.a | list }}`, many],
  ['makes many lists', times(9999, '{% set x = range(9999) | list %}'), dear],
  ['makes many texts', `${text(17)}${times(9999, '{% set x = n.a | upper %}')}`, dear],
  ['loops in loops', times(99_999, times(99_999, '')), dear],
  ['looks for a text in a text', `${letters(20)}${times(9999, "{{ ('b' ~ t) in t }}")}`, dear],
  ['looks for it from the end', `${letters(20)}${times(9999, "{{ t.rfind('b' ~ t[9:]) }}")}`, dear],
  ['compares texts', `${letters(20)}${times(9999, "{{ (t ~ 'b') == (t ~ 'c') }}")}`, dear],
  ['compares ends', `${letters(20)}${times(9999, '{{ t.endswith((t, t)) }}')}`, dear],
  ['looks up long keys', `${letters(20)}{% set d = {t: 1} %}${times(9999, '{{ t in d }}')}`, dear],
  ['takes a letter of a long text', `${letters(20)}${times(9999, '{{ t[0] }}')}`, dear],
  ['counts the letters of a long text', `${letters(20)}${times(9999, '{{ t | length }}')}`, dear],
  [
    'reads a long number',
    `{% set t = 'a' * 1000000 %}${times(9999, '{{ t | int(0, 16) }}')}`,
    dear,
  ],
  ['strips many letters', `${letters(20)}${times(9999, '{{ t.strip(t) }}')}`, dear],
  ['writes a number', '{{ 9 ** 9 ** 9 }}', 'counts beyond 2^53'],
  [
    'calls itself',
    '{% macro f(x) %}{{ f(x) }}{{ f(x) }}{% endmacro %}{{ f(1) }}',
    'nests over 800 levels deep',
  ],
  [
    'opens many brackets',
    `{{ ${'('.repeat(1000)}${')'.repeat(1000)} }}`,
    'nests over 100 levels deep',
  ],
  ['opens many blocks', '{% if 1 %}'.repeat(1000), 'nests over 100 levels deep'],
  ['adds many numbers', `{{ 1${'+1'.repeat(9999)} }}`, 'nests over 800 levels deep'],
  ['has many filters', `{{ 1${'|abs'.repeat(9999)} }}`, 'nests over 800 levels deep'],
  ['is long', ' '.repeat(131_073), 'has 131073 characters, over 131072'],
];

describe('A template is stopped that', () => {
  it.each(costly)('%s', (_what, source, found) => {
    expect(stopped(source)).toBe(found);
  });
});

describe('A template may be odd', () => {
  it.each([
    ['spaces', ' '.repeat(131_000), 131_000],
    ['spaces behind a tag', `{{ 1 -}}${' '.repeat(130_000)}`, 1],
    ['many branches', `{% if 0 %}${'{% elif 0 %}'.repeat(9999)}{% endif %}`, 0],
    [
      'many arguments',
      '{% macro m() %}{{ varargs | length }}{% endmacro %}{{ m(*range(99999)) }}',
      5,
    ],
  ])('%s', (_what, source, length) => {
    expect(render(parse(source), {}, new Budget(steps))).toHaveLength(length);
  });

  it.each([
    ['braces', '{'.repeat(131_000)],
    ['blocks that never end', '{%'.repeat(65_000)],
    ['comments that never end', '{#'.repeat(65_000)],
    ['raw blocks that never end', '{% raw %}'.repeat(14_000)],
    ['quotes', `{{ ${"'a\\".repeat(40_001)} }}`],
  ])('%s fail at once', (_what, source) => {
    expect(() => parse(source)).toThrow(JinjaError);
  });
});

it('several renderings share a budget', () => {
  const budget = new Budget(1000);
  const template = parse('{% for i in range(100) %}{{ i }}{% endfor %}');
  render(template, {}, budget);
  expect(() => {
    for (let i = 0; i < 3; i++) render(template, {}, budget);
  }).toThrow('takes over 1000 steps');
});

it('a template sees nothing of JavaScript', () => {
  const source =
    "{{ messages.constructor }}{{ messages[0]['__proto__'] }}{{ ''.constructor }}{{ {}.hasOwnProperty }}{{ constructor }}{{ range.prototype }}";
  expect(render(parse(source), { messages: [{}] }, new Budget(steps))).toBe('');
});
