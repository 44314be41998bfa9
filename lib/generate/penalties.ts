import type { History, LogitChange } from './changes.js';

/** How strongly recent tokens are penalized; see `GenerateOptions`. */
export interface PenaltySettings {
  readonly repeatPenalty: number;
  readonly repeatLastN: number;
  readonly presencePenalty: number;
  readonly frequencyPenalty: number;
}

/**
 * Penalties of the tokens so far: only the last `repeatLastN` count; -1 means all of them.
 *
 * The repeat penalty divides a positive logit and multiplies a negative one (both push it down);
 * presence is subtracted once, frequency once per occurrence.
 */
export function penaltyChange(history: History, settings: PenaltySettings): LogitChange {
  const { repeatPenalty, presencePenalty, frequencyPenalty, repeatLastN } = settings;
  const { tokens, length } = history;
  const counts = new Map<number, number>();
  const begin = repeatLastN < 0 ? 0 : Math.max(0, length - repeatLastN);
  for (let i = begin; i < length; i++) {
    const id = tokens[i]!;
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  const apply = (logit: number, count: number) => {
    const repeated = logit > 0 ? logit / repeatPenalty : logit * repeatPenalty;
    return Math.fround(repeated - presencePenalty - count * frequencyPenalty);
  };
  return { tokens: counts, apply };
}
