import { basename } from 'node:path';
import type { BenchReport, BenchResult } from '../../lib/bench/report.js';
import { escaped } from '../terminal.mjs';

/** A standard deviation above this part of the mean is too much to compare by. */
const noisy = 0.05;

const header = ['test', 'threads', 'kernel', 'tokens/s', 'ms/token', 'GB/s', 'of read', 'peak RSS'];

/** A report as lines: the machine, then model by model a table. */
export function benchLines(report: BenchReport): string[] {
  const { machine, build, results } = report;
  const reads = machine.readBandwidth.map(
    ({ threads, gbPerSecond }) => `${gbPerSecond.toFixed(1)} GB/s on ${count(threads, 'thread')}`,
  );
  const models = [...new Set(results.map(({ model }) => model))];
  return [
    `${machine.cpu}, ${machine.usableCores} of ${count(machine.cores, 'core')}, ${bytes(machine.memoryBytes)}`,
    `reads ${reads.join(', ')}`,
    `bitnet ${build.version}, ${build.compiler}, Node ${build.node}`,
    ...models.flatMap((model) => modelLines(results.filter((result) => result.model === model))),
  ];
}

/** Tests whose samples spread so much that a comparison means little. */
export function noisyTests({ results }: BenchReport): string[] {
  const names = results
    .filter(({ tokensPerSecond: { mean, sd } }) => sd > noisy * mean)
    .map(({ test }) => test);
  return [...new Set(names)];
}

function modelLines(results: readonly BenchResult[]): string[] {
  const { model, shape, format, memory, loadMilliseconds } = results[0]!;
  const parts = Object.entries(memory).filter(([part, size]) => size && part !== 'anonymousRss');
  return [
    '',
    `${escaped(basename(model))}: ${[shape.name, format, count(shape.nLayer, 'layer')].filter(Boolean).join(', ')}, loaded in ${(loadMilliseconds / 1000).toFixed(2)} s`,
    parts.map(([part, size]) => `${part} ${bytes(size)}`).join(', '),
    '',
    ...table([header, ...results.map(row)]),
  ];
}

function row(result: BenchResult): string[] {
  const { test, threads, kernel, tokensPerSecond: rate, gbPerSecond } = result;
  const { fractionOfReadBandwidth: fraction, peakRssBytes } = result;
  return [
    test,
    String(threads),
    kernel.ternary,
    `${digits(rate.median)} ± ${digits(rate.sd)}`,
    digits(result.millisecondsPerToken),
    gbPerSecond === null ? '–' : digits(gbPerSecond),
    fraction === null ? '–' : `${(100 * fraction).toFixed(0)} %`,
    peakRssBytes === null ? '–' : bytes(peakRssBytes),
  ];
}

/** Columns under each other: text on the left, from `tokens/s` on numbers on the right. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = header.map((_, i) => Math.max(...rows.map((cells) => cells[i]!.length)));
  const pad = (cell: string, i: number) =>
    i === 0 || i === 2 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!);
  return rows.map((cells) => cells.map(pad).join('  ').trimEnd());
}

/** Three significant digits or, from 100 on, all before the point. */
function digits(value: number): string {
  const whole = Math.max(1, Math.floor(Math.log10(Math.max(1, value))) + 1);
  return value.toFixed(Math.max(0, 3 - whole));
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}

function bytes(size: number): string {
  const [unit, name] =
    size < 2 ** 20 ? [2 ** 10, 'KiB'] : size < 2 ** 30 ? [2 ** 20, 'MiB'] : [2 ** 30, 'GiB'];
  return `${(size / unit).toFixed(name === 'GiB' ? 2 : 0)} ${name}`;
}
