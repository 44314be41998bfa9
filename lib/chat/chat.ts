import { argumentError, givenOptions } from '../checks/options.js';
import { BitnetError } from '../errors.js';
import { claimContinuation } from '../generate/continuation.js';
import {
  abortedError,
  type Completion,
  collected,
  Generation,
  type GenerationResult,
  type Piece,
} from '../generate/generation.js';
import { guarded } from '../generate/loop.js';
import {
  type GenerateOptions,
  type GenerateSettings,
  generateSettings,
} from '../generate/options.js';
import { Progress } from '../generate/progress.js';
import { withGrammar } from '../generate/with-grammar.js';
import type { Session } from '../model/session/session.js';
import type { SessionOptions } from '../model/session/session-options.js';
import type { Tokenizer } from '../tokenizer/index.js';
import { chatData, readChatData } from './chat-data.js';
import { chatEncoder } from './chat-encoder.js';
import { fewestDropped } from './fit-turns.js';
import { type ChatMessage, checkedMessages } from './messages.js';
import type { ChatTemplate } from './template.js';
import type { ChatTemplateOption } from './template-choice.js';
import { type WrittenPart, withAnswer } from './written-parts.js';

export interface ChatSettings extends SessionOptions {
  /** What the model is told before the first turn; only for models with a chat template. */
  readonly system?: string | undefined;
  /**
   * Chat template to use instead of the model's: `{ name: 'chatml' }`, or its source.
   * @default the model's
   */
  readonly chatTemplate?: ChatTemplateOption | undefined;
}

/** How a turn ended. */
export interface ChatResult extends GenerationResult {
  /** Tokens of the prompt that were in the session already; `usage.promptTokens` are the others. */
  readonly keptTokens: number;
  /** Oldest turns dropped to make room for this one. */
  readonly droppedTurns: number;
}

/** The result with all text and tokens of the answer, as `chat.complete` gives it. */
export interface ChatCompletion extends Completion, ChatResult {}

/** What a chat needs from its model: its template, if any. */
interface ChatModel {
  readonly tokenizer: Tokenizer;
  readonly template: ChatTemplate | undefined;
}

/** Share of the context to keep free for an answer. */
const answerShare = 4;

/**
 * A conversation with a model, created by `model.createChat()`. Earlier turns stay in the KV cache, so
 * that a turn evaluates only what is new in it. When the context is full, the oldest turns are
 * forgotten. Close it to free its memory.
 */
export class Chat {
  /** The session that holds the conversation. Changing it directly only costs another evaluation. */
  readonly session: Session;
  readonly #tokenizer: Tokenizer;
  readonly #template: ChatTemplate | undefined;
  #system: string | undefined;
  /** Turns: a user's message and its answer, alternating. */
  #messages: readonly ChatMessage[] = [];
  #written: readonly WrittenPart[] = [];

  /** @internal */
  constructor(model: ChatModel, system: unknown, createSession: () => Session) {
    this.#tokenizer = model.tokenizer;
    this.#template = model.template;
    this.system = system as string | undefined;
    this.session = createSession();
  }

  /** Whether the model has a chat template; if not, every message starts a new text. */
  get hasTemplate(): boolean {
    return this.#template !== undefined;
  }

  /** What the model is told before the first turn. */
  get system(): string | undefined {
    return this.#system;
  }

  /** @throws `ERR_BITNET_ARGUMENT` when the model has no chat template */
  set system(system: string | undefined) {
    if (system !== undefined && typeof system !== 'string') {
      throw argumentError('a text', 'option system', system);
    }
    if (system !== undefined && !this.#template) {
      throw new BitnetError(
        'ERR_BITNET_ARGUMENT',
        'Expected no system message: the model has no chat template, so it only continues text; choose another model, or give a template (--chat-template, chatTemplate).',
      );
    }
    this.#system = system;
  }

  /** The turns that are remembered: a user's message and its answer, alternating. */
  get messages(): readonly ChatMessage[] {
    return this.#messages;
  }

  /**
   * Sends `text` and returns the answer: an async iterator of `{ text, ids }`, whose return value (also
   * `.result`) is a `ChatResult`. An answer that is cut short, by a signal or by leaving the loop,
   * is remembered as far as it got; a turn without any answer is not.
   *
   * @throws `ERR_BITNET_ARGUMENT`, and while iterated `ERR_BITNET_CONTEXT` when the turn alone is
   *   longer than the context (nothing is forgotten then), `ERR_BITNET_TEMPLATE`, and as `generate`
   */
  send(text: string, options?: GenerateOptions): Generation<ChatResult> {
    const [message] = checkedMessages([{ role: 'user', content: text }]);
    return this.#generation(() => [...this.#messages, message!], options);
  }

  /** `send`, collected: `{ text, ids, stopReason, usage, timings, seed, keptTokens, droppedTurns }`. */
  async complete(text: string, options?: GenerateOptions): Promise<ChatCompletion> {
    return collected(this.send(text, options));
  }

  /** Answers the last message again, in place of its answer; otherwise like `send`. */
  regenerate(options?: GenerateOptions): Generation<ChatResult> {
    if (this.#messages.length === 0) {
      throw new BitnetError(
        'ERR_BITNET_ARGUMENT',
        'Expected an answer to regenerate, but there is none yet; send a message first.',
      );
    }
    return this.#generation(() => this.#messages.slice(0, -1), options);
  }

