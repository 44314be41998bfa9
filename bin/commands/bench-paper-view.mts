import type { PaperReport } from '../../bench/paper/report.js';
import { closingSentences, paperSections, type Section } from '../../bench/paper/sections.js';
import { escaped } from '../escape.mjs';
import { alignedLines, markdownTable } from './bench-tables.mjs';
import { brokenAt, commandLines, machineLines } from './bench-view.mjs';

/**
 * A report of the papers' tables as lines: the machine, the tables, what else there is to say.
 *
 * @param width columns of the terminal, at which sentences break. @default never: a file or a pipe
 */
export function paperLines(report: PaperReport, width = Number.POSITIVE_INFINITY): string[] {
  return [
    ...brokenAt(width, machineLines(report)),
    ...paperSections(report).flatMap((section) => [
      ...['', ...brokenAt(width, [escaped(`${section.title}:`)])],
      ...table(alignedLines, section),
      ...brokenAt(width, section.notes.map(escaped)),
    ]),
    '',
    ...brokenAt(width, closingSentences(report).map(escaped)),
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
    ...closingSentences(report).map((line) => escaped(`- ${line}`)),
  ];
}

/** The rows of a section, in one form or another. */
function table(form: typeof alignedLines, { header, rows, words }: Section): string[] {
  return form([header, ...rows], (i) => words.includes(i));
}
