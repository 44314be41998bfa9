import type { Command } from './console-blocks.js';

/** A line without figures, folders and what depends on the machine. */
export function masked(line: string): string {
  return line
    .replace(/(?:\/[\w.@+-]+)+\/(?=[\w.-]+)/g, '') // folders
    .replace(/\b(?:base3|mad2|lut)-\w+/g, 'KERNEL')
    .replace(/\b(?:avx|neon|sse|fma|f16c)\w*(?:, )?/g, '')
    .replace(/\b(?:would be used|usable|not on this CPU)\b/g, 'STATE')
    .replace(/\bGiB|\bMiB|\bKiB/g, 'BYTES')
    .replace(/-?\d[\d.,:TZe-]*/g, '#')
    .replace(/\b(?:second|minute)s?\b/g, 'TIME')
    .replace(/\s+/g, ' ')
    .trim();
}

/** Lines of a report that are there or not, in other words, by machine. */
const byMachine = /^(?:warn |to do: |ok (?:cpu|kernels|pages|energy|memory) )/;

/** Whether lines are those of the page, where a line of three dots stands for any. */
export function matches(printed: readonly string[], { output }: Command): boolean {
  if (output.length === 0) return true;
  const kept = (lines: readonly string[]) => lines.filter((line) => !byMachine.test(line));
  const pattern = kept(output.map((line) => masked(line)))
    .map((line) => (/^(?:…|\.\.\.)$/.test(line) ? '(?:.*\n)*' : `${escaped(line)}\n`))
    .join('');
  return new RegExp(`^${pattern}$`).test(`${kept(printed).join('\n')}\n`);
}

function escaped(text: string): string {
  // A line may be cut short where it is long.
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&').replace(/…/g, '.*');
}
