import type { ModelSpec } from '../../lib/model/spec/spec.js';
import { type Operations, sumOperations, timesOperations, tokenOperations } from './operations.js';

/** Joules by the process that a chip would be made in. */
export interface ModeledJoules {
  readonly nm7: number;
  readonly nm45: number;
}

/**
 * Picojoules of one operation as both BitNet papers use them (Wang et al. 2023, table 1, arXiv:2310.11453; Ma et al. 2024, figure 3,
 * arXiv:2402.17764). 45 nm: M. Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014. 7 nm: Y. Zhang,
 * Z. Zhang, L. Lew, "PokeBNN: A Binary Pursuit of Lightweight Accuracy", CVPR 2022.
 */
export const operationPicojoules: { readonly [process in keyof ModeledJoules]: Operations } = {
  nm7: { int8Add: 0.007, fp16Add: 0.16, fp16Multiply: 0.34, fp32Add: 0.38, fp32Multiply: 1.31 },
  nm45: { int8Add: 0.03, fp16Add: 0.4, fp16Multiply: 1.1, fp32Add: 0.9, fp32Multiply: 3.7 },
};

/** What operations take by the tables: the arithmetic alone, without memory, caches, instructions or leakage. */
export function modeledJoules(operations: Operations): ModeledJoules {
  return { nm7: joules(operations, 'nm7'), nm45: joules(operations, 'nm45') };
}

/** The tokens of a run, `depth` of them before those that count. */
export interface ModeledRun {
  readonly prompt: number;
  readonly generate: number;
  readonly depth: number;
}

/** The modeled energy of a token of a run, on average: a prompt has one output, every generated token has one. */
export function modeledJoulesPerToken(
  spec: ModelSpec,
  { prompt, generate, depth }: ModeledRun,
): ModeledJoules {
  const tokens = prompt + generate;
  const positions = depth + (tokens + 1) / 2; // the i-th token sees i positions
  const { linear, attention, head, rest } = tokenOperations(spec, positions);
  const heads = (generate + (prompt > 0 ? 1 : 0)) / tokens;
  return modeledJoules(sumOperations([linear, attention, timesOperations(heads, head), rest]));
}

function joules(operations: Operations, process: keyof ModeledJoules): number {
  const names = Object.keys(operations) as (keyof Operations)[];
  const costs = operationPicojoules[process];
  return names.reduce((sum, name) => sum + operations[name] * costs[name], 0) * 1e-12;
}
