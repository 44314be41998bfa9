import { bytes } from '../../lib/byte-size.js';
import { type Column, columnsFor } from '../report/columns.js';
import type { BenchResult } from '../report/report.js';
import { extrapolationOf } from './by-size.js';
import { type Markup, markup } from './markup.js';
import { fileName, formatName, parametersOf } from './names.js';
import { parametersText } from './plot/tick-text.js';
import { heldBytes } from './size-plots.js';
import { wideTable } from './wide-table.js';

/** What the table in a terminal says above its rows. */
const modelColumns: readonly Column[] = [
  { title: 'model', cell: fileName, text: true },
  { title: 'format', cell: formatName, text: true },
  { title: 'parameters', cell: ({ shape }) => parametersText(parametersOf(shape)) },
  { title: 'weights + KV', cell: ({ memory }) => bytes(heldBytes(memory)) },
];

/** What makes a number worth less; beside the test, where nobody overlooks it. */
const noteColumn: Column = {
  title: 'note',
  cell: (result) =>
    [result.noisy ? 'noisy' : '', extrapolationOf(result)].filter(Boolean).join(', '),
  text: true,
  wanted: (result) => result.noisy || result.extrapolated !== null,
};

/** A row for each result. */
export function numbersTable(results: readonly BenchResult[]): Markup {
  if (results.length === 0) return markup`<p class="missing">The report has no results.</p>`;
  const [test, ...rest] = columnsFor(results);
  const note = results.some(noteColumn.wanted!) ? [noteColumn] : [];
  const columns = [...modelColumns, test!, ...note, ...rest];
  const rows = results.map((result) => columns.map(({ cell }) => cell(result)));
  return wideTable('All numbers', columns, rows);
}
