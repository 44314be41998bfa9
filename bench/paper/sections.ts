import { gigabytes } from '../../lib/byte-size.js';
import { digits, significant } from '../report/numbers.js';
import { shapes } from '../synth/shapes.js';
import type {
  BatchRow,
  Cell,
  Comparison,
  Crossover,
  CrossoverRow,
  FormatRow,
  PaperReport,
  SizeRow,
} from './report.js';

/** A table with what it is about and what one must know to read it. */
export interface Section {
  readonly title: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Columns of words, which stand on the left. */
  readonly words: readonly number[];
  readonly notes: readonly string[];
}

const none = '–';

const formatNames = { f16: 'FP16', q4_0: 'Q4_0', i2_s: 'ternary' } as const;

/** The tables of a report; docs/cli/bench.md explains each column. */
export function paperSections(report: PaperReport): Section[] {
  return [
    sizeSection(report.sizes),
    energySection(report.sizes),
    ...(report.crossovers.length > 0 ? [crossoverSection(report.crossovers)] : []),
    batchSection(report),
  ];
}

function sizeSection(sizes: readonly SizeRow[]): Section {
  return {
    title: 'Memory and latency of FP16, 4-bit and ternary weights',
    header: [
      ...['size', 'weights', 'GB', 'FP16 ÷', 'paper', 'ms/token', 'FP16 ÷', 'paper', 'of read'],
      ...['prompt ms/token', 'FP16 ÷', 'from'],
    ],
    rows: sizes.flatMap((row) => row.formats.map((format) => sizeCells(row, format))),
    words: [0, 1, 11],
    notes: [
      'GB: weights, embedding and norms as held, without keys and values; ms/token: decoding one text, prompts apart. FP16 and Q4_0 are run by this engine as well.',
      ...publishedNotes(sizes),
    ],
  };
}

function sizeCells({ size, layers, published }: SizeRow, row: FormatRow): string[] {
  const { format, memory, decode, prefill, ratios, fractionOfReadBandwidth } = row;
  const paper = (comparison: Comparison | null) =>
    format === 'i2_s' ? publishedText(comparison, size) : '';
  return [
    format === 'f16' ? size : '',
    formatNames[format],
    (memory.value / 1e9).toFixed(2),
    times(ratios?.memory),
    paper(published.memory),
    significant(decode.value),
    times(ratios?.decode),
    paper(published.decode),
    percent(fractionOfReadBandwidth),
    significant(prefill.value),
    times(ratios?.prefill),
    origin(decode, layers),
  ];
}

/** What hardware published ratios are from, and which are against another size. */
function publishedNotes(sizes: readonly SizeRow[]): string[] {
  const found = sizes.flatMap(({ size, published: { memory, decode } }) =>
    [memory, decode].flatMap((one) => (one ? [{ size, ...one }] : [])),
  );
  const other = found.find(({ size, against }) => size !== against);
  return [
    ...(found.length > 0
      ? [
          `Paper: FP16 ÷ ternary in ${found[0]!.source.split(', table')[0]}, on a GPU, with keys, values and buffers in its memory.`,
        ]
      : []),
    ...(other
      ? [
          `The paper sets ${other.size} beside FP16 in ${other.against}; in brackets the same ratio here.`,
        ]
      : []),
  ];
}

function energySection(sizes: readonly SizeRow[]): Section {
  const modeled = sizes[0]!.formats[0]!.energy.basis === 'modeled';
  const [unit, scale] = modeled ? ['mJ', 1000] : ['J', 1];
  const cell = (row: FormatRow | undefined) => (row ? significant(scale * row.energy.value) : none);
  return {
    title: `Energy of a decoded token, ${modeled ? 'modeled' : 'measured'}`,
    header: ['size', `FP16 ${unit}`, `Q4_0 ${unit}`, `ternary ${unit}`, 'FP16 ÷', 'paper', 'from'],
    rows: sizes.map(({ size, layers, formats, published }) => {
      const [fp16, fourBit, ternary] = (['f16', 'q4_0', 'i2_s'] as const).map((format) =>
        formats.find((row) => row.format === format),
      );
      return [
        size,
        ...[cell(fp16), cell(fourBit), cell(ternary)],
        times(ternary?.ratios?.energy),
        publishedText(published.energy, size),
        origin((ternary ?? formats[0]!).energy, layers),
      ];
    }),
    words: [0, 6],
    notes: modeled
      ? [
          "Nothing here counts energy: the paper's own model, arithmetic alone in a 7 nm chip at 512 positions, without memory and output head. No evidence about this machine.",
        ]
      : ['Paper: bitnet.cpp on a laptop, against llama.cpp in FP16.'],
  };
}

