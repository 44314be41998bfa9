import { describe, expect, it } from 'vitest';
import { callBudget, parse, render, spend } from '../../lib/chat/render.js';

const other =
  'choose another (--chat-template, chatTemplate), or give the prompt without one (--raw)';
const sentence = (found: string, wanted = 'renders within its limits') =>
  `Expected a chat template that ${wanted}, but ${found}; ${other}.`;

/** The message of the error for a template. */
function refusal(source: string, budget = callBudget()): string {
  try {
    render(parse(source), { messages: [{ role: 'user', content: 'Hi' }] }, budget);
  } catch (error) {
    expect(error).toMatchObject({ name: 'BitnetError', code: 'ERR_BITNET_TEMPLATE' });
    return (error as Error).message;
  }
  throw new Error('The template was rendered.');
}

describe('A chat template that costs too much', () => {
  const forever = `{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}`;

  it.each([
    [forever, 'it takes over 4000000 steps'],
    ["{{ 'a' * 1000000000 }}", 'it makes a text of over 2097152 characters'],
    [
      "{% for i in range(99) %}{% set x = strftime_now('%A' * 99999) %}{% endfor %}",
      'it takes over 4000000 steps',
    ],
    [' '.repeat(131_073), 'it has 131073 characters, over 131072'],
  ])('is stopped, with a sentence', (source, found) => {
    expect(refusal(source)).toBe(sentence(found));
  });

  it('is stopped by what the call has spent before', () => {
    const budget = callBudget();
    spend(budget, 3_999_999);
    expect(refusal('{{ messages }}', budget)).toBe(sentence('it takes over 4000000 steps'));
  });
});

describe('A chat template that is faulty', () => {
  it.each([
    ["{{ 'a' | nofilter }}", "No filter named 'nofilter'. (line 1)"],
    ["a\n{{ 'a' + 3 }}", "can only concatenate str (not 'int') to str (line 2)"],
    ['{{ range(1, 2, 0) }}', 'range() arg 3 must not be zero (line 1)'],
  ])('says what is wrong: %s', (source, message) => {
    const short = message.length > 80 ? `${message.slice(0, 80)}…` : message;
    expect(refusal(source)).toBe(sentence(`it fails with "${short}"`, 'can write these messages'));
  });

  it.each([
    ['{% if %}', "expected an expression, got '%}' (line 1)"],
    ['{% if x %}', "unexpected end of the template, expected 'elif' or 'else' or 'endif' (line 1)"],
  ])('says what cannot be read: %s', (source, message) => {
    const short = message.length > 80 ? `${message.slice(0, 80)}…` : message;
    expect(refusal(source)).toBe(sentence(`it has a syntax error, "${short}"`, 'is valid Jinja'));
  });

  it('may refuse the messages in its own words', () => {
    expect(refusal('{{ raise_exception(\'Only "user" may speak.\n\') }}')).toBe(
      `Expected messages that the model's chat template accepts, but it refuses them with "Only 'user' may speak.\\u{a}"; change the messages, choose another template (--chat-template, chatTemplate), or give the prompt without one (--raw).`,
    );
  });
});
