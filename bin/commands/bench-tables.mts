// Where rows become lines, and what a report's file says is made harmless: names come with models and reports from anywhere.
import { largestOf } from '../../lib/extremes.js';
import { escaped } from '../escape.mjs';

/** Columns under each other, the heading as the first row; `isText` of a column puts it on the left. */
export function alignedLines(
  rows: readonly (readonly string[])[],
  isText: (column: number) => boolean,
): string[] {
  const shown = rows.map((cells) => cells.map(escaped));
  const widths = (shown[0] ?? []).map((_, i) => largestOf(shown.map((cells) => cells[i]!.length)));
  const pad = (cell: string, i: number) =>
    isText(i) ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!);
  return shown.map((cells) => cells.map(pad).join('  ').trimEnd());
}

/** The same in Markdown. */
export function markdownTable(
  [heading, ...rows]: readonly (readonly string[])[],
  isText: (column: number) => boolean,
): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  const cellsOf = (cells: readonly string[]) =>
    cells.map((cell) => escaped(cell).replaceAll('|', '\\|'));
  return [
    line(cellsOf(heading!)),
    line(heading!.map((_, i) => (isText(i) ? '---' : '--:'))),
    ...rows.map((cells) => line(cellsOf(cells))),
  ];
}
