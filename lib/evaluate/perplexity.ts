import {
  argumentError,
  booleanOption,
  functionOption,
  givenOptions,
  signalOption,
} from '../checks/options.js';
import { BitnetError } from '../errors.js';
import type { OnProgress } from '../generate/on-progress.js';
import { checkModel, type Model } from '../model/model.js';
import type { Session } from '../model/session/session.js';
import { checkedContextLength } from '../model/session/session-options.js';
import { maxContextLength } from '../model/spec/limits.js';
import type { KvType } from '../native-types.js';
import { encodeInTurn } from '../tokenizer/encode-in-turn.js';
import type { Perplexity } from './results.js';
import { finiteScores } from './scores.js';
import { chunkWindows, strideWindows, type Window } from './windows.js';

const optionNames: (keyof PerplexityOptions)[] = [
  ...(['contextLength', 'stride', 'chunks', 'parseSpecial'] as const),
  ...(['kvType', 'signal', 'onProgress', 'onFraction'] as const),
];

/** Tokens of a chunk unless asked otherwise: what llama-perplexity takes. */
const defaultContextLength = 512;

/** The shortest context of which something can be scored. */
const shortestContext = 3;

export interface PerplexityOptions {
  /**
   * Tokens of a chunk or window, at least 3.
   * @default the trained context, at most 512
   */
  readonly contextLength?: number | undefined;
  /**
   * Score every token of the text once, in windows that are this many tokens apart, instead of the
   * second half of each chunk: 1 to contextLength - 1. Smaller ones take longer and give every
   * token more context.
   * @default none: chunks as llama-perplexity has them
   */
  readonly stride?: number | undefined;
  /**
   * Most chunks or windows to evaluate.
   * @default all
   */
  readonly chunks?: number | undefined;
  /**
   * Read the text of a control token, such as `<|eot_id|>`, as that token.
   * @default false
   */
  readonly parseSpecial?: boolean | undefined;
  /** As in `model.createSession`. */
  readonly kvType?: KvType | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called after each chunk or window with the value so far. */
  readonly onProgress?: ((soFar: Perplexity) => void) | undefined;
  /** Called now and then, also within a chunk, with the fraction of the work done, from 0 to 1. */
  readonly onFraction?: OnProgress | undefined;
}

/**
 * The perplexity of `model` on a text, by default cut into chunks as llama-perplexity does, so that
 * values can be compared with those others publish; docs/cli/perplexity.md has the exact rules.
 *
 * @throws `ERR_BITNET_ARGUMENT` (also for a text that is too short), `ERR_BITNET_MEMORY`,
 *   `ERR_BITNET_CLOSED`, `ERR_BITNET_NUMERIC`, `ERR_BITNET_ABORTED` with the value so far as
 *   `error.result`, unless there was none yet
 */
export async function perplexity(
  model: Model,
  text: string,
  given?: PerplexityOptions,
): Promise<Perplexity> {
  const options = givenOptions(given, optionNames);
  checkModel(model);
  if (typeof text !== 'string') throw argumentError('a text', 'text', text);
  const { kvType } = options;
  const parseSpecial = booleanOption('parseSpecial', options.parseSpecial, false);
  const onProgress = functionOption('onProgress', options.onProgress);
  const onFraction = functionOption('onFraction', options.onFraction);
  const signal = signalOption(options.signal);
  const contextLength = contextOption(options.contextLength, model.spec.contextLength);
  const stride = countOption(options.stride, 'stride', contextLength - 1);
  const most = countOption(options.chunks, 'chunks', Number.MAX_SAFE_INTEGER);

  const encoding = { addSpecial: true, parseSpecial };
  const ids = await encodeInTurn(model.tokenizer, text, encoding, signal);
  const all = cut(model, ids, contextLength, stride);
  const windows = all.slice(0, most ?? all.length);
  const tally = new Tally();
  const soFar = (chunks: number): Perplexity => ({
    ...tally.result(),
    ...{ chunks, chunksInAll: windows.length, contextLength, stride: stride ?? null },
  });
  const tokensInAll = windows.reduce((sum, { ids }) => sum + ids.length, 0);
  let evaluated = 0; // tokens
  const session = model.createSession({ contextLength, kvType });
  try {
    for (const [i, window] of windows.entries()) {
      const scores = await scoresOf(session, window, signal, (tokens) =>
        onFraction?.((evaluated + tokens) / tokensInAll),
      );
      evaluated += window.ids.length;
      const scored = window.ids.slice(window.from);
      tally.add(
        scores,
        scored.map((id) => model.tokenizer.tokenBytes(id).length),
      );
      await onProgress?.(soFar(i + 1));
    }
    return soFar(windows.length);
  } catch (error) {
    const aborted = error instanceof BitnetError && error.code === 'ERR_BITNET_ABORTED';
    const chunks = tally.chunks;
    if (aborted && chunks > 0) Object.assign(error, { result: soFar(chunks) });
    throw error;
  } finally {
    session.close();
  }
}

