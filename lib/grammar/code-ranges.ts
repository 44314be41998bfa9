/** Code points as ranges: ascending, apart from each other, without surrogates. */
export type CodeRanges = readonly (readonly [first: number, last: number])[];

const highest = 0x10ffff;

export const anyCharacter: CodeRanges = [
  [0, 0xd7ff],
  [0xe000, highest],
];

/** Any ranges, in any order, as `CodeRanges`. */
export function codeRanges(given: readonly (readonly [number, number])[]): CodeRanges {
  const sorted = given.filter(([first, last]) => first <= last).sort(([a], [b]) => a - b);
  const joined: [number, number][] = [];
  for (const [first, last] of sorted) {
    const before = joined.at(-1);
    if (before && first <= before[1] + 1) before[1] = Math.max(before[1], last);
    else joined.push([first, last]);
  }
  return intersection(joined, anyCharacter);
}

/** Every other character. */
export function complement(ranges: CodeRanges): CodeRanges {
  const others: [number, number][] = [];
  let next = 0;
  for (const [first, last] of ranges) {
    if (next < first) others.push([next, first - 1]);
    next = last + 1;
  }
  if (next <= highest) others.push([next, highest]);
  return intersection(others, anyCharacter);
}

export function intersection(a: CodeRanges, b: CodeRanges): CodeRanges {
  const common: [number, number][] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const first = Math.max(a[i]![0], b[j]![0]);
    const last = Math.min(a[i]![1], b[j]![1]);
    if (first <= last) common.push([first, last]);
    if (a[i]![1] < b[j]![1]) i++;
    else j++;
  }
  return common;
}

export function charactersOf(text: string): CodeRanges {
  return codeRanges(Array.from(text, (c) => [c.codePointAt(0)!, c.codePointAt(0)!] as const));
}
