import { describe, expect, test } from 'vitest';
import { barPlot } from '../../../bench/html/plot/bar-plot.js';
import { linePlot } from '../../../bench/html/plot/line-plot.js';
import { elementsOf } from './elements.js';

/** Corners of the area of a line plot: x from 64 to 376 (10 from its sides), y from 226 at the bottom to 26. */
const [left, right, bottom, top] = [64, 376, 226, 26];

const round = (value: number) => Math.round(10 * value) / 10;

describe('a line plot', () => {
  const plot = linePlot({
    ...{ title: 'Speed', caption: 'A caption.' },
    x: { label: 'Size', scale: 'log' },
    y: { label: 'tokens/s' },
    series: [
      {
        name: 'A',
        points: [
          { x: 100, y: 40 },
          { x: 1, y: 0 },
          { x: 10, y: 30, note: 'ten' },
        ],
      },
      { name: 'B & C', points: [{ x: 10, y: 10 }] },
    ],
  });
  const elements = elementsOf(`${plot}`);
  const texts = elements.filter(({ name }) => name === 'text');

  test('has points where their numbers belong, in the order of x', () => {
    const [line, other] = elements.filter(({ name }) => name === 'polyline');
    // 1, 10, 100 are begin, middle and end; 0, 30, 40 of 40 are bottom, three quarters and top.
    const points = `${left},${bottom} ${(left + right) / 2},${bottom - 150} ${right},${top}`;
    expect(line!.attributes.points).toBe(points);
    expect(other!.attributes.points).toBe(`${(left + right) / 2},${bottom - 50}`);
    const marks = elements.filter(({ attributes }) => attributes.class === 'mark');
    expect(marks[1]!.attributes.transform).toBe('translate(220 76)');
  });

  test('has numbers beside their lines of the grid', () => {
    const at = (text: string) => texts.find((each) => each.text === text)!.attributes;
    expect(at('30')).toMatchObject({ y: `${bottom - 150 + 4}`, 'text-anchor': 'end' });
    expect(at('10')).toMatchObject({ y: `${bottom - 50 + 4}` });
    expect(at('100')).toMatchObject({ x: `${right}`, y: `${bottom + 16}` });
    expect(texts.map(({ text }) => text)).toEqual(
      expect.arrayContaining(['tokens/s', 'Size, log scale', '0', '20', '40', '1', '2', '50']),
    );
  });

  test('has bars for spreads, which end at the axis', () => {
    const points = [
      { x: 1, y: 30, spread: 10 },
      { x: 2, y: 5, spread: 10 },
      { x: 3, y: 5, spread: 0 },
    ];
    const pages = (['linear', 'log'] as const).map((scale) =>
      linePlot({
        title: 't',
        ...{ x: { label: 'x', scale: 'log' }, y: { label: 'y', scale } },
        series: [{ name: 's', points }],
      }),
    );
    const [linear, log] = pages.map((page) =>
      elementsOf(`${page}`)
        .filter(({ attributes }) => attributes.class === 'spread')
        .map(({ attributes }) => attributes.d!.replace(/.*,/, '')),
    );
    // From 20 to 40 and from 0 to 15, of 40; from 5, the first tick, to 15, of 50.
    expect(linear).toEqual([`${bottom - 100}V${top}`, `${bottom}V${bottom - 75}`]);
    expect(log![1]).toBe(
      `${bottom}V${bottom - round(200 * (Math.log(15 / 5) / Math.log(50 / 5)))}`,
    );
  });

  test('has a title, a caption, a legend and words for those who do not see it', () => {
    expect(elements.find(({ name }) => name === 'h3')!.text).toBe('Speed');
    expect(elements.find(({ name }) => name === 'p')!.text).toBe('A caption.');
    const names = elements.filter(({ name }) => name === 'li').map(({ text }) => text);
    expect(names).toEqual(['A', 'B & C']);
    expect(elements.find(({ name }) => name === 'svg')!.attributes).toMatchObject({
      ...{ role: 'img', 'aria-label': 'Speed: tokens/s against Size, for A; B & C' },
    });
    const notes = elements.filter(({ name }) => name === 'title').map(({ text }) => text);
    expect(notes[1]).toBe('A\nten\nSize: 10\ntokens/s: 30');
  });

  test('tells series apart without colors', () => {
    const marks = elements.filter(({ attributes }) => attributes.class === 'mark');
    const lines = elements.filter(({ name }) => name === 'polyline');
    expect(marks[0]!.attributes.d).not.toBe(marks[3]!.attributes.d);
    const dashes = lines.map(({ attributes }) => attributes['stroke-dasharray']);
    expect(dashes[0]).not.toBe(dashes[1]);
  });

  test('uses a log axis where values are far apart, and leaves out what that cannot show', () => {
    const points = [1, 100].map((y) => ({ x: y, y }));
    const axis = { label: 'a' };
    const page = `${linePlot({ title: 't', x: axis, y: axis, series: [{ name: 's', points }] })}`;
    expect(page.match(/a, log scale</g)).toHaveLength(2);
    const log = { label: 'a', scale: 'log' } as const;
    const zero = [...points, { x: 0, y: 5 }];
    const same = linePlot({ title: 't', x: log, y: log, series: [{ name: 's', points: zero }] });
    expect(`${same}`).toBe(page);
  });

  test('writes no two numbers over each other', () => {
    const points = Array.from({ length: 64 }, (_, i) => ({ x: i + 1, y: 1 }));
    const x = { label: 'x', ticksAtValues: true };
    const page = linePlot({ title: 't', x, y: { label: 'y' }, series: [{ name: 's', points }] });
    const places = elementsOf(`${page}`)
      .filter(({ attributes }) => attributes['text-anchor'] === 'middle')
      .map(({ attributes }) => Number(attributes.x));
    expect(places[0]).toBe(left);
    for (let i = 1; i < places.length; i++) {
      expect(places[i]! - places[i - 1]!).toBeGreaterThan(13);
    }
  });

  test.each([[[]], [[{ name: 'A', points: [] }]]])('of nothing says so', (series) => {
    const page = linePlot({ title: 'T', x: { label: 'x' }, y: { label: 'y' }, series });
    expect(elementsOf(`${page}`).find(({ name }) => name === 'text')!.text).toBe('No values.');
  });
});