const costs: Record<CrossoverRow['cost'], string> = {
  memory: 'memory, GB',
  decode: 'decode, ms/token',
  prefill: 'prompt, ms/token',
  energy: 'decode energy, mJ',
  prefillEnergy: 'prompt energy, mJ',
};

const costScale: Record<CrossoverRow['cost'], number> = {
  ...{ memory: 1e-9, decode: 1, prefill: 1, energy: 1000, prefillEnergy: 1000 },
};

function crossoverSection(crossovers: readonly Crossover[]): Section {
  return {
    title: 'Crossovers, whether a larger ternary model is cheaper than a smaller FP16 one',
    header: ['ternary', 'FP16', 'cost', 'ternary', 'from', 'FP16', 'from', 'ternary ÷', ''],
    rows: crossovers.flatMap(({ ternary, fp16, rows }) =>
      rows.map((row, i) => [
        ...(i === 0 ? [ternary, fp16] : ['', '']),
        costs[row.cost],
        significant(costScale[row.cost] * row.ternary.value),
        origin(row.ternary, shapes[ternary].nLayer),
        significant(costScale[row.cost] * row.fp16.value),
        origin(row.fp16, shapes[fp16].nLayer),
        row.ratio.toFixed(2),
        row.verdict === 'fails' ? 'FAILS' : row.verdict,
      ]),
    ),
    words: [0, 1, 2, 4, 6, 8],
    notes: [
      `Claimed for memory, latency and energy by ${crossovers[0]!.source}; it does not tell prompts apart.`,
    ],
  };
}

function batchSection({ batches, budgetBytes }: PaperReport): Section {
  const budget = gigabytes(budgetBytes);
  return {
    title: `Sequences side by side in ${budget}, ${batches[0]!.positions} positions each`,
    header: [
      ...['size', 'FP16', 'ternary', 'ternary ÷', 'paper'],
      ...['FP16 tokens/s', 'ternary tokens/s', 'ternary ÷', 'paper', 'tokens/s from'],
    ],
    rows: batches.map(batchCells),
    words: [0, 9],
    notes: [
      'Most sequences that fit beside the model; then the best tokens/s of all together, xN with N of them. Measured with 1, 8 and 32, a straight line between them; more are not tried.',
      'Measured at the beginning of texts: attention to 512 positions costs FP16 and ternary models the same and would bring them closer.',
      ...batches.flatMap(({ published }) =>
        published ? [`Paper: ${published.batch.source}, on two A100 GPUs with 160 GB.`] : [],
      ),
    ],
  };
}

function batchCells({
  size,
  fp16,
  ternary,
  batchRatio,
  throughputRatio,
  published,
}: BatchRow): string[] {
  const fits = (batch: BatchRow['fp16']) =>
    batch === null ? none : batch.largest > 0 ? String(batch.largest) : 'none';
  const rate = (batch: BatchRow['fp16']) =>
    batch?.throughput ? `${significant(batch.throughput.value)} x${batch.bestSequences}` : none;
  const cell = ternary?.throughput ?? fp16?.throughput;
  return [
    ...[size, fits(fp16), fits(ternary)],
    times(batchRatio),
    times(published?.batch.ratio),
    ...[rate(fp16), rate(ternary)],
    times(throughputRatio),
    times(published?.throughput.ratio),
    cell ? origin(cell, shapes[size].nLayer) : '',
  ];
}

function publishedText(comparison: Comparison | null, size: string): string {
  if (!comparison) return none;
  const { ratio, against, here } = comparison;
  return against === size ? times(ratio) : `${times(ratio)} (${times(here)})`;
}

/** Where a number comes from, in words. */
function origin({ basis, layers }: Cell, of: number): string {
  return layers ? `${layers.join(' and ')} of ${of} layers` : basis;
}

function times(ratio: number | null | undefined): string {
  return ratio === null || ratio === undefined ? none : `${digits(ratio)}×`;
}

function percent(part: number | null): string {
  return part === null ? none : `${(100 * part).toFixed(0)} %`;
}

/** Claims, doubts, what was left out, and the time that took. */
export function closingSentences({ claims, warnings, timeBox }: PaperReport): string[] {
  const { limitSeconds, usedSeconds, cut } = timeBox;
  const minutes = (seconds: number) => (seconds / 60).toFixed(1);
  return [
    ...claims.map(
      ({ claim, source, verdict, why }) => `"${claim}" (${source}): ${verdict}: ${why}`,
    ),
    ...warnings.map((warning) => `doubtful: ${warning}`),
    ...cut.map((sentence) => `left out: ${sentence}`),
    `took ${minutes(usedSeconds)} of ${minutes(limitSeconds)} minutes`,
  ];
}
