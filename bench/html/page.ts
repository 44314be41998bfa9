import { isPaperReport } from '../paper/report.js';
import type { BenchReport } from '../report/report.js';
import { htmlDocument } from './document.js';
import { energyPlots } from './energy-plots.js';
import { limitPlots } from './limit-plots.js';
import { machineList } from './machine-list.js';
import { markup } from './markup.js';
import { fileName } from './names.js';
import { numbersTable } from './numbers-table.js';
import { paperSection } from './paper-section.js';
import { partSection } from './part.js';
import { sequencePlots } from './sequence-plots.js';
import { sizePlots } from './size-plots.js';
import { threadPlots } from './thread-plots.js';

/** A report to look at: one HTML file with plots, all numbers and the machine they are from. */
export function benchPage(report: BenchReport): string {
  const { date, machine, results } = report;
  const parts = [sizePlots, limitPlots, threadPlots, sequencePlots, energyPlots].map((part) =>
    part(report),
  );
  const [day] = date.split('T');
  const title = isPaperReport(report) ? 'the papers’ tables' : modelNames(results);
  const noisy = results.some((result) => result.noisy)
    ? markup`<p>Samples of results called noisy vary by more than 5 %: something else ran on the machine.</p>`
    : '';
  return htmlDocument(
    `bitnet bench: ${title}, ${machine.cpu}, ${day!}`,
    markup`
<header><h1>bitnet bench: ${title}</h1><p>${machine.cpu}, ${day!}</p></header>
<main>${isPaperReport(report) ? paperSection(report) : ''}${parts.map(partSection)}
<section>
<h2>Numbers</h2>
${noisy}${numbersTable(results)}
</section>
<section>
<h2>Machine and command</h2>${machineList(report)}
</section>
</main>`,
  );
}

/** Names in a title: more are counted. */
const mostNames = 3;

function modelNames(results: BenchReport['results']): string {
  const names = [
    ...new Set(results.map((result) => fileName(result).replace(/^synthetic |\.gguf$/gi, ''))),
  ];
  if (names.length === 0) return 'no results';
  if (names.length <= mostNames) return names.join(', ');
  return `${names.slice(0, mostNames - 1).join(', ')} and ${names.length - mostNames + 1} more`;
}
