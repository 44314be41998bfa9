import { InvalidArgumentError } from 'commander';

/** A parser of integer options that takes nothing but an integer from `least` to `most`. */
export function integer(least: number, most: number, note = ''): (text: string) => number {
  return (text) => {
    const value = /^[+-]?\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Expected an integer from ${least} to ${most}${note}.`);
  };
}

/** A parser of options that take integers separated by commas, each from `least` to `most`. */
export function integers(least: number, most: number): (text: string) => number[] {
  const parse = integer(least, most, ', or several separated by commas');
  return (text) => text.split(',').map(parse);
}

/** A parser of decimal options that takes nothing but a number from `least` to `most`. */
export function decimal(least: number, most: number): (text: string) => number {
  return (text) => {
    const plain = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(text.trim());
    const value = plain ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    const range = Number.isFinite(most) ? `from ${least} to ${most}` : `of at least ${least}`;
    throw new InvalidArgumentError(`Expected a number ${range}.`);
  };
}

/** A parser of options that take names separated by commas, each one of `choices`. */
export function names<Name extends string>(choices: readonly Name[]): (text: string) => Name[] {
  return (text) => {
    const found = text.split(',');
    if (found.every((name): name is Name => choices.includes(name as Name))) return found;
    const expected = `Expected one of ${choices.join(', ')}, or several separated by commas.`;
    throw new InvalidArgumentError(expected);
  };
}

/** Bytes per unit. */
const units: Readonly<Record<string, number>> = {
  ...{ MB: 1e6, GB: 1e9, TB: 1e12, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 },
};

/** A parser of options that take an amount of memory, such as 16GB. */
export function memorySize(text: string): number {
  const [, digits, unit] = /^(\d+(?:\.\d+)?) ?([MGT]i?B)$/.exec(text.trim()) ?? [];
  const bytes = Math.round(Number(digits) * (units[unit ?? ''] ?? Number.NaN));
  if (bytes > 0 && Number.isSafeInteger(bytes)) return bytes;
  throw new InvalidArgumentError('Expected a size with its unit, such as 16GB, 500MB or 8GiB.');
}

/** A parser of options that may be given several times. */
export function repeated(text: string, previous: readonly string[] = []): string[] {
  if (text === '') throw new InvalidArgumentError('Expected a text of at least one character.');
  return [...previous, text];
}
