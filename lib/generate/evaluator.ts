import type { OnProgress } from './on-progress.js';

/** Best candidates of one position, as `Evaluator.evaluateTop` returns them. */
export interface TopLogits {
  /** `[min(k, vocab)]` token ids, best logit first, ties to the lower id. */
  readonly ids: Int32Array;
  /** `[min(k, vocab)]` raw logits of `ids`. */
  readonly logits: Float32Array;
  /** `[also.length]` raw logits of the ids asked for by name. */
  readonly alsoLogits: Float32Array;
}

/**
 * What a decode loop needs of a session: it appends tokens at `position` and hands back logits of
 * the last one. The real one runs on native threads; tests use a toy language in plain JavaScript.
 *
 * An evaluation whose `signal` aborts rejects with code `ERR_BITNET_ABORTED`; `position` then says
 * how many of its ids were taken. `onProgress` is called now and then with the fraction done.
 */
export interface Evaluator {
  /** Tokens evaluated so far; the next one goes here. */
  readonly position: number;
  /** Size of the context. */
  readonly contextLength: number;
  /** Appends `ids` (at least one) and returns the `k` best logits of the last, and those of `also`. */
  evaluateTop(
    ids: ArrayLike<number>,
    k: number,
    also: ArrayLike<number>,
    signal?: AbortSignal,
    onProgress?: OnProgress,
  ): Promise<TopLogits>;
  /** Appends `ids` (at least one) and returns all logits of the last: `[vocab]`. */
  evaluateLast(
    ids: ArrayLike<number>,
    signal?: AbortSignal,
    onProgress?: OnProgress,
  ): Promise<Float32Array>;
}
