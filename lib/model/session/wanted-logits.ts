import { largestOf } from '../../extremes.js';
import type { Logits, LogitsRequest } from '../../generate/evaluator.js';
import { type NativeRequest, outputs } from '../../native-types.js';

/** A part of a native request, and what to read from its outputs once it is done. */
export interface WantedLogits {
  readonly request: Omit<NativeRequest, 'tokens' | 'control'>;
  /** `[rows]` */
  readonly logits: () => Logits[];
}

/** How to ask for logits of the last tokens: all of them where one row needs all, else the best. */
export function wantedLogits(
  rows: readonly LogitsRequest[],
  vocabSize: number,
  logSumExp: boolean,
): WantedLogits {
  const sums = logSumExp ? { logSumExp: new Float64Array(rows.length) } : {};
  const common = { rows: rows.length, ...sums };
  const sum = (row: number) => (sums.logSumExp ? { logSumExp: sums.logSumExp[row] } : {});
  if (rows.some(({ top }) => top === undefined)) {
    const logits = new Float32Array(rows.length * vocabSize);
    const of = (row: number) => logits.subarray(row * vocabSize, (row + 1) * vocabSize);
    return {
      request: { outputs: outputs.last, logits, ...common },
      logits: () => rows.map((_, row) => ({ all: of(row), ...sum(row) })),
    };
  }
  const top = Math.min(largestOf(rows.map(({ top }) => top!)), vocabSize);
  const extra = largestOf(rows.map(({ extraIds }) => extraIds.length));
  const topIds = new Int32Array(rows.length * top);
  const topLogits = new Float32Array(rows.length * top);
  const extraIds = new Int32Array(rows.length * extra);
  for (const [row, { extraIds: ids }] of rows.entries()) extraIds.set(ids, row * extra);
  const extraLogits = new Float32Array(extraIds.length);
  return {
    request: {
      ...{ outputs: outputs.top, topIds, topLogits, extraIds, extraLogits, ...common },
      ...masks(rows, vocabSize),
    },
    logits: () =>
      rows.map((_, row) => ({
        ids: topIds.subarray(row * top, (row + 1) * top),
        logits: topLogits.subarray(row * top, (row + 1) * top),
        extraLogits: extraLogits.subarray(row * extra, (row + 1) * extra),
        ...sum(row),
      })),
  };
}

/** Where a row has a mask, every row gets one. */
function masks(rows: readonly LogitsRequest[], vocabSize: number): Pick<NativeRequest, 'allowed'> {
  if (rows.every(({ allowed }) => !allowed)) return {};
  const words = Math.ceil(vocabSize / 32);
  const allowed = new Uint32Array(rows.length * words).fill(0xffffffff);
  for (const [row, { allowed: mask }] of rows.entries()) if (mask) allowed.set(mask, row * words);
  return { allowed };
}
