import type { Published } from '../../bench/paper/published.js';
import type {
  Batch,
  BatchRow,
  Cell,
  Crossover,
  PaperFormat,
  PaperReport,
  SizeRow,
} from '../../bench/paper/report.js';

/** One number of the tables, with everything that is said of it. */
export interface PaperRecord {
  readonly table: 'sizes' | 'crossovers' | 'batches';
  readonly size: string;
  readonly format: PaperFormat;
  readonly quantity: string;
  readonly value: number;
  readonly unit: string;
  /** 'counted': told from bytes. */
  readonly basis: Cell['basis'] | 'counted';
  /** '2 and 9' where two models led to the number. */
  readonly layers: string;
  /** Relative standard error; null for a single sample. */
  readonly error: number | null;
  readonly samples: number;
  /** FP16 ÷ this; in crossovers and batches ternary ÷ FP16. */
  readonly ratio: number | null;
  readonly verdict: string | null;
  readonly publishedRatio: number | null;
  readonly publishedHardware: string | null;
  readonly publishedConfidence: string | null;
  readonly publishedSource: string | null;
}

const costs = ['memory', 'decode', 'prefill', 'energy', 'prefillEnergy'] as const;

const units = {
  ...{ memory: 'bytes', decode: 'ms/token', prefill: 'ms/token' },
  ...{ energy: 'J/token', prefillEnergy: 'J/token' },
} as const;

/** All numbers of the tables, one after the other. */
export function paperRecords({ sizes, crossovers, batches }: PaperReport): PaperRecord[] {
  return [
    ...sizes.flatMap(sizeRecords),
    ...crossovers.flatMap(crossoverRecords),
    ...batches.flatMap(batchRecords),
  ];
}

function sizeRecords({ size, formats, published }: SizeRow): PaperRecord[] {
  return formats.flatMap(({ format, ratios, ...row }) =>
    costs.flatMap((quantity): PaperRecord[] => {
      const cell = row[quantity];
      if (!cell) return [];
      const ratio = { ...ratios, prefillEnergy: null }[quantity] ?? null;
      const paper = { ...published, prefill: null, prefillEnergy: null }[quantity];
      return [
        {
          ...{ table: 'sizes', size, format, quantity, unit: units[quantity] },
          ...numbers(cell),
          ...{ ratio, verdict: null },
          ...publication(format === 'i2_s' ? paper : null),
        },
      ];
    }),
  );
}

function crossoverRecords({ ternary, fp16, source, rows }: Crossover): PaperRecord[] {
  return rows.flatMap(({ cost, ratio, verdict, ...cells }): PaperRecord[] => {
    const common = {
      table: 'crossovers' as const,
      ...{ quantity: cost, unit: units[cost], ...publication(null), publishedSource: source },
    };
    return [
      { ...common, size: ternary, format: 'i2_s', ...numbers(cells.ternary), ratio, verdict },
      { ...common, size: fp16, format: 'f16', ...numbers(cells.fp16), ratio: null, verdict: null },
    ];
  });
}

function batchRecords({
  size,
  fp16,
  ternary,
  batchRatio,
  throughputRatio,
  published,
}: BatchRow): PaperRecord[] {
  const ratios = { batch: batchRatio, throughput: throughputRatio };
  return [
    ...oneBatch(size, 'f16', fp16, { batch: null, throughput: null }, null),
    ...oneBatch(size, 'i2_s', ternary, ratios, published),
  ];
}

function oneBatch(
  size: string,
  format: PaperFormat,
  batch: Batch | null,
  ratios: { readonly batch: number | null; readonly throughput: number | null },
  published: BatchRow['published'],
): PaperRecord[] {
  if (!batch) return [];
  const common = { table: 'batches', size, format, verdict: null } as const;
  const most: PaperRecord = {
    ...{ ...common, quantity: 'largestBatch', unit: 'sequences', ratio: ratios.batch },
    ...{ value: batch.largest, basis: 'counted', layers: '', error: 0, samples: 0 },
    ...publication(published?.batch ?? null),
  };
  if (!batch.throughput) return [most];
  const quantity = `throughput x${batch.bestSequences}`;
  return [
    most,
    {
      ...{ ...common, quantity, unit: 'tokens/s', ratio: ratios.throughput },
      ...numbers(batch.throughput),
      ...publication(published?.throughput ?? null),
    },
  ];
}

function numbers({ value, basis, layers, error, samples }: Cell) {
  return { value, basis, layers: layers?.join(' and ') ?? '', error, samples };
}

function publication(published: Published | null) {
  return {
    publishedRatio: published?.ratio ?? null,
    publishedHardware: published?.hardware ?? null,
    publishedConfidence: published?.confidence ?? null,
    publishedSource: published?.source ?? null,
  };
}
