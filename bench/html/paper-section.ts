import type { PaperReport } from '../paper/report.js';
import { closingSentences, paperSections, type Section } from '../paper/sections.js';
import { type Markup, markup } from './markup.js';
import { wideTable } from './wide-table.js';

/** The tables of the papers, as the terminal has them, with their claims and doubts. */
export function paperSection(report: PaperReport): Markup {
  return markup`
<section>
<h2>The papers’ tables on this machine</h2>${paperSections(report).map(table)}
<h3>Claims, doubts, omissions</h3>
<ul>${closingSentences(report).map(
    (sentence) => markup`
<li>${sentence}</li>`,
  )}
</ul>
</section>`;
}

function table({ title, header, rows, words, notes }: Section): Markup {
  const columns = header.map((name, i) => ({ title: name, text: words.includes(i) }));
  return markup`
<h3>${title}</h3>${wideTable(title, columns, rows)}${notes.map(
    (note) => markup`
<p class="missing">${note}</p>`,
  )}`;
}