function cut(
  { tokenizer }: Model,
  ids: number[],
  contextLength: number,
  stride: number | undefined,
): Window[] {
  const begin = tokenizer.addBos ? tokenizer.bos : undefined;
  if (tokenizer.addEos) ids.pop(); // the text goes on, or nobody knows how it would
  const bare = begin === undefined ? ids : ids.slice(1);
  const [windows, needed] =
    stride === undefined
      ? [chunkWindows(ids, contextLength, begin), contextLength]
      : [strideWindows(bare, contextLength, begin, stride), begin === undefined ? 2 : 1];
  if (windows.length > 0 && (stride === undefined || bare.length >= needed)) return windows;
  const help = stride === undefined ? ', a shorter context, or a stride' : '';
  throw new BitnetError(
    'ERR_BITNET_ARGUMENT',
    `Expected a text of at least ${needed} tokens, but it has ${ids.length}; give more text${help}.`,
    { tokens: ids.length },
  );
}

/** ln p of every scored token of a window; says how many of its tokens are evaluated. */
async function scoresOf(
  session: Session,
  { ids, from }: Window,
  signal: AbortSignal | undefined,
  onTokens: (tokens: number) => void,
): Promise<Float64Array> {
  session.reset();
  // What is only context needs no output head.
  const context = ids.slice(0, from - 1);
  const onContext = (fraction: number) => onTokens(fraction * context.length);
  if (context.length > 0) {
    await session.evaluate(context, { logits: 'none', signal, onProgress: onContext });
  }
  const scored = ids.slice(from - 1);
  const onProgress = (fraction: number) => onTokens(context.length + fraction * scored.length);
  return finiteScores(await session.score(scored, { signal, onProgress }));
}

/** Sums over the tokens scored so far. */
class Tally {
  chunks = 0;
  #tokens = 0;
  #bytes = 0;
  #sum = 0;
  #squares = 0;

  add(scores: Float64Array, bytes: readonly number[]): void {
    this.chunks++;
    this.#tokens += scores.length;
    for (const score of scores) {
      this.#sum -= score;
      this.#squares += score * score;
    }
    for (const count of bytes) this.#bytes += count;
  }

  result() {
    const tokens = this.#tokens;
    const nll = this.#sum / tokens;
    const variance = Math.max(this.#squares / tokens - nll * nll, 0);
    const nllError = tokens > 1 ? Math.sqrt(variance / (tokens - 1)) : null;
    const perplexity = Math.exp(nll);
    return {
      perplexity,
      error: nllError === null ? null : nllError * perplexity,
      ...{ nll, nllError },
      bitsPerByte: this.#sum / Math.LN2 / this.#bytes,
      ...{ tokens, bytes: this.#bytes },
    };
  }
}

function contextOption(value: unknown, trained: number): number {
  const length = checkedContextLength(value) ?? Math.min(trained, defaultContextLength);
  if (length >= shortestContext) return length;
  throw argumentError(
    `an integer from ${shortestContext} to ${maxContextLength}`,
    'option contextLength',
    length,
  );
}

function countOption(value: unknown, name: string, most: number): number | undefined {
  if (value === undefined) return value;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most) {
    return value;
  }
  const range = most === Number.MAX_SAFE_INTEGER ? 'of at least 1' : `from 1 to ${most}`;
  throw argumentError(`an integer ${range}`, `option ${name}`, value);
}
