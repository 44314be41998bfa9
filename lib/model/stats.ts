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
    /** Keys and values of all open sessions, in blocks of 32 tokens; what they share counts once. */
    readonly usedBytes: number;
    /** Promised to generations that run, and not used yet. */
    readonly reservedBytes: number;
    /** What is left of `kvMemory` for others. */
    readonly freeBytes: number;
    /** Part of `freeBytes` that holds what closed sessions have evaluated. */
    readonly cachedBytes: number;
  };
  /** Prompts whose begin was looked for in what others have evaluated, those of which a part was there, and its tokens. */
  readonly prefixCache: {
    readonly lookups: number;
    readonly hits: number;
    readonly tokens: number;
  };
}

export function modelStats(native: NativeModel): ModelStats {
  const { kv } = native.info();
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
      usedBytes: kv.used - kv.cached,
      reservedBytes: kv.reserved,
      freeBytes: Math.max(kv.budget - (kv.used - kv.cached) - kv.reserved, 0),
      cachedBytes: kv.cached,
    },
    prefixCache: { lookups: kv.prefixLookups, hits: kv.prefixHits, tokens: kv.cachedTokens },
  };
}
