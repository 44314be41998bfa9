import { better, type Peaks } from '../../lib/machine/peaks.js';
import { relativeError } from '../report/estimate.js';
import type { BenchResult } from '../report/report.js';
import { spread } from '../report/spread.js';
import { type ShapeName, shapes } from '../synth/shapes.js';
import {
  type Published,
  publishedLatency,
  publishedMeasuredEnergy,
  publishedMemory,
  publishedModeledEnergy,
} from './published.js';
import type { Cell, Comparison, FormatRow, PaperFormat, Ratios, SizeRow } from './report.js';

/** What was measured of one format of a size: results for all layers, whether measured or extrapolated. */
export interface FormatResults {
  readonly format: PaperFormat;
  /** Bytes of the model as the engine held it. */
  readonly modelBytes: number;
  /** Joules of a token by the paper's model. */
  readonly modeledJoules: number;
  readonly prefill: BenchResult;
  readonly decode: BenchResult;
  /** Decoding with several sequences, fewer first. */
  readonly batches: readonly BenchResult[];
}

export interface SizeResults {
  readonly size: ShapeName;
  /** Limits of the machine around the measurements of this size. */
  readonly peaks: Peaks;
  readonly formats: readonly FormatResults[];
}

/** Published ratios whose FP16 model has another size than the ternary one: table 1 sets the 3.9B beside the FP16 3B. */
const publishedAgainst: Partial<Record<ShapeName, ShapeName>> = { '3.9b': '3b' };

const costs = ['memory', 'decode', 'prefill', 'energy'] as const;

/** The table of sizes; those that were measured, in the given order. */
export function sizeRows(all: readonly SizeResults[]): SizeRow[] {
  const measuresEnergy = all.every(({ formats }) => formats.every(hasEnergy));
  const { gbPerSecond: limit } = bestPeaks(all);
  const rows = all.map(({ formats }) =>
    formats.map((one) => formatRow(one, measuresEnergy, limit)),
  );
  const fp16 = new Map(all.map(({ size }, i) => [size, ofFormat(rows[i]!, 'f16')]));
  return all.map(({ size, peaks: { gbPerSecond } }, i) => {
    const own = fp16.get(size);
    const against = publishedAgainst[size] ?? size;
    const ternary = ofFormat(rows[i]!, 'i2_s');
    const compare = (published: Published | undefined, cost: keyof Ratios): Comparison | null => {
      if (!published) return null;
      const base = fp16.get(against);
      const here = base && ternary ? base[cost].value / ternary[cost].value : null;
      return { ...published, against, here };
    };
    const energy = measuresEnergy ? publishedMeasuredEnergy : publishedModeledEnergy;
    return {
      size,
      layers: shapes[size].nLayer,
      gbPerSecond,
      formats: rows[i]!.map((row) => ({ ...row, ratios: own ? ratiosOf(own, row) : null })),
      published: {
        memory: compare(publishedMemory[size], 'memory'),
        decode: compare(publishedLatency[size], 'decode'),
        energy: compare(energy[size], 'energy'),
      },
    };
  });
}

export function ofFormat<T extends { readonly format: PaperFormat }>(
  rows: readonly T[],
  format: PaperFormat,
): T | undefined {
  return rows.find((row) => row.format === format);
}

/** A time or rate of a result, with what the result says about where it comes from. */
export function cellOf(result: BenchResult, value: number): Cell {
  const { tokensPerSecond, samples } = result;
  const error = relativeError(tokensPerSecond, samples.length);
  return { value, ...originOf(result), error, samples: samples.length };
}

/** Bytes of a result, which are counted. */
function countedCell(result: BenchResult, value: number): Cell {
  return { value, ...originOf(result), error: 0, samples: 0 };
}

/** The measured energy of a result, as sure as its own windows are. */
function energyCell(result: BenchResult): Cell {
  const { joulesPerToken, joulesPerTokenSamples: samples } = result;
  const error = relativeError(spread(samples), samples.length);
  return { value: joulesPerToken!, ...originOf(result), error, samples: samples.length };
}

function originOf({ extrapolated }: BenchResult): Pick<Cell, 'basis' | 'layers'> {
  const basis = extrapolated ? 'extrapolated' : 'measured';
  return { basis, layers: extrapolated?.layers ?? null };
}

/** What the machine can do, as far as any of these measurements showed. */
export function bestPeaks(all: readonly SizeResults[]): Peaks {
  return all.map(({ peaks }) => peaks).reduce(better);
}

function formatRow(
  { format, modelBytes, modeledJoules, prefill, decode }: FormatResults,
  measuresEnergy: boolean,
  limit: number,
): Omit<FormatRow, 'ratios'> {
  const modeled: Cell = {
    ...{ value: modeledJoules, basis: 'modeled', layers: null, error: 0, samples: 0 },
  };
  return {
    format,
    memory: countedCell(decode, modelBytes),
    decode: cellOf(decode, decode.millisecondsPerToken),
    prefill: cellOf(prefill, prefill.millisecondsPerToken),
    energy: measuresEnergy ? energyCell(decode) : modeled,
    prefillEnergy: measuresEnergy ? energyCell(prefill) : null,
    fractionOfReadBandwidth: decode.gbPerSecond === null ? null : decode.gbPerSecond / limit,
  };
}

/** Energy is measured everywhere or modeled everywhere: the two do not compare. */
function hasEnergy({ decode, prefill }: FormatResults): boolean {
  return decode.joulesPerToken !== null && prefill.joulesPerToken !== null;
}

function ratiosOf(fp16: Omit<FormatRow, 'ratios'>, row: Omit<FormatRow, 'ratios'>): Ratios {
  const ratios = costs.map((cost) => [cost, fp16[cost].value / row[cost].value]);
  return Object.fromEntries(ratios) as Record<(typeof costs)[number], number>;
}
