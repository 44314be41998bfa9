import { modelLogprob, type TokenLogprob } from './logprobs.js';
import type { Decoder } from './step.js';

/**
 * Evaluates all of `ids` but the last, and returns the log-probabilities of the `count` last of them: null for
 * one before which nothing is known, because it begins the text or the session was moved.
 */
export async function promptLogprobs(
  { evaluator, tokenizer, settings, continuation }: Decoder,
  ids: readonly number[],
  count: number,
  n: number,
): Promise<(TokenLogprob | null)[]> {
  const { signal, onProgress } = settings;
  const first = ids.length - count;
  const begin = first === 0 ? [null] : [];
  if (ids.length === 1) return begin;
  const evaluated = ids.slice(0, -1);
  const rows = ids.slice(1).map((next) => ({ top: Math.max(n, 1), extraIds: [next] }));
  const options = { logSumExp: true, signal, onProgress };
  const logits = await continuation.advance(evaluator, evaluated, () =>
    evaluator.evaluate(evaluated, rows, options),
  );
  const scored = logits.map((row, i) =>
    modelLogprob(ids[i + 1]!, n, row, rows[i]!.extraIds, tokenizer),
  );
  return [...begin, ...scored.slice(Math.max(first - 1, 0))];
}
