import { describe, expect, it } from 'vitest';
import { maxMilliseconds } from '../../lib/chat/limits.js';
import { parse, render } from '../../lib/chat/render.js';

const raw = 'give the prompt without a template (--raw)';
const sentence = (found: string) =>
  `Expected a chat template that renders within its limits, but ${found}; ${raw}.`;

/** The message of the error for a template, which must come in time. */
function refusal(source: string): string {
  const start = performance.now();
  try {
    render(parse(source), { messages: [{ role: 'user', content: 'x'.repeat(1000) }] });
  } catch (error) {
    expect(error).toMatchObject({ name: 'BitnetError', code: 'ERR_BITNET_TEMPLATE' });
    expect(performance.now() - start).toBeLessThan(2 * maxMilliseconds + 3000);
    return (error as Error).message;
  }
  throw new Error('The template was rendered.');
}

const large = 'it makes a text or list of over 2097152 characters';
const largeBy = (name: string) => `it makes a text of over 2097152 characters by "${name}"`;
const times = (n: number, body: string) => `{% for i in range(${n}) %}${body}{% endfor %}`;
/** Sets n.a to a text of 2^(k + 3) characters. */
const text = (k: number) =>
  `{% set n = namespace(a='aaaa bbb') %}${times(k, '{% set n.a = n.a ~ n.a %}')}`;

const costly: [what: string, source: string, found: string][] = [
  ['counts far', '{{ range(1000000000) }}', 'it counts over 100000 numbers'],
  ['counts nothing', "{{ range('a') }}", 'it counts over 100000 numbers'],
  ['doubles a text', `${text(60)}{{ n.a }}`, large],
  [
    'doubles a list',
    `{% set n = namespace(a=[1]) %}${times(60, '{% set n.a = n.a + n.a %}')}`,
    large,
  ],
  [
    'puts a list into a list twice, again and again',
    `{% set n = namespace(a=['aaaaaaaa']) %}${times(60, '{% set n.a = [n.a, n.a] %}')}{{ n.a }}`,
    large,
  ],
  [
    'puts lists into lists',
    `{% set n = namespace(a=[1]) %}${times(9999, '{% set n.a = [n.a] %}')}{{ n.a }}`,
    'it puts lists into lists over 64 levels deep',
  ],
  [
    'puts a namespace into itself',
    '{% set n = namespace() %}{% set n.a = [n] %}{{ n }}',
    'it puts a namespace into a list or another namespace',
  ],
  [
    'replaces each letter by a text',
    `${text(14)}{{ n.a | replace('a', n.a) }}`,
    largeBy('replace'),
  ],
  ['replaces nothing by a text', `${text(14)}{{ n.a.replace('', n.a) }}`, largeBy('replace')],
  ['joins by a text', `${text(14)}{{ range(10000) | join(n.a) }}`, largeBy('join')],
  ['joins letters by a text', `${text(14)}{{ n.a | join(n.a) }}`, largeBy('join')],
  ['indents far', "{{ 'a' | indent(400000000, true) }}", largeBy('indent')],
  ['indents far by name', "{{ 'a' | indent(width=400000000, first=true) }}", largeBy('indent')],
  [
    'indents a block far',
    '{% filter indent(400000000, true) %}a{% endfilter %}',
    largeBy('indent'),
  ],
  ['indents a list far', '{{ [[1]] | tojson(indent=400000000) }}', largeBy('tojson')],
  ['splits a text into letters', `${text(17)}{{ n.a.split('a') }}`, largeBy('split')],
  ['splits a text into words', `${text(17)}{{ n.a.split() | length }}`, largeBy('split')],
  [
    'hides such a method',
    "{% set f = 'a'.replace %}{{ f('a', 'b') }}",
    'it uses the method "replace" other than to call it directly',
  ],
  [
    'hides the name of such a method',
    "{{ 'a'['rep' ~ 'lace']('a', 'b') }}",
    'it uses the method "replace" other than to call it directly',
  ],
  [
    'hides the arguments of such a method',
    "{% set a = ['a', 'b'] %}{{ 'a'.replace(*a) }}",
    'it spreads a list over the arguments of a text operation',
  ],
  ['is long', ' '.repeat(131_073), 'it has 131073 characters, over 131072'],
];

describe('A chat template is stopped that', () => {
  it.each(costly)('%s', (_what, source, found) => {
    expect(refusal(source)).toBe(sentence(found));
  });

  it.each([
    [
      'makes many lists',
      `{% set n = namespace(a=[]) %}${times(9999, '{% set x = range(9999) %}')}`,
    ],
    ['makes many texts', `${text(17)}${times(9999, '{% set x = n.a | upper %}')}`],
    ['loops in loops', times(99999, times(99999, ''))],
    ['makes the parser search through spaces', ' '.repeat(131_000)],
    [
      'is walked through again and again',
      `{% macro m() %}{% endmacro %}${times(99999, `{% call m() %}${'{{ 1 }}'.repeat(15_000)}{% endcall %}`)}`,
    ],
  ])('%s', (_what, source) => {
    // Whether the steps or the time run out first depends on the machine.
    expect([sentence('it takes over 2000 ms'), sentence('it takes over 2000000 steps')]).toContain(
      refusal(source),
    );
  });

  it.each([
    ['calls itself', '{% macro f(x) %}{{ f(x) }}{{ f(x) }}{% endmacro %}{{ f(1) }}'],
    ['opens many brackets', `{{ ${'('.repeat(100_000)} }}`],
  ])('%s', (_what, source) => {
    expect(refusal(source)).toMatch(/ but it fails with "/);
  });
});

describe('A chat template that is faulty', () => {
  it.each([
    ['{% if x %}', "Cannot read properties of undefined (reading 'type')"],
    ["{{ 'a' | nofilter }}", 'Unknown StringValue filter: nofilter'],
    ["{{ 'a' * 3 }}", "Unknown operator '*' between StringValue and IntegerValue"],
    ['{% break %}', 'an error without a message'],
    ['{{ range(1, 2, 0) }}', 'range() step must not be zero'],
  ])('says what is wrong: %s', (source, message) => {
    expect(refusal(source)).toBe(sentence(`it fails with "${message}"`));
  });

  it('may refuse the messages in its own words', () => {
    expect(refusal('{{ raise_exception(\'Only "user" may speak.\n\') }}')).toBe(
      `Expected messages that the model's chat template accepts, but it refuses them with "Only 'user' may speak.\\u{a}"; change the messages, or ${raw}.`,
    );
  });

  it('sees nothing of JavaScript', () => {
    const source = "{{ messages.constructor }}{{ messages[0]['__proto__'] }}{{ ''.constructor }}";
    expect(render(parse(source), { messages: [{}] })).toBe('');
  });
});
