/** Choices made from one sequence of random numbers. */
export interface Draw {
  /** From `from` to `to`, both included. */
  integer(from: number, to: number): number;
  chance(probability: number): boolean;
  of<T>(choices: readonly T[]): T;
  /** `weight` is a whole number. */
  weighted<T extends { readonly weight: number }>(choices: readonly T[]): T;
}

export function drawing(next: () => number): Draw {
  const integer = (from: number, to: number) => from + Math.floor(next() * (to - from + 1));
  return {
    integer,
    chance: (probability) => next() < probability,
    of: (choices) => choices[integer(0, choices.length - 1)]!,
    weighted: (choices) => {
      const tickets = choices.flatMap((choice) => Array<typeof choice>(choice.weight).fill(choice));
      return tickets[integer(0, tickets.length - 1)]!;
    },
  };
}

/** Whole numbers at which sizes, counts and ids go wrong. */
export const awkwardIntegers = [
  0,
  1,
  2,
  3,
  7,
  31,
  63,
  64,
  65,
  127,
  128,
  255,
  256,
  257,
  1000,
  4096,
  65_535,
  65_536,
  2 ** 24,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
] as const;

/** Numbers at which arithmetic goes wrong. */
export const awkwardNumbers = [
  0,
  -0,
  1,
  -1,
  0.5,
  2,
  1e-5,
  1e-30,
  1e-45,
  1e30,
  3.4e38,
  -3.4e38,
  10_000,
  1e6,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
] as const;

export const awkwardTexts = [
  '',
  ' ',
  '\0',
  '\u{1b}[2J',
  'default',
  'none',
  'NONE',
  'linear',
  'yarn',
  'longrope',
  'silu',
  'gelu',
  'relu2',
  'gpt2',
  'llama',
  '__proto__',
  'constructor',
  'a'.repeat(4096),
  '\u{202e}x',
  '\u{10ffff}',
  '%s%n',
  '../../etc/passwd',
  '{{',
  "{{ messages[0]['content'] }}",
  '{% for i in range(100000000) %}x{% endfor %}',
  '{{ raise_exception("no") }}',
  '日本語',
  '🙂',
] as const;
