import { bytes } from '../../byte-size.js';
import { columnsFor } from '../columns.js';
import type { BenchResult } from '../report.js';
import { extrapolationOf } from './by-size.js';
import { type Markup, markup } from './markup.js';
import { fileName, formatName, parametersOf } from './names.js';
import { parametersText } from './plot/tick-text.js';
import { heldBytes } from './size-plots.js';

/** What the table in a terminal says above its rows. */
const modelColumns = [
  { title: 'model', cell: fileName, text: true },
  { title: 'format', cell: formatName, text: true },
  {
    title: 'parameters',
    cell: ({ shape }: BenchResult) => parametersText(parametersOf(shape)),
    text: false,
  },
  {
    title: 'weights + KV',
    cell: ({ memory }: BenchResult) => bytes(heldBytes(memory)),
    text: false,
  },
];

/** A row for each result. */
export function numbersTable(results: readonly BenchResult[]): Markup {
  if (results.length === 0) return markup`<p class="missing">The report has no results.</p>`;
  const columns = [...modelColumns, ...columnsFor(results)];
  const kind = (text: boolean | undefined) => (text ? 'text' : 'number');
  const row = (result: BenchResult) => markup`
<tr>${columns.map(({ cell, text }) => markup`<td class="${kind(text)}">${cell(result)}</td>`)}${note(result)}</tr>`;
  return markup`
<div class="scroll" role="region" aria-label="All numbers" tabindex="0">
<table>
<thead><tr>${columns.map(({ title, text }) => markup`<th scope="col" class="${kind(text)}">${title}</th>`)}<th scope="col">note</th></tr></thead>
<tbody>${results.map(row)}
</tbody>
</table>
</div>`;
}

function note(result: BenchResult): Markup {
  const notes = [result.noisy ? 'noisy' : '', extrapolationOf(result)];
  return markup`<td>${notes.filter(Boolean).join(', ')}</td>`;
}
