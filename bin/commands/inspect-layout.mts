import { escaped } from '../escape.mjs';
import { wrapped } from '../word-wrap.mjs';

export type Row = readonly string[];

/** What stands before the lines of a section. */
const indent = '  ';

/** Columns of a field's name. */
const nameWidth = 18;

/** Columns beside it in which a value is still broken. */
const narrowest = 16;

/** Lines of at most so many columns, control characters made visible. */
export class Layout {
  readonly width: number;

  constructor(width: number) {
    this.width = width;
  }

  section(title: string, lines: readonly string[]): string[] {
    return lines.length === 0
      ? []
      : ['', title, ...lines.map((line) => this.cut(`${indent}${line}`))];
  }

  /** Names and what they have, broken at spaces. */
  fields(rows: readonly Row[]): string[] {
    return rows.flatMap(([name, value]) => {
      const room = Math.max(this.width - indent.length - nameWidth, narrowest);
      const lines = wrapped(escaped(value!), room).split('\n');
      return lines.map((line, i) => this.cut((i === 0 ? name! : '').padEnd(nameWidth) + line));
    });
  }

  /** Paragraphs broken at spaces, all but the first line of each indented. */
  paragraphs(texts: readonly string[]): string[] {
    return texts.flatMap((text) => {
      const lines = wrapped(escaped(text), this.width - 2 * indent.length).split('\n');
      return lines.map((line, i) => (i === 0 ? line : indent + line));
    });
  }

  /** Rows under each other, every column as wide as its widest entry. */
  columns(rows: readonly Row[]): string[] {
    const widths: number[] = [];
    for (const row of rows) {
      row.forEach((cell, i) => {
        widths[i] = Math.max(widths[i] ?? 0, cell.length);
      });
    }
    return rows.map((row) => this.cut(row.map((cell, i) => cell.padEnd(widths[i]!)).join('  ')));
  }

  cut(line: string): string {
    const trimmed = line.trimEnd();
    return trimmed.length > this.width ? `${line.slice(0, this.width - 1)}…` : trimmed;
  }
}
