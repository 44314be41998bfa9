import { argumentError, checkOptionNames } from '../../lib/checks/options.js';
import { BitnetError } from '../../lib/errors.js';
import { smallestOf } from '../../lib/extremes.js';
import { type OpenedMeter, openMeter } from '../../lib/machine/energy/open-meter.js';
import { describePeaks, type Peaks } from '../../lib/machine/peaks.js';
import { cpuInfo } from '../../lib/native.js';
import { type RunOptions, runPlan } from '../bench.js';
import { type BenchOptions, type BenchPlan, benchPlan } from '../options.js';
import type { BenchReport } from '../report/report.js';
import { type ShapeName, shapes } from '../synth/shapes.js';
import type { Setting } from '../trial/setting.js';
import { testLabel } from '../trial/tests.js';
import { batchRows } from './batches.js';
import { claims } from './claims.js';
import { crossovers } from './crossovers.js';
import { doubts } from './limits.js';
import {
  allTests,
  estimateSeconds,
  type FormatPlan,
  formatPlan,
  leastRepetitions,
  paperFormats,
  paperTests,
  repetitionsWithin,
  slownessOf,
} from './plan.js';
import { paperSizes } from './published.js';
import type { PaperReport } from './report.js';
import { bestPeaks, ofFormat, type SizeResults, sizeRows } from './sizes.js';

/** What a paper bench is about to do. */
export interface PaperProgress {
  readonly size: ShapeName;
  /** In words. */
  readonly step: string;
  /** Of all, from 0 to 1. */
  readonly fraction: number;
  /** Probably. */
  readonly secondsLeft: number;
}

export interface PaperOptions extends Pick<BenchOptions, 'autotune' | 'command' | 'signal'> {
  /**
   * Sizes to measure.
   * @default those of the papers
   */
  readonly sizes?: readonly ShapeName[] | undefined;
  /**
   * Bytes that sequences shall fit into, beside a model.
   * @default the memory of this machine
   */
  readonly memory?: number | undefined;
  /**
   * Time for all of it; sizes that it does not suffice for are left out, and named.
   * @default 10
   */
  readonly minutes?: number | undefined;
  /** @default the cores this process may use */
  readonly threads?: number | undefined;
  /**
   * Kernel or instruction set.
   * @default as of `bench`
   */
  readonly kernel?: string | undefined;
  /** Called before each step. */
  readonly onProgress?: ((progress: PaperProgress) => void) | undefined;
}

const optionNames = [
  'sizes',
  'memory',
  'minutes',
  'threads',
  'kernel',
  'autotune',
  'command',
  'signal',
  'onProgress',
];

/** Part of the free memory that the models of a size are loaded into. */
const usablePart = 0.8;

/** What the time of sizes is estimated with, to share it out. */
const usualRepetitions = 3;

/** Sizes of crossovers first, the more telling pair before the others: what is left out for lack of time is of less use. */
const byUse: readonly ShapeName[] = ['3b', '13b', '7b', '70b', '30b', '700m', '1.3b', '3.9b'];

/** A size before it is measured. */
interface SizePlan {
  readonly size: ShapeName;
  readonly formats: readonly FormatPlan[];
}

/**
 * Measures synthetic models in the sizes of the BitNet papers, in FP16, Q4_0 and ternary, and puts what was found beside what was
 * published. Few layers are run and all of them extrapolated where models are large; the formats of a size take turns. After `minutes`
 * it ends with what there is.
 *
 * @throws ERR_BITNET_ARGUMENT, ERR_BITNET_MEMORY, ERR_BITNET_TIME when not even one size was measured, ERR_BITNET_ABORTED with the
 *   tables of the sizes that were measured as `error.result`, unless there was none yet
 */
