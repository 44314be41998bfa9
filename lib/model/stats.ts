import type { NativeModel } from '../native-types.js';

/** What a model is doing, and what it has done since it was loaded. */
export interface ModelStats {
  /** Generations that have begun and not ended. */
  readonly running: number;
  /** Generations in the queue. */
  readonly waiting: number;
  /** Forward passes, each with tokens of one or several sequences. */
  readonly steps: number;
  /** Tokens of prompts that were computed. */
  readonly promptTokens: number;
  /** Tokens of sequences that were generating. */
  readonly decodedTokens: number;
  /** Of all steps; 0 before the first. */
  readonly tokensPerStep: number;
  /** Time that all steps took. */
  readonly computeMilliseconds: number;
  /** Of the last steps, at most 256; 0 before the first. */
  readonly stepMilliseconds: { readonly median: number; readonly p95: number };
  /**
   * How long a step should take at most, that sequences which generate need not wait for prompts;
   * undefined while none does, or before a step of theirs was measured.
   */
  readonly stepTargetMilliseconds: number | undefined;
  readonly kv: {
    /** Keys and values of all open sessions. */
    readonly usedBytes: number;
  };
}

export function modelStats(
  native: NativeModel,
  sessions: readonly { readonly position: number; readonly bytesPerToken: number }[],
): ModelStats {
  const { running, waiting, steps, promptTokens, decodedTokens, ...times } = native.stats();
  const sorted = times.lastSteps.sort();
  const quantile = (q: number) => sorted[Math.floor(q * (sorted.length - 1))] ?? 0;
  return {
    ...{ running, waiting, steps, promptTokens, decodedTokens },
    tokensPerStep: steps > 0 ? (promptTokens + decodedTokens) / steps : 0,
    computeMilliseconds: times.milliseconds,
    stepMilliseconds: { median: quantile(0.5), p95: quantile(0.95) },
    stepTargetMilliseconds: times.target > 0 ? times.target : undefined,
    kv: {
      usedBytes: sessions.reduce(
        (sum, { position, bytesPerToken }) => sum + position * bytesPerToken,
        0,
      ),
    },
  };
}
