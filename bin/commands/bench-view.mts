import { basename } from 'node:path';
import { type Column, columnsFor, kernelName } from '../../bench/report/columns.js';
import { digits, significant } from '../../bench/report/numbers.js';
import type { BenchReport, BenchResult } from '../../bench/report/report.js';
import { bytes } from '../../lib/byte-size.js';
import { count } from '../../lib/count.js';
import { largestOf, smallestOf } from '../../lib/extremes.js';
import { escaped } from '../escape.mjs';
import { wrapped } from '../word-wrap.mjs';
import { alignedLines, markdownTable } from './bench-tables.mjs';

/** Characters of the longest bar. */
const barLength = 12;

/** Memory of a trial that is not the model's. */
const processParts = ['node', 'scratch', 'mappedFile'];

/**
 * A report as lines: the machine, then model by model a table.
 *
 * @param width columns of the terminal; tables are no wider. @default as wide as they are: a file or a pipe
 */
export function benchLines(report: BenchReport, width = Number.POSITIVE_INFINITY): string[] {
  return [
    ...brokenAt(width, machineLines(report)),
    ...modelsOf(report).flatMap((results) => [
      '',
      ...brokenAt(width, modelLines(results)),
      '',
      ...fittedTable(columnsWithBars(results, report), results, width),
      ...brokenAt(width, aboveLimit(results)),
    ]),
  ];
}

/** The same in Markdown. */
export function markdownLines(report: BenchReport): string[] {
  return [
    ...machineLines(report).map((line) => `- ${line}`),
    ...commandLines(report),
    ...modelsOf(report).flatMap((results) => [
      ...['', modelLines(results).join('; '), ''],
      ...table(markdownTable, columnsFor(results), results),
    ]),
  ];
}

/** The command in Markdown, where there was one. */
export function commandLines({ command }: BenchReport): string[] {
  return command === null ? [] : [`- \`${escaped(command)}\``];
}

/** Tests whose samples spread so much that a comparison means little. */
export function noisyTests({ results }: BenchReport): string[] {
  return [...new Set(results.filter(({ noisy }) => noisy).map(({ test }) => test))];
}

/** The machine, what limits it and what energy was. */
export function machineLines({ machine, build, results, cut }: BenchReport): string[] {
  const { multiplyInstruction } = machine;
  const on = (threads: number) => `on ${count(threads, 'thread')}`;
  const reads = machine.readBandwidth.map(
    ({ threads, gbPerSecond }) => `${gbPerSecond.toFixed(1)} GB/s ${on(threads)}`,
  );
  const multiplies = machine.multiplyPeak.map(
    ({ threads, gmacPerSecond }) => `${gmacPerSecond.toFixed(0)} GMAC/s ${on(threads)}`,
  );
  return [
    `${machine.cpu}, ${machine.usableCores} of ${count(machine.cores, 'core')}, ${bytes(machine.memoryBytes)}`,
    `reads ${reads.join(', ')}`,
    `multiplies int8 with ${multiplyInstruction}: ${multiplies.join(', ')}`,
    `bitnet ${build.version}, ${build.compiler}, Node ${build.node}`,
    ...energyLines(results),
    ...(cut ? ['cut: interrupted, so that tests are missing or have fewer repetitions'] : []),
  ].map(escaped);
}

/** Where each of the kinds of energy comes from. */
function energyLines(results: readonly BenchResult[]): string[] {
  const lines = results.flatMap(({ energyReason, assumedWatts, ...result }) => [
    measuredEnergy(result),
    energyReason && `energy: not measured: ${energyReason}`,
    assumedWatts && `assumed energy: not measured, ${significant(assumedWatts)} W as stated`,
  ]);
  const modeled =
    'modeled energy: not measured, arithmetic alone in a 7 nm chip by published tables';
  return [...new Set(lines)].filter((line) => typeof line === 'string').concat(modeled);
}

function measuredEnergy(
  result: Pick<BenchResult, 'energySource' | 'energyResolution' | 'idleWatts'>,
): string | null {
  const { energySource, energyResolution, idleWatts } = result;
  if (energySource === null) return null;
  const every = energyResolution === null ? '' : `, a number each ${energyResolution} s`;
  const idle = idleWatts === null ? '' : `, ${digits(idleWatts)} W when idle`;
  return `energy: ${energySource}${every}${idle}`;
}

/** The results of each model. */
function modelsOf({ results }: BenchReport): BenchResult[][] {
  const models = [...new Set(results.map(({ model }) => model))];
  return models.map((model) => results.filter((result) => result.model === model));
}

