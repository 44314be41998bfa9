import type { BenchReport } from '../report.js';
import { htmlDocument } from './document.js';
import { energyPlots } from './energy-plots.js';
import { limitPlots } from './limit-plots.js';
import { machineList } from './machine-list.js';
import { markup } from './markup.js';
import { numbersTable } from './numbers-table.js';
import { partSection } from './part.js';
import { sequencePlots } from './sequence-plots.js';
import { sizePlots } from './size-plots.js';

/** A report to look at: one HTML file with plots, all numbers and the machine they are from. */
export function benchPage(report: BenchReport): string {
  const { date, machine, results } = report;
  const parts = [sizePlots, limitPlots, sequencePlots, energyPlots].map((part) => part(report));
  const [day] = date.split('T');
  const noisy = results.some((result) => result.noisy)
    ? markup`<p>Samples of results called noisy vary by more than 5 %: something else ran on the machine.</p>`
    : '';
  return htmlDocument(
    `bitnet bench, ${machine.cpu}, ${day!}`,
    markup`
<header><h1>bitnet bench</h1><p>${machine.cpu}, ${day!}</p></header>
<main>${parts.map(partSection)}
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
