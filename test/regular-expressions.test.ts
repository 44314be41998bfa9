import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { countSteps } from './fixtures/count-steps.js';

/** The literal expressions of a source text; comments are left out. */
function expressionsOf(source: string): RegExp[] {
  const code = source.replaceAll(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*/g, '');
  const literal =
    /(?<=[(=,:?&|![]\s*|return )\/((?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+)\/([dgimsuvy]*)(?=[\s.,;)\]])/g;
  return [...code.matchAll(literal)].map(([, body, flags]) => new RegExp(body!, flags));
}

/** Pieces of text that an expression may look at again and again: its own characters and others. */
function piecesFor({ source }: RegExp): string[] {
  const own = source.match(/[^\\\s[\]*+?^$|]/g) ?? [];
  return [
    ...new Set([...own, ...' \na0/.-_\\"\'({%', 'a ', '\\a', '0.', '0_', '{a}', '{a', 'x1 ']),
  ];
}

/** Whose texts are numbers: they have up to 330 digits. */
const bounded = ['lib/jinja/format-number.ts'];

describe('A regular expression of lib, bench or bin', () => {
  it('looks at each character a few times, however long a text goes on alike', async () => {
    const slow: string[] = [];
    let count = 0;
    for (const folder of ['lib', 'bench', 'bin']) {
      for (const name of await readdir(folder, { recursive: true })) {
        if (!/\.m?ts$/.test(name) || bounded.includes(`${folder}/${name}`)) continue;
        for (const expression of expressionsOf(await readFile(join(folder, name), 'utf8'))) {
          count++;
          for (const piece of piecesFor(expression)) {
            if (grows(expression, piece)) slow.push(`${folder}/${name}: ${expression} on ${piece}`);
          }
        }
      }
    }
    expect(slow).toEqual([]);
    expect(count).toBeGreaterThan(80);
  });

  it.each([/\s+$/, /^(\d+\.?\d*)$/, /\/+$/, /\s*\n\s*/g, /\s+\S+\s*$/])(
    'such as %s would be found out',
    (expression) => {
      expect(piecesFor(expression).some((piece) => grows(expression, piece))).toBe(true);
    },
  );
});

/** Whether twice the text takes more than twice the steps. */
function grows(expression: RegExp, piece: string): boolean {
  return ['', 'x', '\0'].some((end) =>
    ['', '"', '%', '{', '1'].some((begin) => {
      const text = (length: number) => begin + piece.repeat(length) + end;
      const { steps } = countSteps(expression, text(80));
      return steps > 400 && countSteps(expression, text(160)).steps > 2.6 * steps;
    }),
  );
}
