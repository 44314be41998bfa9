import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { largestOf, smallestOf } from '../lib/extremes.js';

/** A list put in the place of arguments, as `Math.max(...ids)` or `all.push(...more)`. */
const spread =
  /\b(?:Math\.(?:max|min)|push|unshift|splice|fromCharCode|fromCodePoint)\(\s*(?:[^(){[\n]*, )?\.\.\./g;

describe('Lists of any length', () => {
  it('are spread into arguments nowhere: 120,000 of them end the call', async () => {
    const found: string[] = [];
    for (const folder of ['lib', 'bench', 'bin']) {
      for (const name of await readdir(folder, { recursive: true })) {
        if (!/\.m?ts$/.test(name) || name === 'extremes.ts') continue;
        const text = await readFile(join(folder, name), 'utf8');
        for (const [call] of text.matchAll(spread)) found.push(`${folder}/${name}: ${call}`);
      }
    }
    expect(found).toEqual([]);
  });

  it('have a largest and a smallest value', () => {
    const values = Float64Array.from({ length: 500_000 }, (_, i) => i);
    expect([largestOf(values), smallestOf(values)]).toEqual([499_999, 0]);
    expect([largestOf([]), smallestOf([])]).toEqual([-Infinity, Infinity]);
    expect(largestOf([1, Number.NaN])).toBeNaN();
  });
});
