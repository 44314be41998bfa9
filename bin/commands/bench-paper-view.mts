import type { PaperReport } from '../../lib/bench/paper/report.js';
import { escaped } from '../escape.mjs';
import { paperSections, type Section } from './bench-paper-sections.mjs';
import { alignedLines, markdownTable } from './bench-tables.mjs';
import { commandLines, machineLines } from './bench-view.mjs';

/** A report of the papers' tables as lines: the machine, the tables, what else there is to say. */
export function paperLines(report: PaperReport): string[] {
  return [
    ...machineLines(report),
    ...paperSections(report).flatMap((section) => [
      ...['', escaped(`${section.title}:`)],
      ...table(alignedLines, section),
      ...section.notes.map(escaped),
    ]),
    '',
    ...closingLines(report),
  ];
}

/** The same in Markdown. */
export function paperMarkdownLines(report: PaperReport): string[] {
  return [
    ...machineLines(report).map((line) => `- ${line}`),
    ...commandLines(report),
    ...paperSections(report).flatMap((section) => [
      ...['', escaped(`### ${section.title}`), ''],
      ...table(markdownTable, section),
      ...['', ...section.notes.map((note) => escaped(`- ${note}`))],
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
  ].map(escaped);
}

/** The rows of a section, in one form or another. */
function table(form: typeof alignedLines, { header, rows, words }: Section): string[] {
  return form([header, ...rows], (i) => words.includes(i));
}
