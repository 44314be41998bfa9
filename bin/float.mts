/**
 * The number with the fewest digits that is `value` as an f32: 0.00001, not 0.000009999999747.
 * NaN and infinities stay.
 */
export function shortestFloat(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return Number(value.toPrecision(9));
}
