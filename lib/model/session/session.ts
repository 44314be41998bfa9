import { setImmediate } from 'node:timers/promises';
import {
  argumentError,
  booleanOption,
  functionOption,
  givenOptions,
  signalOption,
} from '../../checks/options.js';
import { idCount } from '../../checks/token-ids.js';
import type { AdaptedEvaluator } from '../../generate/adapted-evaluator.js';
import { type Choices, type CompleteOptions, completeChoices } from '../../generate/choices.js';
import {
  type Continuation,
  continuationOf,
  forgetContinuation,
  isGenerating,
} from '../../generate/continuation.js';
import type { Drafting } from '../../generate/evaluator.js';
import type { Completion, Generation } from '../../generate/generation.js';
import { complete, generate } from '../../generate/loop.js';
import type { OnProgress } from '../../generate/on-progress.js';
import type { GenerateOptions } from '../../generate/options.js';
import type { Prompt } from '../../generate/prompt.js';
import { type KvType, outputs } from '../../native-types.js';
import type { Tokenizer } from '../../tokenizer/index.js';
import { identityWith } from '../adapter/adapter.js';
import { type AppliedAdapters, checkOwner } from '../adapter/applied-adapters.js';
import type { Admission } from '../admission.js';
import { admit } from './admit.js';
import {
  type EvaluateOptions,
  type EvaluateTopOptions,
  logitsRows,
  type TopTokens,
} from './evaluation.js';
import { Sequence, type SequenceOwner } from './sequence.js';
import { busy, checkedTop, sessionPath } from './session-checks.js';
import { readSession, type SessionOwnership, writeSession } from './session-file.js';
import { wantedLogits } from './wanted-logits.js';

/** What a session needs of the model it belongs to. */
export interface SessionOwner extends SequenceOwner {
  readonly tokenizer: Tokenizer;
  readonly dim: number;
  readonly nLayer: number;
  /** What the session uses unless a generation says otherwise. */
  readonly adapters: AppliedAdapters;
  /** `spec.rope.longAbove`. */
  readonly longRopeAbove: number | undefined;
  /** For messages. */
  readonly name: string;
  /** The model's. */
  readonly path: string;
  readonly admission: Admission;
  /** See `ModelIdentity`. */
  readonly identity: (signal: AbortSignal) => Promise<string>;
  /** Absent where layers are recurrent: their states cannot be cut. */
  readonly drafting?: Drafting | undefined;
  /** Another session of the same kind. */
  readonly another: (sequence: (owner: SessionOwner) => Sequence) => Session;
}

/**
 * One sequence: the tokens evaluated so far, kept as a KV cache. Made by `model.createSession()`.
 * Sessions of one model share its weights and may be used side by side; one session does one
 * thing at a time. Close it to free its memory.
 */
export class Session {
  /** Most tokens the session can hold. */
  readonly contextLength: number;
  /** How keys and values are kept. */
  readonly kvType: KvType;
  readonly #tokenizer: Tokenizer;
  readonly #vocabSize: number;
  readonly #dim: number;
  readonly #evaluator: AdaptedEvaluator;
  readonly #owner: SessionOwner;
  readonly #sequence: Sequence;

  /** @internal */
  constructor(owner: SessionOwner, sequence = new Sequence(owner)) {
    this.contextLength = owner.contextLength;
    this.#tokenizer = owner.tokenizer;
    this.#vocabSize = owner.vocabSize;
    this.#dim = owner.dim;
    this.kvType = owner.kvType;
    this.#owner = owner;
    this.#sequence = sequence;
    this.#evaluator = this.#createEvaluator();
  }

  /** @internal What the decode loop asks, for the benchmark, which times nothing else. */
  get evaluator(): AdaptedEvaluator {
    return this.#evaluator;
  }

  /** Tokens evaluated so far: the next one goes here. */
  get position(): number {
    return this.#sequence.position;
  }

  /** `[position]` the tokens evaluated so far, a copy. */
  get tokens(): Int32Array {
    return this.#sequence.tokens;
  }

