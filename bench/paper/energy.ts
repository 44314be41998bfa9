import type { ModelSpec } from '../../lib/model/spec/spec.js';
import { modeledJoules } from '../energy/model.js';
import { sumOperations, tokenOperations } from '../energy/operations.js';

/** Positions that a token of the paper's figure sees. */
export const paperPositions = 512;

/**
 * Joules of a token as figure 3 of Ma et al. 2024 has them: the arithmetic at 7 nm of a token that sees 512 positions, without the
 * output head. With that the figure's ratios come out: 18.4 (published 18.6) at 1.3B, 29.0 (29.1) at 7B, 32.9 (32.9) at 13B, 42.0
 * (41.2) at 70B, for which the paper's shapes are not public.
 */
export function paperJoules(spec: ModelSpec): number {
  const { linear, attention, rest } = tokenOperations(spec, paperPositions);
  return modeledJoules(sumOperations([linear, attention, rest])).nm7;
}
