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
    const plain = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text.trim());
    const value = plain ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    const range = Number.isFinite(most) ? `from ${least} to ${most}` : `of at least ${least}`;
    throw new InvalidArgumentError(`Expected a number ${range}.`);
  };
}

/** A parser of options that may be given several times. */
export function repeated(text: string, previous: readonly string[] = []): string[] {
  if (text === '') throw new InvalidArgumentError('Expected a text of at least one character.');
  return [...previous, text];
}
