import { BitnetError } from '../errors.js';

/** Log-probabilities as they are, unless weights are so damaged that some are no numbers. */
export function finiteScores(scores: Float64Array): Float64Array {
  if (scores.every(Number.isFinite)) return scores;
  throw new BitnetError(
    'ERR_BITNET_NUMERIC',
    'Expected probabilities from the model, but some are not numbers: its weights are damaged; get the file again.',
  );
}
