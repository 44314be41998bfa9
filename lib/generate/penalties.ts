/** How strongly recent tokens are penalized; see `GenerateOptions`. */
export interface PenaltySettings {
  readonly repeatPenalty: number;
  readonly repeatLastN: number;
  readonly presencePenalty: number;
  readonly frequencyPenalty: number;
}

/** Occurrences of each token id in the penalty window; empty when no penalty is on. */
export type PenalizedTokens = ReadonlyMap<number, number>;

/**
 * The tokens whose logits the settings change, given all tokens so far (oldest first).
 * Only the last `repeatLastN` count; -1 means all of them.
 */
export function penalizedTokens(
  history: ArrayLike<number>,
  settings: PenaltySettings,
): PenalizedTokens {
  const counts = new Map<number, number>();
  const { repeatPenalty, presencePenalty, frequencyPenalty, repeatLastN } = settings;
  if (repeatPenalty === 1 && presencePenalty === 0 && frequencyPenalty === 0) return counts;
  const begin = repeatLastN < 0 ? 0 : Math.max(0, history.length - repeatLastN);
  for (let i = begin; i < history.length; i++) {
    const id = history[i]!;
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

/**
 * A logit after penalties, rounded to float32 so that it is the same number wherever it is kept.
 * The repeat penalty divides a positive logit and multiplies a negative one (both push it down);
 * presence is subtracted once, frequency once per occurrence.
 */
export function penalize(logit: number, count: number, settings: PenaltySettings): number {
  const { repeatPenalty, presencePenalty, frequencyPenalty } = settings;
  const repeated = logit > 0 ? logit / repeatPenalty : logit * repeatPenalty;
  return Math.fround(repeated - presencePenalty - count * frequencyPenalty);
}
