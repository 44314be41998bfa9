import { DefinedSequence, type Numbers } from '../reference/defined.js';
import type { ReferenceModel } from '../reference/weights.js';

/** ln p(ids[i + 1] | ids[0 .. i]) of every token but the first, by a reference. */
export function referenceScores(
  model: ReferenceModel,
  numbers: Numbers,
  windows: readonly (readonly number[])[],
): number[] {
  const sequence = new DefinedSequence(model, numbers);
  return windows.flatMap((ids) => {
    sequence.reset();
    return ids.slice(1).map((id, i) => logProbability(sequence.next(ids[i]!), id));
  });
}

/** ln of the softmax of `logits` at `id`, in the words of the definition. */
export function logProbability(logits: ArrayLike<number>, id: number): number {
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < logits.length; i++) largest = Math.max(largest, logits[i]!);
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp(logits[i]! - largest);
  return logits[id]! - largest - Math.log(sum);
}

/** exp of the mean of -ln p. */
export function perplexityOf(scores: readonly number[]): number {
  return Math.exp(-scores.reduce((sum, score) => sum + score, 0) / scores.length);
}
