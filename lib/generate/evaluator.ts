import type { OnProgress } from './on-progress.js';

/** Best candidates of one position, as `Evaluator.evaluateTop` returns them. */
export interface TopLogits {
  /** `[min(k, vocabSize)]` token ids, best logit first, ties to the lower id. */
  readonly ids: Int32Array;
  /** `[min(k, vocabSize)]` raw logits of `ids`. */
  readonly logits: Float32Array;
  /** `[extraIds.length]` raw logits of the ids asked for by name. */
  readonly extraLogits: Float32Array;
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
  /** Appends `ids` (at least one) and returns the `k` best logits of the last, and those of `extraIds`. */
  evaluateTop(
    ids: ArrayLike<number>,
    k: number,
    extraIds: ArrayLike<number>,
    signal?: AbortSignal,
    onProgress?: OnProgress,
  ): Promise<TopLogits>;
  /** Appends `ids` (at least one) and returns all logits of the last: `[vocabSize]`. */
  evaluateLast(
    ids: ArrayLike<number>,
    signal?: AbortSignal,
    onProgress?: OnProgress,
  ): Promise<Float32Array>;
}
