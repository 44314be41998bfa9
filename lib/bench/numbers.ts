/** Three significant digits or, from 100 on, all before the point. */
export function digits(value: number): string {
  const whole = Math.max(1, Math.floor(Math.log10(Math.max(1, value))) + 1);
  return value.toFixed(Math.max(0, 3 - whole));
}

/** The same for what may be very small: three significant digits below 1 too. */
export function significant(value: number): string {
  return Math.abs(value) >= 1 || value === 0 ? digits(value) : value.toPrecision(3);
}

export function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

export function bytes(size: number): string {
  const [unit, name] =
    size < 2 ** 20 ? [2 ** 10, 'KiB'] : size < 2 ** 30 ? [2 ** 20, 'MiB'] : [2 ** 30, 'GiB'];
  return `${(size / unit).toFixed(name === 'GiB' ? 2 : 0)} ${name}`;
}
