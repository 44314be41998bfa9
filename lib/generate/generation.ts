import { abortError } from '../abort.js';
import type { BitnetError } from '../errors.js';
import type { Progress, Timings, Usage } from './progress.js';

/** A bit of generated text and the tokens it came from. Only the last piece may have no text. */
export interface Piece {
  readonly text: string;
  readonly ids: readonly number[];
}

/**
 * Why a generation ended: the model ended its text, a stop text came up, `maxTokens` were
 * generated, or the context is full.
 */
export type StopReason = 'end' | 'stop' | 'length' | 'context';

/** What a generation returns once it is over. */
export interface GenerationResult {
  readonly stopReason: StopReason;
  readonly usage: Usage;
  readonly timings: Timings;
  /** The seed in use, to repeat the same text. */
  readonly seed: number;
}

/** The result with all text and tokens, as `session.complete` gives it. */
export interface Completion extends GenerationResult {
  readonly text: string;
  readonly ids: readonly number[];
}

/**
 * A running generation: iterate it with `for await` for pieces of text as they come. It starts
 * with the first `next()` and rests while nobody asks for the next piece. Leaving the loop ends it.
 */
export class Generation<Result extends GenerationResult = GenerationResult>
  implements AsyncGenerator<Piece, Result, undefined>
{
  /**
   * The result, once the iteration has come to its end; rejects as the iteration does, and with
   * `ERR_BITNET_ABORTED` if the iteration was left early. Nobody has to listen to it.
   */
  readonly result: Promise<Result>;
  readonly #pieces: AsyncGenerator<Piece, Result, undefined>;
  readonly #progress: Progress;
  #resolve!: (result: Result) => void;
  #reject!: (reason: unknown) => void;

  constructor(pieces: AsyncGenerator<Piece, Result, undefined>, progress: Progress) {
    this.#pieces = pieces;
    this.#progress = progress;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.result.catch(() => {});
  }

  async next(): Promise<IteratorResult<Piece, Result>> {
    try {
      const step = await this.#pieces.next();
      if (step.done) this.#resolve(step.value);
      return step;
    } catch (error) {
      this.#reject(error);
      throw error;
    }
  }

  /** Ends the generation between two tokens; `for await` calls it on `break`. */
  async return(value?: unknown): Promise<IteratorReturnResult<Result>> {
    await this.#pieces.return(undefined as never);
    this.#reject(abortedError(this.#progress, undefined));
    return { done: true, value: (await value) as Result };
  }

  /** Ends the generation and rejects with `error`. */
  async throw(error: unknown): Promise<IteratorResult<Piece, Result>> {
    await this.#pieces.return(undefined as never);
    this.#reject(error);
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}

/** The error of a generation that was ended from outside; carries what there was by then. */
export function abortedError(progress: Progress, cause: unknown): BitnetError {
  const count = progress.ids.length;
  return abortError(
    `The generation was aborted after ${count} ${count === 1 ? 'token' : 'tokens'}.`,
    cause,
    { text: progress.text, ids: [...progress.ids], ...progress.summary() },
  );
}