  /** Forgets every turn; the system message stays. */
  clear(): void {
    this.session.reset();
    this.#messages = [];
    this.#written = [];
  }

  /** Writes the chat to a file, with its KV cache; see `session.save`. */
  async save(
    path: string | URL,
    options?: {
      readonly overwrite?: boolean | undefined;
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<void> {
    const { system, messages } = this;
    const data = chatData({ system, messages, written: this.#written });
    await this.session.save(path, { ...givenOptions(options, ['overwrite', 'signal']), data });
  }

  /**
   * Replaces the chat, including its system message, with one that `save` wrote; see `session.load`. If the
   * file is refused, for example because it holds a session but no chat, the chat does not change.
   */
  async load(
    path: string | URL,
    options?: { readonly signal?: AbortSignal | undefined },
  ): Promise<void> {
    const read = (data: unknown) => readChatData(`${path}`, data, this.#tokenizer.vocabSize);
    const given = givenOptions(options, ['signal']);
    const data = await this.session.load(path, { ...given, accept: read });
    const { system, messages, written } = read(data);
    this.#system = system;
    this.#messages = messages;
    this.#written = written;
  }

  /** Frees the KV cache; stops what is running. May be called again. */
  close(): void {
    this.session.close();
  }

  /** Closes; for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session[Symbol.asyncDispose]();
  }

  #generation(
    messages: () => readonly ChatMessage[],
    options: GenerateOptions | undefined,
  ): Generation<ChatResult> {
    const { vocabSize } = this.session.evaluator;
    const settings = withGrammar(generateSettings(options, vocabSize), this.#tokenizer);
    const progress = new Progress(settings.seed);
    return new Generation(this.#turn(messages, settings, progress), progress);
  }

  async *#turn(
    wanted: () => readonly ChatMessage[],
    settings: GenerateSettings,
    progress: Progress,
  ): AsyncGenerator<Piece, ChatResult, undefined> {
    const { evaluator } = this.session;
    const continuation = claimContinuation(evaluator); // nothing else is done with the session meanwhile
    let fitted: FittedTurn;
    try {
      fitted = await this.#fitted(wanted(), settings);
    } catch (error) {
      const aborted = error instanceof BitnetError && error.code === 'ERR_BITNET_ABORTED';
      throw aborted ? abortedError(progress, settings.signal?.reason) : error;
    } finally {
      continuation.busy = false;
    }
    const { messages, parts, droppedTurns } = fitted;
    const ids = parts.flatMap((part) => part.ids);
    const keptTokens = this.session.keepPrefix(ids);
    this.#written = parts;
    const pieces = guarded(evaluator, this.#tokenizer, ids.slice(keptTokens), settings, progress);
    const answer = { text: '', ids: [] as number[] };
    let over = false;
    try {
      for (;;) {
        const step = await pieces.next();
        if (step.done) {
          over = true;
          return { ...step.value, keptTokens, droppedTurns };
        }
        answer.text += step.value.text;
        for (const id of step.value.ids) answer.ids.push(id);
        yield step.value;
      }
    } catch (error) {
      if (error instanceof BitnetError && 'usage' in error) {
        Object.assign(error, { keptTokens, droppedTurns });
      }
      throw error;
    } finally {
      await pieces.return(undefined as never);
      if (over || answer.ids.length > 0) {
        this.#messages = [...messages, { role: 'assistant', content: answer.text }];
        this.#written = withAnswer(parts, answer, this.#tokenizer);
      }
    }
  }

  /**
   * The messages, without the oldest turns if the context has no room for all and an answer. Then
   * half of the context is freed, so that not every later turn evaluates everything again.
   */
  async #fitted(
    all: readonly ChatMessage[],
    { maxTokens, signal }: Pick<GenerateSettings, 'maxTokens' | 'signal'>,
  ): Promise<FittedTurn> {
    const { contextLength } = this.session;
    const given = this.#template ? all : all.slice(-1);
    const encoded = chatEncoder({
      tokenizer: this.#tokenizer,
      template: this.#template,
      system: this.#system,
      written: this.#written,
      signal,
    });
    let parts = await encoded(given);
    let droppedTurns = 0;
    const wanted = contextLength - Math.min(maxTokens, Math.floor(contextLength / answerShare));
    const without = (dropped: number) => given.slice(2 * dropped);
    if (count(parts) > wanted && given.length > 2) {
      const half = contextLength / 2;
      const fits = async (dropped: number) => count(await encoded(without(dropped))) <= half;
      droppedTurns = await fewestDropped(given, half / count(parts), fits);
      parts = await encoded(without(droppedTurns));
    }
    if (count(parts) >= contextLength) {
      throw new BitnetError(
        'ERR_BITNET_CONTEXT',
        `Expected a turn that leaves room for an answer in a context of ${contextLength} tokens, but the turn alone has ${count(parts)} tokens; shorten it or use a longer context (-c, contextLength).`,
        { tokens: count(parts), contextLength },
      );
    }
    return { messages: without(droppedTurns), parts, droppedTurns };
  }
}

/** The messages a turn is answered from. */
interface FittedTurn {
  readonly messages: readonly ChatMessage[];
  readonly parts: readonly WrittenPart[];
  readonly droppedTurns: number;
}

function count(parts: readonly WrittenPart[]): number {
  return parts.reduce((sum, { ids }) => sum + ids.length, 0);
}
