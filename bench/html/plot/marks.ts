import { type Markup, markup } from '../markup.js';

/** Colors there are in style.ts; a line further down differs by dashes and marks, as those near each other do too. */
const colors = 6;

/** Outlines around 0, 0. */
const outlines = [
  'M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0z',
  'M-3.5,-3.5h7v7h-7z',
  'M0,-4.8L4.6,3.4H-4.6z',
  'M0,-5L5,0L0,5L-5,0z',
  'M0,4.8L4.6,-3.4H-4.6z',
  'M-1.5,-4.5h3v3h3v3h-3v3h-3v-3h-3v-3h3z',
  'M-4.5,-2h9v4h-9z',
];

const dashes = ['none', '7 3', '2 3', '8 3 2 3', '12 3'];

/** The class that colors a series. */
export function seriesClass(series: number): string {
  return `s${series % colors}`;
}

/** The mark of a series at a point; `note` is shown to a pointer that rests on it. */
export function mark(series: number, x: number, y: number, note = '', solid = true): Markup {
  const title = note === '' ? '' : markup`<title>${note}</title>`;
  return markup`<path class="${solid ? 'mark' : 'mark hollow'}" d="${outlines[series % outlines.length]!}" transform="translate(${coordinate(x)} ${coordinate(y)})">${title}</path>`;
}

/** The line of a series through points. */
export function line(series: number, points: readonly (readonly [number, number])[]): Markup {
  const path = points.map(([x, y]) => `${coordinate(x)},${coordinate(y)}`).join(' ');
  return markup`<polyline class="line" stroke-dasharray="${dashes[series % dashes.length]!}" points="${path}"/>`;
}

/** Names of series, each beside a piece of its line and its mark, and what `hollow` marks are if there are any. */
export function legend(names: readonly string[], hollow: boolean): Markup {
  const entry = (name: string, series: number) => markup`
<li><svg class="key ${seriesClass(series)}" viewBox="0 0 36 14" aria-hidden="true">${line(series, [
    [0, 7],
    [36, 7],
  ])}${mark(series, 18, 7)}</svg>${name}</li>`;
  const note = hollow
    ? markup`
<li><svg class="key" viewBox="0 0 36 14" aria-hidden="true">${mark(0, 18, 7, '', false)}</svg>not measured, extrapolated</li>`
    : '';
  return markup`<ul class="legend">${names.map(entry)}${note}</ul>`;
}

/** A tenth of a pixel is enough. */
export function coordinate(value: number): number {
  return Math.round(value * 10) / 10;
}
