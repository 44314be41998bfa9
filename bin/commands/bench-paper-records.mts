import type { Cell, Comparison, PaperReport } from '../../lib/bench/paper/report.js';

/** One number of the tables, with everything that is said of it. */
interface PaperRecord {
  readonly table: 'sizes' | 'crossovers' | 'batches';
  readonly size: string;
  readonly format: 'f16' | 'q4_0' | 'i2_s';
  readonly quantity: string;
  readonly value: number;
  readonly unit: string;
  readonly basis: string;
  /** '2 and 9' where two models led to the number. */
  readonly layers: string;
  readonly error: number;
  /** FP16 ÷ this; of crossovers and batches this ÷ FP16. */
  readonly ratio: number | null;
  readonly verdict: string | null;
  readonly publishedRatio: number | null;
  readonly publishedHardware: string | null;
  readonly publishedConfidence: string | null;
  readonly publishedSource: string | null;
}

const units = {
  ...{ memory: 'bytes', decode: 'ms/token', prefill: 'ms/token' },
  ...{ energy: 'J/token', prefillEnergy: 'J/token' },
} as const;

/** All numbers of the tables, one after the other. */
export function paperRecords({ sizes, crossovers, batches }: PaperReport): PaperRecord[] {
  return [
    ...sizes.flatMap(({ size, formats, published }) =>
      formats.flatMap((row) =>
        (['memory', 'decode', 'prefill', 'energy', 'prefillEnergy'] as const).map((quantity) => ({
          ...({
            table: 'sizes',
            size,
            format: row.format,
            quantity,
            unit: units[quantity],
          } as const),
          ...numbers(row[quantity]),
          ratio: (quantity !== 'prefillEnergy' && row.ratios?.[quantity]) || null,
          verdict: null,
          ...publication(
            row.format === 'i2_s' && quantity !== 'prefill' && quantity !== 'prefillEnergy'
              ? published[quantity]
              : null,
          ),
        })),
      ),
    ),
    ...crossovers.flatMap(({ ternary, fp16, source, rows }) =>
      rows.flatMap(({ cost, ratio, verdict, ...cells }) =>
        (['ternary', 'fp16'] as const).map((which) => ({
          table: 'crossovers' as const,
          ...(which === 'ternary'
            ? { size: ternary, format: 'i2_s' as const, ratio, verdict }
            : { size: fp16, format: 'f16' as const, ratio: null, verdict: null }),
          ...{ quantity: cost, unit: units[cost] },
          ...numbers(cells[which]),
          ...publication(null),
          publishedSource: source,
        })),
      ),
    ),
    ...batches.flatMap(({ size, batchRatio, throughputRatio, published, ...both }) =>
      (['fp16', 'ternary'] as const).flatMap((which) => {
        const batch = both[which];
        if (!batch) return [];
        const format = which === 'fp16' ? ('f16' as const) : ('i2_s' as const);
        const common = { table: 'batches', size, format, verdict: null } as const;
        const own = which === 'ternary';
        const largest = { value: batch.largest, basis: 'counted', layers: null, error: 0 } as const;
        const count = {
          ...{ ...common, quantity: 'largestBatch', unit: 'sequences', ...numbers(largest) },
          ratio: own ? batchRatio : null,
          ...publication(own ? (published?.batch ?? null) : null),
        };
        if (!batch.throughput) return [count];
        const rate = {
          ...{ ...common, quantity: `throughput x${batch.bestSequences}`, unit: 'tokens/s' },
          ...numbers(batch.throughput),
          ratio: own ? throughputRatio : null,
          ...publication(own ? (published?.throughput ?? null) : null),
        };
        return [count, rate];
      }),
    ),
  ];
}

function numbers({ value, basis, layers, error }: Cell) {
  return { value, basis, layers: layers?.join(' and ') ?? '', error };
}

function publication(
  published: Pick<Comparison, 'ratio' | 'hardware' | 'confidence' | 'source'> | null,
) {
  return {
    publishedRatio: published?.ratio ?? null,
    publishedHardware: published?.hardware ?? null,
    publishedConfidence: published?.confidence ?? null,
    publishedSource: published?.source ?? null,
  };
}