describe('a bar plot', () => {
  const bars = [
    { label: 'one', value: 30, text: '30 (75 %)', limit: 40 },
    { label: 'two', value: -1, text: '-1' },
  ];
  const plot = barPlot({ title: 'T', label: 'GB/s', limitLabel: 'most', bars });
  const elements = elementsOf(`${plot}`);

  test('has bars and limits as long as their numbers', () => {
    // The axis from 0 to 40 is 376 wide and begins at 8.
    const rects = elements.filter(({ name, attributes }) => name === 'rect' && attributes.height);
    expect(rects.slice(0, 2).map(({ attributes }) => [attributes.x, attributes.width])).toEqual([
      ['8', '282'],
      ['8', '0'],
    ]);
    const [limit] = elements.filter(({ attributes }) => attributes.class === 'limit');
    expect(limit!.attributes.d).toBe('M384,17V34');
    const tick = elements.find(({ name, text }) => name === 'text' && text === '40');
    expect(tick!.attributes.x).toBe('384');
  });

  test('explains its limits, and has no legend without', () => {
    const entries = elements.filter(({ name }) => name === 'li').map(({ text }) => text);
    expect(entries).toEqual(['GB/s', 'most']);
    const without = barPlot({ title: 'T', label: 'J', bars: [bars[1]!] });
    expect(`${without}`).not.toContain('<li>');
  });

  test('says its numbers in words', () => {
    expect(elements.find(({ name }) => name === 'svg')!.attributes['aria-label']).toBe(
      'T: one: 30 (75 %); two: -1',
    );
  });
});