/** What a model is, and where its memory went: a line for each kernel that packs it in another way. */
function modelLines(results: readonly BenchResult[]): string[] {
  const [{ model, shape, format, extrapolated }] = results as readonly [BenchResult];
  const name = `${basename(model)}: ${[shape.name, format, count(shape.nLayer, 'layer')].filter(Boolean).join(', ')}`;
  const packed = byPacking(results);
  const several = packed.length > 1;
  return [
    several ? name : `${name}, ${loadText(results)}`,
    ...(extrapolated
      ? [
          `not measured: extended on a straight line from ${extrapolated.layers.join(' and ')} layers`,
        ]
      : []),
    ...packed.map((own) => {
      const memory = memoryText(own[0]!);
      return several ? `${kernelName(own[0]!)}: ${loadText(own)}; ${memory}` : memory;
    }),
  ].map(escaped);
}

/** Results by kernel and the bytes that its packing takes, which differ under one name where shapes have kernels of their own. */
function byPacking(results: readonly BenchResult[]): BenchResult[][] {
  const groups = new Map<string, BenchResult[]>();
  for (const result of results) {
    const { ternary, dense, head } = result.memory;
    const key = [kernelName(result), ternary, dense, head].join();
    groups.set(key, [...(groups.get(key) ?? []), result]);
  }
  return [...groups.values()];
}

/** Each process loads its model: one with other threads in another time. */
function loadText(results: readonly BenchResult[]): string {
  const times = results.map(({ loadMilliseconds }) => loadMilliseconds);
  const shown = [smallestOf(times), largestOf(times)].map((ms) => (ms / 1000).toFixed(2));
  return `loaded in ${[...new Set(shown)].join(' to ')} s`;
}

/** The model's own memory; what else its process has. */
function memoryText({ memory: { anonymousRss, ...parts } }: BenchResult): string {
  const part = (own: boolean) =>
    Object.entries(parts)
      .filter(([name, size]) => size && own !== processParts.includes(name))
      .map(([name, size]) => `${name} ${bytes(size as number)}`);
  return [part(true), part(false)]
    .filter(({ length }) => length > 0)
    .map((texts) => texts.join(', '))
    .join('; ');
}

/** For tests with several results, a bar for each, relative to the best. */
function columnsWithBars(results: readonly BenchResult[], report: BenchReport): Column[] {
  const best = new Map<string, number>();
  for (const { test, tokensPerSecond } of report.results) {
    best.set(test, Math.max(best.get(test) ?? 0, tokensPerSecond.median));
  }
  if (report.results.length === best.size) return columnsFor(results);
  const bar = ({ test, tokensPerSecond: { median } }: BenchResult) =>
    '█'.repeat(Math.max(1, Math.round((barLength * median) / best.get(test)!)));
  return [...columnsFor(results), { title: '', cell: bar, text: true }];
}

/** Results in columns, in one form or another. */
function table(
  form: typeof alignedLines,
  columns: readonly Column[],
  results: readonly BenchResult[],
): string[] {
  const rows = results.map((result) => columns.map(({ cell }) => cell(result)));
  return form([columns.map(({ title }) => title), ...rows], (i) => columns[i]!.text === true);
}

/** Why a result may be above the limit of the machine; nothing where none is. */
function aboveLimit(results: readonly BenchResult[]): string[] {
  const above = results.some(({ fractionOfReadBandwidth: part }) => part !== null && part > 1);
  return above
    ? ['above 100 % read: what stays in the caches is read faster than 512 MiB from memory']
    : [];
}

/** The lines, those that are wider than the terminal broken between words. */
export function brokenAt(width: number, lines: readonly string[]): string[] {
  return lines.flatMap((line) => wrapped(line, width).split('\n'));
}

/** What is left out of a table that is wider than the terminal, in this order. */
const dispensable = [
  ...['', 'modeled mJ', 'peak RSS', 'first token', 'assumed J', 'GB/s', 'net J/token', 'watts'],
  ...['ms/token', 'J/token', 'of limit', 'kernel'],
];

/** As many columns as there is room for, and which ones are missing. */
function fittedTable(
  all: readonly Column[],
  results: readonly BenchResult[],
  width: number,
): string[] {
  let columns = all;
  let lines = table(alignedLines, columns, results);
  for (const title of dispensable) {
    if (lines.every((line) => line.length <= width)) break;
    columns = columns.filter((column) => column.title !== title);
    lines = table(alignedLines, columns, results);
  }
  const missing = all.filter((column) => column.title !== '' && !columns.includes(column));
  if (missing.length === 0) return lines;
  const names = missing.map(({ title }) => title).join(', ');
  return [...lines, ...brokenAt(width, [`not shown here: ${names} (-o md has all)`])];
}
