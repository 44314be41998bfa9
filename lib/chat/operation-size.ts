import type { Value } from './jinja.js';

/** A filter or method about to run on `operand`. */
export interface Operation {
  readonly operand: Value;
  /** Characters of the operand written out, and its levels of lists in lists. */
  readonly size: number;
  readonly depth: number;
  readonly positional: readonly Value[];
  readonly named: ReadonlyMap<string, Value>;
}

/**
 * The filters and methods whose result can be far larger than their operands, and how large it
 * would be: characters at least, for lists the memory they take in characters.
 */
export const resultSizes: ReadonlyMap<string, (operation: Operation) => number> = new Map([
  ['replace', replaceSize],
  ['split', splitSize],
  ['join', joinSize],
  ['indent', indentSize],
  ['tojson', tojsonSize],
]);

function replaceSize({ operand, size, positional }: Operation): number {
  const [from, to] = positional.map(({ value }) => value);
  if (typeof operand.value !== 'string' || typeof from !== 'string') return size;
  return size + occurrences(operand.value, from) * String(to).length;
}

function splitSize({ operand, size, positional }: Operation): number {
  if (typeof operand.value !== 'string') return size;
  const separator = positional[0]?.value;
  const parts = occurrences(operand.value, typeof separator === 'string' ? separator : /\S+/g);
  return size + parts * sizeOfPart;
}

/** A part is a value of its own, which takes more memory than its characters. */
const sizeOfPart = 16;

function joinSize({ operand, size, positional, named }: Operation): number {
  const separator = positional[0] ?? named.get('separator');
  const parts = Array.isArray(operand.value) ? operand.value.length : size;
  return size + parts * String(separator?.value ?? '').length;
}

function indentSize({ operand, size, positional, named }: Operation): number {
  if (typeof operand.value !== 'string') return size;
  const width = positional[0] ?? named.get('width');
  return size + (occurrences(operand.value, '\n') + 1) * Number(width?.value ?? 4);
}

function tojsonSize({ size, depth, named }: Operation): number {
  return size * (1 + depth * Number(named.get('indent')?.value ?? 0));
}

function occurrences(text: string, part: string | RegExp): number {
  if (part === '') return text.length + 1;
  let count = 0;
  if (typeof part === 'string') {
    for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length)) count++;
  } else {
    for (const _match of text.matchAll(part)) count++;
  }
  return count;
}
