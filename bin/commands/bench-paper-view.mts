import type { PaperReport } from '../../lib/bench/paper/report.js';
import { paperSections, type Section } from './bench-paper-sections.mjs';
import { machineLines } from './bench-view.mjs';

/** A report of the papers' tables as lines: the machine, the tables, what else there is to say. */
export function paperLines(report: PaperReport): string[] {
  return [
    ...machineLines(report),
    ...paperSections(report).flatMap((section) => ['', `${section.title}:`, ...aligned(section)]),
    '',
    ...closingLines(report),
  ];
}

/** The same in Markdown. */
export function paperMarkdownLines(report: PaperReport): string[] {
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    ...machineLines(report).map((line) => `- ${line}`),
    ...(report.command === null ? [] : [`- \`${report.command}\``]),
    ...paperSections(report).flatMap(({ title, header, rows, words, notes }) => [
      ...['', `### ${title}`, ''],
      row(header),
      row(header.map((_, i) => (words.includes(i) ? '---' : '--:'))),
      ...rows.map(row),
      ...['', ...notes.map((note) => `- ${note}`)],
    ]),
    ...['', '### Claims, doubts, omissions', ''],
    ...closingLines(report).map((line) => `- ${line}`),
  ];
}

/** Claims, doubts, and what was left out. */
function closingLines({ claims, warnings, timeBox }: PaperReport): string[] {
  const { limitSeconds, usedSeconds, cut } = timeBox;
  const minutes = (seconds: number) => (seconds / 60).toFixed(1);
  return [
    ...claims.map(
      ({ claim, source, verdict, why }) => `"${claim}" (${source}): ${verdict}: ${why}`,
    ),
    ...warnings.map((warning) => `doubtful: ${warning}`),
    ...cut.map((sentence) => `left out: ${sentence}`),
    `took ${minutes(usedSeconds)} of ${minutes(limitSeconds)} minutes`,
  ];
}

/** Columns under each other, then notes. */
function aligned({ header, rows, words, notes }: Section): string[] {
  const all = [header, ...rows];
  const widths = header.map((_, i) => Math.max(...all.map((cells) => cells[i]!.length)));
  const pad = (cell: string, i: number) =>
    words.includes(i) ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!);
  return [...all.map((cells) => cells.map(pad).join('  ').trimEnd()), ...notes];
}
