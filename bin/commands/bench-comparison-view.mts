import type { Change, Comparison } from '../../bench/report/compare.js';
import { rateText } from '../../bench/report/numbers.js';
import { escaped } from '../escape.mjs';
import { alignedLines } from './bench-tables.mjs';

/** A comparison as lines: a table of what both reports have, then what only one has. */
export function comparisonLines({ changes, onlyOld, onlyNew, machine }: Comparison): string[] {
  const header = ['model', 'test', 'threads', 'old tokens/s', 'new tokens/s', 'change', ''];
  const rows = changes.length > 0 ? [header, ...changes.map(row)] : [];
  return [
    ...machine.map((text) => escaped(`machine: ${text}`)),
    ...alignedLines(rows, (i) => i < 2 || i === 6),
    ...onlyOld.map((name) => escaped(`only in the old report: ${name}`)),
    ...onlyNew.map((name) => escaped(`only in the new report: ${name}`)),
  ];
}

function row(change: Change): string[] {
  const { oldKernel, newKernel, ratio, ratioError, withinNoise } = change;
  const percent = (part: number) => (100 * part).toFixed(1);
  const notes = [
    withinNoise === null ? 'one sample: noise or not is unknown' : '',
    withinNoise ? 'within noise' : '',
    oldKernel === newKernel ? '' : `${oldKernel} → ${newKernel}`,
    ...change.differences,
  ];
  return [
    `${change.model} ${change.format}`,
    change.test,
    String(change.threads),
    ...[rateText(change.oldTokensPerSecond), rateText(change.newTokensPerSecond)],
    `${ratio < 1 ? '−' : '+'}${percent(Math.abs(ratio - 1))}${ratioError === null ? '' : ` ± ${percent(ratioError)}`} %`,
    notes.filter(Boolean).join('; '),
  ];
}
