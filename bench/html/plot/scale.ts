/** Where the values of an axis stand, from 0 at its begin to 1 at its end, and which of them are written beside it. */
export interface Scale {
  readonly ticks: readonly number[];
  /** What the label of the axis must say about it. */
  readonly note: string;
  place(value: number): number;
}

/** Most ticks an axis gets. */
const mostTicks = 8;

/** From 0 to the first tick at or above `most`; ticks are 1, 2 or 5 times a power of ten apart. */
export function linearScale(most: number): Scale {
  const end = most > 0 ? most : 1;
  const step = niceStep(end);
  const count = Math.ceil(end / step - 1e-9);
  const ticks = Array.from({ length: count + 1 }, (_, i) => clean(i * step));
  return { ticks, note: '', place: (value) => Math.min(1, Math.max(0, value / (count * step))) };
}

/** Logarithmic, from a tick at or below `least` to one at or above `most`, both above 0. */
export function logScale(least: number, most: number): Scale {
  // Rungs 0, 1, 2, 3 are 1, 2, 5, 10; a far range has powers of ten alone, a very far one every second of them, and so on.
  const first = rungBelow(least);
  const last = Math.max(-rungBelow(1 / most), first + 1);
  const far = [1, 3].find((step) => (last - first) / step < mostTicks);
  const step = far ?? 3 * Math.ceil((last - first) / (3 * (mostTicks - 2)));
  const [begin, end] = [Math.floor(first / step), Math.ceil(last / step)];
  const ticks = Array.from({ length: end - begin + 1 }, (_, i) => rung((begin + i) * step));
  return between(ticks, ticks[0]!, ticks.at(-1)!);
}

/** Logarithmic, with ticks at the given values above 0, the least first. */
export function logScaleAt(ticks: readonly number[]): Scale {
  const [least, most] = [ticks[0]!, ticks.at(-1)!];
  return least < most ? between(ticks, least, most) : between(ticks, least / 2, most * 2);
}

function between(ticks: readonly number[], least: number, most: number): Scale {
  const [from, to] = [Math.log(least), Math.log(most)];
  return { ticks, note: ', log scale', place: (value) => (Math.log(value) - from) / (to - from) };
}

/** About a fifth of `end`. */
function niceStep(end: number): number {
  const power = 10 ** Math.floor(Math.log10(end / 5));
  return clean(power * [1, 2, 5, 10].find((step) => power * step >= (end / 5) * (1 - 1e-9))!);
}

function rung(index: number): number {
  return clean([1, 2, 5][((index % 3) + 3) % 3]! * 10 ** Math.floor(index / 3));
}

/** Index of the last rung that is not above `value`. */
function rungBelow(value: number): number {
  let index = 3 * Math.floor(Math.log10(value)) + 3;
  while (rung(index) > value * (1 + 1e-9)) index--;
  return index;
}

/** Without the dust of binary fractions. */
function clean(value: number): number {
  return Number(value.toPrecision(12));
}
