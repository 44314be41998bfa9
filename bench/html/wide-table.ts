import { type Markup, markup } from './markup.js';

export interface WideColumn {
  readonly title: string;
  /** Text stands on the left, numbers on the right. */
  readonly text?: boolean | undefined;
}

/** A table as wide as the window; where it is wider, its edge is shaded and a sentence says that it scrolls. */
export function wideTable(
  label: string,
  columns: readonly WideColumn[],
  rows: readonly (readonly string[])[],
): Markup {
  const kind = (i: number) => (columns[i]!.text ? 'text' : 'number');
  const row = (cells: readonly string[]) => markup`
<tr>${cells.map((cell, i) => markup`<td class="${kind(i)}">${cell}</td>`)}</tr>`;
  return markup`
<div class="wide">
<p class="hint">${columns.length} columns, the last of them “${columns.findLast(({ title }) => title !== '')!.title}”: scroll sideways where the edge is shaded.</p>
<div class="scroll" role="region" aria-label="${label}" tabindex="0">
<table>
<thead><tr>${columns.map(({ title }, i) => markup`<th scope="col" class="${kind(i)}">${title}</th>`)}</tr></thead>
<tbody>${rows.map(row)}
</tbody>
</table>
</div>
</div>`;
}
