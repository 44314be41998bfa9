import type { Spread } from './spread.js';

/** Three significant digits or, from 100 on, all before the point; below 1 two decimals. */
export function digits(value: number): string {
  const rounded = Math.abs(Number(value.toPrecision(3))); // 9.999 is 10.0
  const whole = Math.max(1, Math.floor(Math.log10(Math.max(1, rounded))) + 1);
  return value.toFixed(Math.max(0, 3 - whole));
}

/** The same for what may be very small: three significant digits below 1 too. */
export function significant(value: number): string {
  return Math.abs(value) >= 1 || value === 0 ? digits(value) : value.toPrecision(3);
}

/** A rate with its standard deviation: tokens per second may be thousands or hundredths. */
export function rateText({ median, sd }: Spread): string {
  return `${significant(median)} ± ${significant(sd)}`;
}
