import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Budget, JinjaError, parse, render } from '../../lib/jinja/index.js';

/*
 * What Python's Jinja2 makes of every construct that chat templates use, and of some that they do not;
 * judge.py writes the expectations.
 */

interface Case {
  readonly name: string;
  readonly source: string;
  readonly text?: string;
  readonly error?: string;
}

const fixture = join(__dirname, 'constructs.json');
const { context, cases } = JSON.parse(readFileSync(fixture, 'utf8')) as {
  context: Record<string, unknown>;
  cases: readonly Case[];
};

function refuse(message: unknown): never {
  throw new JinjaError(String(message));
}

function rendered(source: string): string {
  return render(parse(source), { ...context, raise_exception: refuse }, new Budget(100_000));
}

describe('As in Python, a template writes', () => {
  it.each(cases.filter(({ error }) => error === undefined))('$name', ({ source, text }) => {
    expect(rendered(source)).toBe(text);
  });
});

describe('As in Python, a template fails with', () => {
  it.each(cases.filter(({ error }) => error !== undefined))('$name', ({ source }) => {
    expect(() => rendered(source)).toThrow(JinjaError);
  });

  it.each([
    ['{{ missing.foo }}', "'missing' is undefined (line 1)"],
    ["\n\n{{ 'a' + 1 }}", 'can only concatenate str (not "int") to str (line 3)'],
    ['{{ {}.a.b }}', "'dict object' has no attribute 'a' (line 1)"],
    ['{{ [].x() }}', "'list object' has no attribute 'x' (line 1)"],
    [
      'a\n{% if x %}b',
      'unexpected end of the template, expected "elif" or "else" or "endif" (line 2)',
    ],
    ['{% include "a" %}', 'unknown tag "include" (line 1)'],
    ['{{ 1 + }}', 'expected an expression, got "}}" (line 1)'],
    ['{{ (1] }}', 'unexpected "]", expected ")" (line 1)'],
    ["{{ 'a }}", 'unexpected character "\'" (line 1)'],
  ])('%j: %s', (source, message) => {
    expect(() => rendered(source)).toThrow(expect.objectContaining({ message }));
  });
});

describe('Unlike in Python, a template', () => {
  it('may do, which is an extension of Jinja', () => {
    expect(rendered('{% do n + 1 %}a')).toBe('a');
  });

  it('fails rather than to round integers beyond 2^53', () => {
    expect(() => rendered('{{ 9007199254740991 + 1 }}')).toThrow('counts beyond 2^53');
  });

  it('writes what is safe like all else', () => {
    expect(rendered("{{ '<' ~ ('>' | safe) }}")).toBe('<>');
  });
});
