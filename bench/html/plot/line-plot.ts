import { largestOf, smallestOf } from '../../../lib/extremes.js';
import { type Markup, markup } from '../markup.js';
import { type FigureText, figure, plotWidth } from './figure.js';
import { coordinate, legend, line, mark, seriesClass } from './marks.js';
import { linearScale, logScale, logScaleAt, type Scale } from './scale.js';
import { textWidth } from './text.js';
import { tickText } from './tick-text.js';

export interface Axis {
  /** What it counts, with the unit. */
  readonly label: string;
  /** 'linear' begins at 0; 'log' leaves out what is not above 0. @default linear, log where values are 20 times apart */
  readonly scale?: 'linear' | 'log';
  /** Ticks at exactly the values there are, on a log scale. @default false */
  readonly ticksAtValues?: boolean;
  /** @default tickText */
  readonly text?: (value: number) => string;
}

export interface Point {
  readonly x: number;
  readonly y: number;
  /** How far y may be off: a bar this far up and down. @default 0 */
  readonly spread?: number;
  /** Points that were not are hollow. @default true */
  readonly measured?: boolean;
  /** More about it than its numbers, shown to a pointer that rests on it. */
  readonly note?: string;
}

export interface Series {
  readonly name: string;
  readonly points: readonly Point[];
}

export interface LinePlot extends FigureText {
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
}

/** Spread of values from which on a linear axis would press the small ones together. */
const farApart = 20;

const area = { left: 54, right: plotWidth - 14, top: 26, bottom: 226 };
const height = 268;

/** Points stand at least this far from the sides. */
const inset = 10;

/** Lines through the points of each series, in the order of x, and a legend. */
export function linePlot(plot: LinePlot): Markup {
  const { x, y } = plot;
  const shown = (axis: Axis, value: number) => axis.scale !== 'log' || value > 0;
  const series = plot.series.map(({ name, points }) => ({
    name,
    points: points
      .filter((point) => shown(x, point.x) && shown(y, point.y))
      .sort((a, b) => a.x - b.x),
  }));
  const points = series.flatMap((each) => each.points);
  if (points.length === 0) {
    return figure(plot, 'there are no points', 20, markup`<text x="0" y="14">No values.</text>`);
  }
  const across = scaleOf(
    x,
    points.map((point) => point.x),
  );
  const up = scaleOf(
    y,
    points.flatMap(({ y: value, spread = 0 }) => [value - spread, value, value + spread]),
  );
  const left = (value: number) =>
    area.left + inset + across.place(value) * (area.right - area.left - 2 * inset);
  const top = (value: number) => area.bottom - up.place(value) * (area.bottom - area.top);
  const description = `${y.label} against ${x.label}, for ${series.map(({ name }) => name).join('; ')}`;
  const names = series.map(({ name }) => name);
  const hollow = points.some(({ measured }) => measured === false);
  const placement = { across, up, left, top };
  const drawing = [
    axes(plot, placement),
    series.map((each, i) => seriesLine(each, i, plot, placement)),
  ];
  return figure(plot, description, height, drawing, legend(names, hollow));
}

function seriesLine(
  { name, points }: Series,
  index: number,
  plot: LinePlot,
  { up, left, top }: Placement,
): Markup {
  const corners = points.map(({ x, y }) => [left(x), top(y)] as const);
  const marks = points.map((point, i) =>
    mark(index, ...corners[i]!, noteOf(name, point, plot), point.measured),
  );
  const spreads = points
    .filter(({ spread = 0 }) => spread > 0)
    .map(({ x, y, spread = 0 }) => {
      const [low, high] = [top(Math.max(y - spread, up.ticks[0]!)), top(y + spread)];
      return markup`<path class="spread" d="M${coordinate(left(x))},${coordinate(low)}V${coordinate(high)}"/>`;
    });
  return markup`
<g class="${seriesClass(index)}">${line(index, corners)}${spreads}${marks}</g>`;
}

/** A scale for all of the values, but those that a logarithm has not. */
function scaleOf({ scale, ticksAtValues }: Axis, all: readonly number[]): Scale {
  const values = scale === 'linear' ? all : all.filter((value) => value > 0);
  const [least, most] = [smallestOf(values), largestOf(values)];
  if (ticksAtValues) return logScaleAt([...new Set(values)].sort((a, b) => a - b));
  const log = scale ? scale === 'log' : least > 0 && most / least >= farApart;
  return log ? logScale(least, most) : linearScale(most);
}

function noteOf(name: string, { x, y, note }: Point, plot: LinePlot): string {
  const value = (axis: Axis, number: number) =>
    `${axis.label}: ${(axis.text ?? tickText)(Number(number.toPrecision(4)))}`;
  return [name, note, value(plot.x, x), value(plot.y, y)].filter(Boolean).join('\n');
}

interface Placement {
  readonly across: Scale;
  readonly up: Scale;
  readonly left: (value: number) => number;
  readonly top: (value: number) => number;
}

/** Grid, numbers and labels of both axes. */
function axes({ x, y }: LinePlot, { across, up, left, top }: Placement): Markup {
  const number = (axis: Axis, value: number) => (axis.text ?? tickText)(value);
  const columns = apart(across.ticks, left, (value) => textWidth(number(x, value)) + 6);
  const rows = up.ticks.map((value) => {
    const at = coordinate(top(value));
    return markup`
<path class="grid" d="M${area.left},${at}H${area.right}"/><text x="${area.left - 6}" y="${at + 4}" text-anchor="end">${number(y, value)}</text>`;
  });
  const ticks = columns.map((value) => {
    const at = coordinate(left(value));
    return markup`
<path class="grid" d="M${at},${area.top}V${area.bottom}"/><text x="${at}" y="${area.bottom + 16}" text-anchor="middle">${number(x, value)}</text>`;
  });
  return markup`${rows}${ticks}
<path class="axis" d="M${area.left},${area.top}V${area.bottom}H${area.right}"/>
<text class="label" x="0" y="12">${y.label}${up.note}</text>
<text class="label" x="${area.right}" y="${height - 6}" text-anchor="end">${x.label}${across.note}</text>`;
}

/** As many values, from the first, as have room for their texts side by side. */
function apart(
  values: readonly number[],
  place: (value: number) => number,
  width: (value: number) => number,
): number[] {
  let end = Number.NEGATIVE_INFINITY;
  return values.filter((value) => {
    const begin = place(value) - width(value) / 2;
    if (begin < end) return false;
    end = begin + width(value);
    return true;
  });
}