export async function benchPaper(
  options: PaperOptions = {},
  open: () => OpenedMeter = openMeter,
): Promise<PaperReport> {
  const { sizes = paperSizes, minutes = 10, memory } = options;
  check(options);
  const begin = performance.now();
  const date = new Date().toISOString();
  const elapsed = () => (performance.now() - begin) / 1000;
  const limit = 60 * minutes;
  const cut: string[] = [];
  const plans = await planSizes(sizes, options.kernel ?? '', cut);
  const found: { size: SizeResults; report: BenchReport }[] = [];
  const weights = plans.map(({ formats }) => estimateSeconds(formats, usualRepetitions));
  const sum = (numbers: readonly number[]) => numbers.reduce((all, one) => all + one, 0);
  const tables = () => {
    const inOrder = found.toSorted((a, b) => place(a.size.size) - place(b.size.size));
    return paperReport(inOrder, {
      ...{ date, command: options.command ?? null },
      budgetBytes: memory ?? found[0]!.report.machine.memoryBytes,
      timeBox: { limitSeconds: limit, usedSeconds: elapsed(), cut },
    });
  };
  let slowness = 1;
  for (const [i, plan] of plans.entries()) {
    const left = limit - elapsed();
    const expected = (repetitions: number) => slowness * estimateSeconds(plan.formats, repetitions);
    const rest = sum(weights.slice(i));
    const share = (left * weights[i]!) / rest;
    if (expected(leastRepetitions) > left) {
      cut.push(noTime(plan.size, expected(leastRepetitions), left));
      continue;
    }
    const repetitions = repetitionsWithin(expected, share);
    const from = elapsed();
    const progress = (step: string, fraction: number) => {
      const used = elapsed();
      const probably = Math.min(slowness * rest - (used - from), limit - used);
      options.onProgress?.({
        ...{ size: plan.size, step, secondsLeft: Math.max(0, probably) },
        fraction: (sum(weights.slice(0, i)) + fraction * weights[i]!) / sum(weights),
      });
    };
    const isLate = () => elapsed() - from > share;
    const run = { secondsLeft: left, isLate, onProgress: progress };
    const report = await measureSize(plan, repetitions, options, run, open).catch((error) => {
      for (const { size } of plans.slice(i)) cut.push(`${size}: interrupted.`);
      const result = found.length > 0 ? { ...tables(), cut: true } : undefined;
      throw options.signal?.aborted ? Object.assign(error, { result }) : error;
    });
    if (!report) {
      cut.push(noTime(plan.size, undefined, left));
      continue;
    }
    found.push({ report, size: resultsOf(plan, report) });
    slowness = slownessOf(plan.formats, report.results, elapsed() - from);
  }
  if (found.length === 0) throw nothingMeasured(cut, plans.length > 0);
  return tables();
}

function check(options: PaperOptions): void {
  checkOptionNames(options, optionNames);
  const { sizes = paperSizes, minutes = 10, memory = 1 } = options;
  const unknown = sizes.find((size) => !Object.hasOwn(shapes, size));
  if (sizes.length === 0 || unknown !== undefined) {
    const names = `one or more of ${Object.keys(shapes).join(', ')}`;
    throw argumentError(names, 'option sizes', unknown ?? sizes);
  }
  if (!(minutes > 0 && minutes <= 1440)) {
    throw argumentError('minutes, above 0 and at most 1440,', 'option minutes', minutes);
  }
  if (!(Number.isSafeInteger(memory) && memory > 0)) {
    throw argumentError('a number of bytes', 'option memory', memory);
  }
}

/** What is run of each size, the most telling first; what does not fit is told in `cut`. */
async function planSizes(
  sizes: readonly ShapeName[],
  kernel: string,
  cut: string[],
): Promise<SizePlan[]> {
  const available = usablePart * process.availableMemory();
  const plans: SizePlan[] = [];
  for (const size of [...new Set(sizes)].sort((a, b) => use(a) - use(b))) {
    const formats: FormatPlan[] = [];
    for (const format of paperFormats) {
      const plan = await formatPlan(size, format, available, kernel);
      if (typeof plan === 'string') cut.push(`${size} ${format}: ${plan}.`);
      else formats.push(plan);
    }
    if (formats.length > 0) plans.push({ size, formats });
  }
  return cheapestFirst(plans);
}

/** With the quickest at the head, which tells how fast this machine is. */
function cheapestFirst(plans: readonly SizePlan[]): SizePlan[] {
  const costs = plans.map(({ formats }) => estimateSeconds(formats, leastRepetitions));
  const cheapest = plans[costs.indexOf(smallestOf(costs))];
  return plans.toSorted((a, b) => Number(b === cheapest) - Number(a === cheapest));
}

function use(size: ShapeName): number {
  const at = byUse.indexOf(size);
  return at === -1 ? byUse.length : at;
}

/** By the number of weights, which is the order of `shapes`. */
function place(size: ShapeName): number {
  return Object.keys(shapes).indexOf(size);
}

