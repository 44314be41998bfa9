import { describe, expect, test } from 'vitest';
import { linearScale, logScale, logScaleAt } from '../../../bench/html/plot/scale.js';
import { fitted, textWidth } from '../../../bench/html/plot/text.js';
import { parametersText, tickText } from '../../../bench/html/plot/tick-text.js';

describe('linearScale', () => {
  test.each([
    [34, [0, 10, 20, 30, 40]],
    [40, [0, 10, 20, 30, 40]],
    [41, [0, 10, 20, 30, 40, 50]],
    [5, [0, 1, 2, 3, 4, 5]],
    [0.3, [0, 0.1, 0.2, 0.3]],
    [0.07, [0, 0.02, 0.04, 0.06, 0.08]],
    [0, [0, 0.2, 0.4, 0.6, 0.8, 1]],
    [1e18, [0, 2e17, 4e17, 6e17, 8e17, 1e18]],
  ])('up to %f', (most, ticks) => {
    expect(linearScale(most).ticks).toEqual(ticks);
  });

  test('places values in proportion, and what is below 0 at 0', () => {
    const { place } = linearScale(34);
    expect([place(0), place(30), place(40), place(-5)]).toEqual([0, 0.75, 1, 0]);
  });
});

describe('logScale', () => {
  test.each([
    [1.2, 21, [1, 2, 5, 10, 20, 50]],
    [7.3e8, 1.3e10, [5e8, 1e9, 2e9, 5e9, 1e10, 2e10]],
    [5, 5, [5, 10]],
    [0.004, 6, [0.001, 0.01, 0.1, 1, 10]],
    [1e-9, 1e9, [1e-9, 1e-6, 1e-3, 1, 1e3, 1e6, 1e9]],
  ])('from %f to %f', (least, most, ticks) => {
    expect(logScale(least, most).ticks).toEqual(ticks);
  });

  test('places equal ratios at equal distances', () => {
    const { place } = logScale(1, 100);
    expect([place(1), place(10), place(100)]).toEqual([0, 0.5, 1]);
  });

  test('always has few ticks, with the values between them', () => {
    for (let low = -300; low <= 17; low += 7) {
      for (let high = low; high <= 18; high += 5) {
        const [least, most] = [3 * 10 ** low, 3.0001 * 10 ** high];
        const { ticks } = logScale(least, most);
        expect(ticks.length).toBeLessThanOrEqual(9);
        expect(ticks[0]).toBeLessThanOrEqual(least);
        expect(ticks.at(-1)).toBeGreaterThanOrEqual(most);
      }
    }
  });

  test('at given values has these, and one value in the middle', () => {
    expect(logScaleAt([1, 4, 16]).place(4)).toBe(0.5);
    expect(logScaleAt([4]).place(4)).toBeCloseTo(0.5, 12);
  });
});

describe('texts beside axes', () => {
  test('are short', () => {
    expect([0, 0.05, 1000, 2.5, 1e7, 2e-5].map(tickText)).toEqual([
      ...['0', '0.05', '1,000', '2.5', '1e7', '2e-5'],
    ]);
    expect([5e8, 2.412e9, 1e10, 20_000].map(parametersText)).toEqual([
      ...['500M', '2.41B', '10B', '20k'],
    ]);
  });

  test('are cut where there is no room', () => {
    const width = textWidth('ten chars.');
    expect(fitted('ten chars.', width)).toBe('ten chars.');
    expect(fitted('eleven chars', width)).toBe('eleven ch…');
    expect(fitted('😀'.repeat(11), width)).toBe(`${'😀'.repeat(9)}…`);
  });
});
