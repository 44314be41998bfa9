import { abortError } from '../abort.js';
import type { BitnetError } from '../errors.js';
import type { TokenLogprob } from './logprobs.js';
import type { Progress, Timings, Usage } from './progress.js';
import { nodeStreamOf, type TextReadable, webStreamOf } from './streams.js';

/** A bit of generated text and the tokens it came from. Only the last piece may have no text. */
export interface Piece {
  readonly text: string;
  readonly ids: readonly number[];
  /** Of each of `ids`, with the option `logprobs`. */
  readonly logprobs?: readonly TokenLogprob[] | undefined;
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
  /**
   * Of each token of the prompt, with the option `promptLogprobs`: null for the first of a text, and of a session
   * that was moved, because nothing says what comes there.
   */
  readonly promptLogprobs?: readonly (TokenLogprob | null)[] | undefined;
}

/** The result with all text and tokens, as `session.complete` gives it. */
export interface Completion extends GenerationResult {
  readonly text: string;
  readonly ids: readonly number[];
  /** Of each of `ids`, with the option `logprobs`. */
  readonly logprobs?: readonly TokenLogprob[] | undefined;
}

/**
 * A generation: iterate it with `for await` for pieces of text as they come. It starts with the first
 * `next()` and pauses until the next piece is asked for. Leaving the loop ends it. Asking for
 * `result` starts it too, and lets it run to its end without rest.
 */
export class Generation<Result extends GenerationResult = GenerationResult>
  implements AsyncGenerator<Piece, Result, undefined>
{
  readonly #pieces: AsyncGenerator<Piece, Result, undefined>;
  readonly #progress: Progress;
  /** Steps that `result` has asked for and no iteration yet, in order. */
  #ahead: Promise<IteratorResult<Piece, Result>>[] = [];
  #runsAhead = false;
  #over = false;
  readonly #result: Promise<Result>;
  #resolve!: (result: Result) => void;
  #reject!: (reason: unknown) => void;

  constructor(pieces: AsyncGenerator<Piece, Result, undefined>, progress: Progress) {
    this.#pieces = pieces;
    this.#progress = progress;
    this.#result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#result.catch(() => {}); // it may go unobserved
  }

  /**
   * The result, once the generation has come to its end. An iteration, before or after, still gets
   * every piece. Rejects as the iteration does, and with `ERR_BITNET_ABORTED` if that
   * was left early.
   */
  get result(): Promise<Result> {
    if (!this.#runsAhead && !this.#over) void this.#runAhead();
    return this.#result;
  }

  next(): Promise<IteratorResult<Piece, Result>> {
    return this.#ahead.shift() ?? this.#step();
  }

  /**
   * The text as a web stream: for a `Response`, or to be iterated. Nothing is generated before it is read;
   * `cancel` ends the generation. It takes the pieces: they come only once.
   */
  toReadableStream(): ReadableStream<string> {
    return webStreamOf(this);
  }

  /**
   * The text as a `stream.Readable` of Node.js, in UTF-8: `generation.toReadable().pipe(response)`. `destroy`, and
   * a `pipeline` that fails, end the generation. It takes the pieces: they come only once.
   */
  toReadable(): TextReadable {
    return nodeStreamOf(this);
  }

  /** Ends the generation between two tokens; `for await` calls it on `break`. */
  async return(value?: unknown): Promise<IteratorReturnResult<Result>> {
    await this.#end();
    this.#reject(abortedError(this.#progress, undefined));
    return { done: true, value: (await value) as Result };
  }

  /** Ends the generation and rejects with `error`. */
  async throw(error: unknown): Promise<IteratorResult<Piece, Result>> {
    await this.#end();
    this.#reject(error);
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  /** @internal What console.log shows if `await` was forgotten. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return 'Generation { iterate it with for await, or await its result }';
  }

  async #step(): Promise<IteratorResult<Piece, Result>> {
    try {
      const step = await this.#pieces.next();
      this.#over ||= step.done === true;
      if (step.done) this.#resolve(step.value);
      return step;
    } catch (error) {
      this.#over = true;
      this.#reject(error);
      throw error;
    }
  }

  /** Asks for one step after the other, and keeps them for an iteration. */
  async #runAhead(): Promise<void> {
    this.#runsAhead = true;
    while (!this.#over) {
      const step = this.#step();
      this.#ahead.push(step);
      await step.catch(() => {}); // the result rejects
    }
  }

  async #end(): Promise<void> {
    this.#over = true;
    this.#ahead = [];
    this.#progress.left = true;
    this.#progress.leaveQueue?.();
    await this.#pieces.return(undefined as never);
  }
}

/** Runs a generation to its end: its result, and all its text and tokens. */
export async function collected<Result extends GenerationResult>(
  generation: Generation<Result>,
): Promise<Result & Pick<Completion, 'text' | 'ids' | 'logprobs'>> {
  let text = '';
  const ids: number[] = [];
  let logprobs: TokenLogprob[] | undefined;
  for await (const piece of generation) {
    text += piece.text;
    for (const id of piece.ids) ids.push(id);
    if (piece.logprobs) logprobs = [...(logprobs ?? []), ...piece.logprobs];
  }
  const result = { text, ids, ...(await generation.result) };
  return logprobs ? { ...result, logprobs } : result;
}

/** The error of a generation that was stopped; carries what was generated so far. */
export function abortedError(progress: Progress, cause: unknown): BitnetError {
  const count = progress.ids.length;
  const message = `The generation was aborted after ${count} ${count === 1 ? 'token' : 'tokens'}.`;
  return abortError(message, cause, progress.account());
}