  /**
   * Whether the last generation ended with a token that is not evaluated yet, because nobody may
   * want what follows it: the next one evaluates it first.
   */
  get hasPending(): boolean {
    this.#sequence.checkOpen();
    return settledContinuation(this.#evaluator).pending !== undefined;
  }

  /** Bytes that keys and values of one token take. */
  get bytesPerToken(): number {
    return this.#sequence.bytesPerToken;
  }

  /**
   * Continues the session with `prompt` and generated text, as an async iterator of
   * `{ text, ids }` whose return value (also `generation.result`) is
   * `{ stopReason, usage, timings, seed }`. A text is tokenized, with the begin token first when
   * the session is empty and the model wants one; ids are taken as they are.
   *
   * @throws `ERR_BITNET_ARGUMENT`, and while iterated `ERR_BITNET_BUSY`, `ERR_BITNET_QUEUE`,
   *   `ERR_BITNET_CONTEXT`, `ERR_BITNET_ABORTED`, `ERR_BITNET_NUMERIC`, `ERR_BITNET_CLOSED`
   */
  generate(prompt: Prompt, options?: GenerateOptions): Generation {
    this.#sequence.checkOpen();
    return generate(this.#evaluator, this.#tokenizer, prompt, options);
  }

  /** `generate`, collected: `{ text, ids, stopReason, usage, timings, seed }`. */
  complete(
    prompt: Prompt,
    options?: CompleteOptions & { readonly n?: undefined },
  ): Promise<Completion>;
  /**
   * `n` completions of one prompt: `{ choices, usage }`. The prompt is evaluated once, and each goes on from there in
   * a fork of the session, which itself then holds the prompt and nothing behind it.
   *
   * @throws as `generate`; what one of them throws ends all
   */
  complete(prompt: Prompt, options: CompleteOptions & { readonly n: number }): Promise<Choices>;
  async complete(prompt: Prompt, options?: CompleteOptions): Promise<Completion | Choices> {
    this.#sequence.checkOpen();
    const { n, ...others } = { ...options };
    if (n === undefined || n === null) {
      const given = Object.hasOwn(options ?? {}, 'n') ? others : options;
      return complete(this.#evaluator, this.#tokenizer, prompt, given);
    }
    return completeChoices(this, this.#tokenizer, prompt, { n, ...others });
  }

  /**
   * Appends `ids` and returns exact f32 logits: `[vocabSize]` of the last position, `[n × vocabSize]` of
   * all of them, or nothing. They are numbers (or -Infinity): damaged weights end it with an error.
   *
   * @throws `ERR_BITNET_ARGUMENT` (wrong ids; 'all' above 1 GiB), `ERR_BITNET_CONTEXT`,
   *   `ERR_BITNET_BUSY`, `ERR_BITNET_ABORTED`, `ERR_BITNET_CLOSED`, `ERR_BITNET_MEMORY`,
   *   `ERR_BITNET_NUMERIC`
   */
  evaluate(ids: ArrayLike<number>, options?: EvaluateOptions): Promise<Float32Array>;
  /** Appends `ids` and returns the likeliest next tokens with their log-probabilities. */
  evaluate(ids: ArrayLike<number>, options: EvaluateTopOptions): Promise<TopTokens>;
  async evaluate(
    ids: ArrayLike<number>,
    options?: EvaluateOptions | EvaluateTopOptions,
  ): Promise<Float32Array | TopTokens> {
    const given: Partial<EvaluateOptions & EvaluateTopOptions> = givenOptions(
      options as Partial<EvaluateOptions & EvaluateTopOptions>,
      ['logits', 'top', 'signal', 'onProgress'],
    );
    const { logits = 'last', top } = given;
    const signal = signalOption(given.signal);
    const onProgress = functionOption('onProgress', given.onProgress);
    const tokens = this.#checkedIds(ids);
    if (top !== undefined) {
      if (given.logits !== undefined) {
        throw argumentError('either top or logits', 'option logits', logits);
      }
      return this.#top(tokens, checkedTop(top, this.#vocabSize), signal, onProgress);
    }
    const rows = logitsRows(logits, tokens.length, this.#vocabSize);
    const output = new Float32Array(rows * this.#vocabSize);
    const request = { tokens, outputs: outputs[logits], logits: output };
    await this.#evaluate(request, signal, onProgress);
    return output;
  }

  /**
   * Appends `ids` and returns `[n - 1]` natural logarithms: element i is log p(ids[i + 1]) after
   * everything up to ids[i]. Logits are never all in memory.
   *
   * @throws as `evaluate`
   */
  async score(
    ids: ArrayLike<number>,
    options?: {
      readonly signal?: AbortSignal | undefined;
      readonly onProgress?: OnProgress | undefined;
    },
  ): Promise<Float64Array> {
    const given = givenOptions(options, ['signal', 'onProgress']);
    const signal = signalOption(given.signal);
    const onProgress = functionOption('onProgress', given.onProgress);
    const tokens = this.#checkedIds(ids);
    const scores = new Float64Array(tokens.length - 1);
    await this.#evaluate({ tokens, outputs: outputs.score, scores }, signal, onProgress);
    return scores;
  }

  /**
   * @internal Appends `ids` and returns what the output head would multiply: `[dim]` of the last
   * token or `[n × dim]` of all.
   */
  async states(
    ids: ArrayLike<number>,
    which: 'last' | 'all',
    signal: AbortSignal | undefined,
  ): Promise<Float32Array> {
    const tokens = this.#checkedIds(ids);
    const states = new Float32Array((which === 'all' ? tokens.length : 1) * this.#dim);
    await this.#evaluate(
      { tokens, outputs: which === 'all' ? outputs.states : outputs.lastState, states },
      signal,
    );
    return states;
  }

  /**
   * @internal Appends `ids` and returns all their logits, and `[nLayer × n × dim]` what each layer leaves in the residual stream.
   */
  async layers(
    ids: ArrayLike<number>,
    signal: AbortSignal | undefined,
  ): Promise<{ readonly logits: Float32Array; readonly layers: Float32Array }> {
    const tokens = this.#checkedIds(ids);
    const { nLayer, dim } = this.#owner;
    const logits = new Float32Array(tokens.length * this.#vocabSize);
    const layers = new Float32Array(nLayer * tokens.length * dim);
    await this.#evaluate({ tokens, outputs: outputs.all, logits, layers }, signal);
    return { logits, layers };
  }

  /**
   * Forgets everything from position `length` on.
   * @throws `ERR_BITNET_ARGUMENT` unless 0 <= length <= position, `ERR_BITNET_BUSY`
   */
  truncate(length: number): void {
    this.#checkIdle();
    const { position } = this;
    if (!Number.isInteger(length) || length < 0 || length > position) {
      throw argumentError(`an integer from 0 to the position, ${position},`, 'length', length);
    }
    this.#sequence.truncate(length);
    continuationOf(this.#evaluator).rewind(length);
  }

  /**
   * Forgets everything from the first token on that differs from `ids`, and at least what belongs to
   * the last of them, which has to be evaluated to know what follows: `ids.slice(n)` is then what is
   * left to evaluate, or to give to `generate`.
   *
   * @returns n, the number of tokens kept
   * @throws `ERR_BITNET_ARGUMENT`, `ERR_BITNET_BUSY`, `ERR_BITNET_CLOSED`
   */
  keepPrefix(ids: ArrayLike<number>): number {
    const { tokens } = this;
    const most = Math.min(tokens.length, idCount(ids, 'ids') - 1);
    let n = 0;
    while (n < most && tokens[n] === ids[n]) n++;
    this.truncate(n);
    return n;
  }

  /**
   * A new session with the same tokens, which shares their memory with this one: from here on each goes its
   * own way. It is closed on its own.
   *
   * @throws `ERR_BITNET_BUSY`, `ERR_BITNET_CLOSED`, `ERR_BITNET_MEMORY`
   */
  fork(): Session {
    this.#checkIdle();
    const { history, pending } = settledContinuation(this.#evaluator);
    const fork = this.#owner.another((owner) => this.#sequence.fork(owner));
    continuationOf(fork.#evaluator).restore([...history], pending, fork.position);
    return fork;
  }

  /** Starts over at position 0. */
  reset(): void {
    this.truncate(0);
  }

  /**
   * Writes the session to a file: tokens, keys, values and states, a checksum, and which model it belongs
   * to. The file is there under its name once it is complete and safe on the disk; until then, one that
   * was there stays. It replaces a session file only, unless told otherwise, and only this user can read it.
   *
   * @param options.data anything that JSON can hold, to be kept with it
   * @param options.overwrite whether any regular file may be replaced, by default only a session file
   * @throws `ERR_BITNET_FILE`, `ERR_BITNET_ARGUMENT`, `ERR_BITNET_BUSY`, `ERR_BITNET_ABORTED`,
   *   `ERR_BITNET_CLOSED`
   */
  async save(
    path: string | URL,
    options?: {
      readonly data?: unknown;
      readonly overwrite?: boolean | undefined;
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<void> {
    const given = givenOptions(options, ['data', 'overwrite', 'signal']);
    const overwrite = booleanOption('overwrite', given.overwrite, false);
    const signal = signalOption(given.signal);
    const file = { path: sessionPath(path), overwrite };
    this.#checkIdle();
    const { history, pending } = settledContinuation(this.#evaluator);
    const data = options?.data; // null is data too
    const state = { tokens: this.tokens, history: history.length, pending, data };
    await this.#sequence.exclusively(signal, (native, control, stopped) => {
      const owner = async () => {
        await this.#sequence.recover(control, stopped);
        return this.#ownership(this.#sequence.adapters, stopped);
      };
      return writeSession(native, file, state, owner, control);
    });
  }

  /**
   * Replaces the session by one that `save` wrote, of the same model and type of keys and values:
   * it goes on with the same bits as if it had never been away. When the file is refused, the session
   * stays as it was.
   *
   * @param options.accept sees the data before anything else is read; what it throws refuses the file
   * @returns the data that was saved with it
   * @throws `ERR_BITNET_SESSION` when the file is damaged or belongs to something else,
   *   `ERR_BITNET_CONTEXT` when it is longer than the context, and as `save`
   */
  async load(
    path: string | URL,
    options?: {
      readonly accept?: ((data: unknown) => void) | undefined;
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<unknown> {
    const given = givenOptions(options, ['accept', 'signal']);
    const accept = functionOption('accept', given.accept);
    const signal = signalOption(given.signal);
    const file = sessionPath(path);
    this.#checkIdle();
    const { adapters } = this.#owner;
    const state = await this.#sequence.exclusively(signal, async (native, control, stopped) =>
      readSession(native, file, await this.#ownership(adapters, stopped), control, accept),
    );
    const { tokens, history, pending } = state;
    this.#sequence.replaceTokens(tokens, adapters);
    const seen = history === 0 ? [] : Array.from(tokens.subarray(-history));
    continuationOf(this.#evaluator).restore(seen, pending, tokens.length);
    return state.data;
  }

  /** Frees the KV cache; stops what is running. May be called again. */
  close(): void {
    this.#sequence.close();
  }

  /** Closes; for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Closes, and waits until nothing of the session runs any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { ended } = this.#sequence;
    this.close();
    await ended;
    // Whoever started it learns of its end through some promises more, and first.
    if (ended) await setImmediate();
  }

  /**
   * What the decode loop sees: the same evaluations, without the check that no loop is running.
   * Holds the session, not just the sequence: a model that closes finds only sessions still held.
   */
  #createEvaluator(): AdaptedEvaluator {
    const session = this;
    const { adapters: usual, adapterMemory } = this.#owner;
    let adapters = usual;
    return {
      contextLength: this.contextLength,
      get position() {
        return session.position;
      },
      admit: (request) => admit(session.#sequence, session.#owner, request),
      reusePrefix: (counter) => session.#sequence.reusePrefix(counter),
      vocabSize: this.#vocabSize,
      useAdapters: (chosen = usual) => {
        checkOwner(chosen, adapterMemory);
        adapters = chosen;
      },
      evaluate: async (ids, rows, { logSumExp = false, signal, onProgress } = {}) => {
        const wanted = wantedLogits(rows, session.#vocabSize, logSumExp);
        const tokens = session.#sequence.checkedIds(ids);
        const request = { tokens, ...wanted.request };
        await session.#sequence.evaluate(request, adapters, signal, onProgress);
        return wanted.logits();
      },
      truncate: (length) => session.#sequence.truncate(length),
      drafting: this.#owner.drafting,
    };
  }

  async #top(
    tokens: Int32Array,
    top: number,
    signal: AbortSignal | undefined,
    onProgress: OnProgress | undefined,
  ): Promise<TopTokens> {
    const ids = new Int32Array(top);
    const topLogits = new Float32Array(top);
    const logSumExp = new Float64Array(1);
    const request = { tokens, outputs: outputs.top, topIds: ids, topLogits, logSumExp };
    await this.#evaluate(request, signal, onProgress);
    return { ids, logProbs: Float64Array.from(topLogits, (logit) => logit - logSumExp[0]!) };
  }

  async #ownership(
    { adapters, scales }: AppliedAdapters,
    signal: AbortSignal,
  ): Promise<SessionOwnership> {
    const { name, kvType, contextLength, longRopeAbove, vocabSize, identity } = this.#owner;
    return {
      ...{ name, kvType, contextLength, longRopeAbove, vocabSize },
      identity: await identityWith(await identity(signal), adapters, scales, signal),
    };
  }

  #checkIdle(): void {
    this.#sequence.checkIdle();
    if (isGenerating(this.#evaluator)) throw busy('it is still generating');
  }

  /** Ids to evaluate, for a session that is doing nothing else and has room for them. */
  #checkedIds(ids: ArrayLike<number>): Int32Array {
    this.#checkIdle();
    return this.#sequence.checkedIds(ids);
  }

  /** Evaluates by hand, once all arguments are checked: what a generation left pending is forgotten. */
  async #evaluate(
    request: Parameters<Sequence['evaluate']>[0],
    signal: AbortSignal | undefined,
    onProgress?: OnProgress,
  ): Promise<void> {
    forgetContinuation(this.#evaluator);
    // A generation that ended before it evaluated its prompt may have asked for that.
    this.#sequence.reusePrefix(undefined);
    await this.#sequence.evaluate(request, this.#owner.adapters, signal, onProgress);
  }
}

/** What generations on a session remember, unless someone else moved it. */
function settledContinuation(evaluator: AdaptedEvaluator): Continuation {
  const continuation = continuationOf(evaluator);
  continuation.settle(evaluator);
  return continuation;
}
