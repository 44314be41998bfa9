import { describe, expect, it } from 'vitest';
import * as patterns from '../../lib/tokenizer/word-patterns.js';
import { countSteps } from '../fixtures/count-steps.js';

/** Texts that go on alike, so that an expression may look at all of what is left again and again. */
const endless = [
  ...[' ', '\n', '\r\n', ' \n', '\t', '\u00a0', 'a', 'A', 'aA', 'Aa', '漢', '漢A', 'の', '한', 'ไ'],
  ...['\u0301', 'a\u0301', '1', '²', '1²', '!', '/', "'", "'s", 'a ', 'a.', '!\n', '\u200b', '😀'],
  ...['𝒜', '<sentinel:1', 'IMGIMGA', '(', '\0', '1a', '…'],
];

/** Such a text of `length` characters, after and before another one. */
function textsOf(piece: string, length: number): string[] {
  const text = piece.repeat(length / [...piece].length);
  return [text, `A${text}`, `${text}x`, `${text}\n`];
}

function expectGrowth(expression: RegExp, short: string, long: string): void {
  const { steps, matches } = countSteps(expression, long);
  const shown = JSON.stringify(long.slice(0, 8) + long.slice(-8));
  expect(matches, shown).toEqual(long.match(expression) ?? []);
  expect(steps / countSteps(expression, short).steps, shown).toBeLessThan(2.5);
}

describe('The expression', () => {
  it.each(Object.entries(patterns))(
    '%s looks at each character a few times, however long a text goes on alike',
    (_, pattern) => {
      const expression = pattern();
      for (const piece of endless) {
        const long = textsOf(piece, 400);
        for (const [i, short] of textsOf(piece, 200).entries()) {
          expectGrowth(expression, short, long[i]!);
        }
      }
      // jais2 takes 512 at once.
      expectGrowth(expression, `${' '.repeat(1100)}x`, `${' '.repeat(2200)}x`);
    },
  );

  it('of the old kind is found out', () => {
    const text = ' '.repeat(400);
    const twice = countSteps(/\s+$/gu, `${text}${text}x`).steps;
    expect(twice / countSteps(/\s+$/gu, `${text}x`).steps).toBeGreaterThan(3.5);
  });
});
