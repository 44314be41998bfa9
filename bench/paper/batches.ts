import { kvBytesPerPosition } from '../../lib/model/load/memory.js';
import type { BenchResult } from '../report/report.js';
import { processBytes } from '../trial/fit.js';
import { bestThroughput, largestBatch, type StepTime } from './arithmetic.js';
import { publishedBatch } from './published.js';
import type { Batch, BatchRow, Cell } from './report.js';
import { cellOf, type FormatResults, ofFormat, type SizeResults } from './sizes.js';

/** Positions of a sequence that its keys and values are counted for, as in the paper. */
export const batchPositions = 512;

/** What of a budget each size leaves for sequences, and the throughput they have together. */
export function batchRows(all: readonly SizeResults[], budget: number): BatchRow[] {
  return all.map(({ size, formats }) => {
    const [fp16, ternary] = (['f16', 'i2_s'] as const).map((format) => {
      const results = ofFormat(formats, format);
      return results ? batchOf(results, budget) : null;
    }) as [Batch | null, Batch | null];
    const [a, b] = [fp16?.throughput, ternary?.throughput];
    return {
      size,
      positions: batchPositions,
      fp16,
      ternary,
      batchRatio: fp16?.largest && ternary ? ternary.largest / fp16.largest : null,
      throughputRatio: a && b ? b.value / a.value : null,
      published: size === publishedBatch.size ? publishedOnly() : null,
    };
  });
}

function batchOf({ modelBytes, decode, batches }: FormatResults, budget: number): Batch {
  const fixedBytes = modelBytes + processBytes;
  const bytesPerSequence = batchPositions * kvBytesPerPosition(decode.shape);
  const largest = largestBatch(budget, fixedBytes, bytesPerSequence);
  const results = [decode, ...batches];
  const best = bestThroughput(results.map(stepTime), largest);
  return {
    ...{ fixedBytes, bytesPerSequence, largest },
    bestSequences: best?.sequences ?? null,
    throughput: best && throughputCell(results, best.sequences, best.tokensPerSecond),
  };
}

function stepTime({ sequences, tokensPerSecond: { median } }: BenchResult): StepTime {
  return { sequences, milliseconds: (1000 * sequences) / median };
}

/** As sure as the measurement with the fewest sequences that are not below. */
function throughputCell(results: readonly BenchResult[], sequences: number, value: number): Cell {
  return cellOf(results.find((result) => result.sequences >= sequences)!, value);
}

function publishedOnly(): BatchRow['published'] {
  const { batch, throughput } = publishedBatch;
  const only = ({ ratio, hardware, confidence, source }: typeof batch | typeof throughput) => ({
    ...{ ratio, hardware, confidence, source },
  });
  return { batch: only(batch), throughput: only(throughput) };
}
