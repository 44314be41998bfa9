import { largestOf } from '../../../lib/extremes.js';
import { type Markup, markup } from '../markup.js';
import { type FigureText, figure, plotWidth } from './figure.js';
import { coordinate } from './marks.js';
import { linearScale } from './scale.js';
import { fitted, textWidth } from './text.js';
import { tickText } from './tick-text.js';

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** The value in words, beside the label. */
  readonly text: string;
  /** What it could be at most: a line across the bar. */
  readonly limit?: number | undefined;
}

export interface BarPlot extends FigureText {
  /** What bars count, with the unit. */
  readonly label: string;
  /** What the lines across them are. */
  readonly limitLabel?: string;
  readonly bars: readonly Bar[];
}

const rowHeight = 36;
const barHeight = 12;
const inset = 8;

/** Horizontal bars from 0, each below its label, over one axis. */
export function barPlot(plot: BarPlot): Markup {
  const { bars, label, limitLabel } = plot;
  const scale = linearScale(largestOf(bars.flatMap(({ value, limit = 0 }) => [value, limit])));
  const left = (value: number) =>
    coordinate(inset + scale.place(value) * (plotWidth - 2 * inset - 8));
  const bottom = bars.length * rowHeight + 4;
  const grid = scale.ticks.map(
    (value) => markup`
<path class="grid" d="M${left(value)},0V${bottom}"/><text x="${left(value)}" y="${bottom + 16}" text-anchor="middle">${tickText(value)}</text>`,
  );
  const rows = bars.map((bar, i) => row(bar, i * rowHeight, left));
  const limits = bars.some(({ limit }) => limit !== undefined);
  const key = [
    markup`<li><svg class="key" viewBox="0 0 36 14" aria-hidden="true"><rect class="bar" x="0" y="2" width="36" height="10"/></svg>${label}</li>`,
    markup`<li><svg class="key" viewBox="0 0 36 14" aria-hidden="true"><path class="limit" d="M18,0V14"/></svg>${limitLabel ?? ''}</li>`,
  ];
  const description = bars.map(({ label, text }) => `${label}: ${text}`).join('; ');
  const drawing = markup`${grid}${rows}
<path class="axis" d="M${left(0)},0V${bottom}"/>
<text class="label" x="${plotWidth}" y="${bottom + 34}" text-anchor="end">${label}</text>`;
  const below = limits ? markup`<ul class="legend">${key}</ul>` : '';
  return figure(plot, description, bottom + 42, drawing, below);
}

function row(
  { label, value, text, limit }: Bar,
  top: number,
  left: (value: number) => number,
): Markup {
  const y = top + 18;
  const room = plotWidth - inset - textWidth(text) - 16;
  const line =
    limit === undefined
      ? ''
      : markup`<path class="limit" d="M${left(limit)},${y - 1}V${y + barHeight + 4}"/>`;
  return markup`
<g><title>${label}: ${text}</title><text x="${inset + 4}" y="${top + 13}">${fitted(label, room)}</text><text class="value" x="${plotWidth}" y="${top + 13}" text-anchor="end">${text}</text><rect class="bar" x="${left(0)}" y="${y}" width="${coordinate(left(value) - left(0))}" height="${barHeight}"/>${line}</g>`;
}
