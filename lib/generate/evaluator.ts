import type { OnProgress } from './on-progress.js';

/** What must be known of the logits after one token. */
export interface LogitsRequest {
  /** How many of the best; absent when only all of them will do. */
  readonly top?: number | undefined;
  /** Tokens whose logits are needed whatever their rank. */
  readonly extraIds: readonly number[];
  /** A mask of the tokens that may be among the best, see `TokenConstraint`; absent: all. */
  readonly allowed?: Uint32Array | undefined;
}

/** Best candidates of one position. */
export interface TopLogits {
  /** `[min(k, vocabSize)]` token ids, best logit first, ties to the lower id; −1 behind those that are allowed. */
  readonly ids: Int32Array;
  /** `[min(k, vocabSize)]` raw logits of `ids`. */
  readonly logits: Float32Array;
  /** `[extraIds.length]` raw logits of the ids asked for by name. */
  readonly extraLogits: Float32Array;
  /** log Σ exp(logit) of the whole vocabulary, when asked for. */
  readonly logSumExp?: number | undefined;
}

/** All logits of one position. */
export interface AllLogits {
  /** `[vocabSize]` */
  readonly all: Float32Array;
  /** log Σ exp(logit), when asked for. */
  readonly logSumExp?: number | undefined;
}

export type Logits = TopLogits | AllLogits;

export interface EvaluatorOptions {
  /** Whether `logSumExp` is needed: all logits are then computed, whatever else is asked for. */
  readonly logSumExp?: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress | undefined;
}

export interface Drafting {
  /** Tokens of a draft that this machine evaluates for little more than one. */
  readonly most: number;
  /** How many sequences are evaluated side by side. */
  readonly running: () => number;
  /** Milliseconds, by which steps are timed. @default performance.now */
  readonly clock?: () => number;
}

/** A generation that wants to begin. */
export interface GenerationRequest {
  /** How many tokens it may append. */
  readonly tokens: number;
  readonly caller: string;
  readonly priority: number;
  readonly signal: AbortSignal;
}

/** A generation that has begun. */
export interface AdmittedGeneration {
  /** Its first token was chosen. */
  firstToken(): void;
  end(outcome: GenerationOutcome): void;
}

/** How a generation came to its end; with neither reason nor error it was left between two tokens. */
export interface GenerationOutcome {
  readonly usage: { readonly promptTokens: number; readonly completionTokens: number };
  readonly stopReason?: string | undefined;
  readonly error?: unknown;
}

/**
 * What a decode loop needs of a session: it appends tokens at `position` and hands back logits of
 * the last ones. The real one runs on native threads; tests use a toy language in plain JavaScript.
 *
 * An evaluation whose `signal` aborts rejects with code `ERR_BITNET_ABORTED`; `position` then says
 * how many of its ids were taken. `onProgress` is called now and then with the fraction done.
 */
export interface Evaluator {
  /** Tokens evaluated so far; the next one goes here. */
  readonly position: number;
  /** Size of the context. */
  readonly contextLength: number;
  /**
   * Waits until there is room for a generation beside all others; until it ends, it is one of those that
   * run. Rejects when the queue is full, and with `ERR_BITNET_ABORTED` when the signal aborts.
   */
  admit?(request: GenerationRequest): Promise<AdmittedGeneration>;
  /**
   * Where another session has evaluated a text that begins alike, the next evaluation, which is of a
   * prompt, takes that over, and adds to the counter how many of its ids these were; never the last.
   */
  reusePrefix?(counter: { cachedTokens: number }): void;
  /** Logits of one position: token ids are below it. */
  readonly vocabSize: number;
  /**
   * Appends `ids` (at least one) and returns what `rows` ask for (at least one, at most as many), which
   * belong to the last of them in order: all logits of every row if one needs all, else the best.
   */
  evaluate(
    ids: ArrayLike<number>,
    rows: readonly LogitsRequest[],
    options?: EvaluatorOptions,
  ): Promise<Logits[]>;
  /** Forgets everything from position `length` on. */
  truncate(length: number): void;
  /** How much to draft; absent where what was evaluated cannot be taken back without evaluating it again. */
  readonly drafting?: Drafting | undefined;
}