/** Runs all formats of a size by turns; undefined when the time was up before. */
async function measureSize(
  { size, formats }: SizePlan,
  repetitions: number,
  options: PaperOptions,
  {
    secondsLeft,
    ...listeners
  }: Pick<RunOptions, 'isLate' | 'onProgress'> & { readonly secondsLeft: number },
  open: () => OpenedMeter,
): Promise<BenchReport | undefined> {
  const { threads = cpuInfo().threads, kernel, autotune } = options;
  const timeout = AbortSignal.timeout(Math.ceil(1000 * secondsLeft));
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
  const models = formats.flatMap(({ format, layers }) =>
    layers.map((count) => ({ shape: size, format, layers: count })),
  );
  const plan = benchPlan({
    ...{ models, repetitions, threads: [threads], autotune },
    kernels: kernel === undefined ? undefined : [kernel],
  });
  const { nLayer } = shapes[size];
  const settings = plan.settings.map((setting, i): Setting => {
    const { layers } = models[i]!;
    const second = layers < nLayer && models[i - 1]?.format === models[i]!.format;
    return second ? { ...setting, extrapolateTo: nLayer } : setting;
  });
  const exact: BenchPlan = { ...plan, settings, tests: allTests };
  try {
    return await runPlan(exact, { ...listeners, signal, command: options.command }, open);
  } catch (error) {
    if (timeout.aborted && !options.signal?.aborted) return undefined;
    throw error;
  }
}

/** The results for all layers. */
function resultsOf({ size, formats }: SizePlan, report: BenchReport): SizeResults {
  const { results } = report;
  const whole = results.filter(({ shape }) => shape.nLayer === shapes[size].nLayer);
  return {
    size,
    peaks: peaksOf(report),
    formats: formats.map(({ format, embeddingBytes, modeledJoules }) => {
      const find = (label: string) =>
        whole.find((result) => result.format === format && result.test === label)!;
      const decode = find(testLabel(paperTests.decode));
      const { ternary, dense, head, norms } = decode.memory;
      return {
        ...{ format, modeledJoules },
        modelBytes: embeddingBytes + ternary + dense + head + norms,
        prefill: find(testLabel(paperTests.prefill)),
        decode,
        batches: paperTests.batches.map((test) => find(testLabel(test))),
      };
    }),
  };
}

/** Puts the tables together. */
function paperReport(
  found: readonly { readonly size: SizeResults; readonly report: BenchReport }[],
  rest: Pick<PaperReport, 'date' | 'command' | 'budgetBytes' | 'timeBox'>,
): PaperReport {
  const all = found.map(({ size }) => size);
  const peaks = bestPeaks(all);
  const { machine, build } = found[0]!.report;
  const sizes = sizeRows(all);
  const pairs = crossovers(sizes);
  const wholes = sizes.flatMap(({ size, formats }) => {
    const ratio = ofFormat(formats, 'i2_s')?.ratios?.memory;
    return ratio === undefined ? [] : [{ size, ratio }];
  });
  return {
    ...rest,
    machine: { ...machine, ...describePeaks([peaks]) },
    build,
    sizes,
    crossovers: pairs,
    batches: batchRows(all, rest.budgetBytes),
    claims: claims({ whole: wholes.at(-1) ?? null, gbPerSecond: peaks.gbPerSecond }),
    warnings: doubts(all, pairs),
    results: found.flatMap(({ report }) => report.results),
  };
}

function peaksOf({ machine: { readBandwidth, multiplyPeak } }: BenchReport): Peaks {
  const [{ threads, gbPerSecond }] = readBandwidth as [BenchReport['machine']['readBandwidth'][0]];
  return { threads, gbPerSecond, gmacPerSecond: multiplyPeak[0]!.gmacPerSecond };
}

function noTime(size: string, expected: number | undefined, left: number): string {
  const seconds = (n: number) => `${Math.max(0, n).toFixed(0)} s`;
  if (expected === undefined)
    return `${size}: not finished in the ${seconds(left)} that were left.`;
  return `${size}: would take about ${seconds(expected)}, and ${seconds(left)} were left.`;
}

function nothingMeasured(cut: readonly string[], triedAny: boolean): BitnetError {
  const [code, what, remedy] = triedAny
    ? (['ERR_BITNET_TIME', 'time', 'Allow more minutes (--minutes)'] as const)
    : (['ERR_BITNET_MEMORY', 'memory', 'End other programs'] as const);
  return new BitnetError(
    code,
    `Expected ${what} for at least one size, but: ${cut.join(' ')} ${remedy}, or choose a smaller size (--shape).`,
  );
}
