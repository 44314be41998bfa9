import { onAbort } from '../abort.js';
import { argumentError, booleanOption, givenOptions, signalOption } from '../checks/options.js';
import { copiedIds, idCount } from '../checks/token-ids.js';
import { BitnetError } from '../errors.js';
import { encodeInTurn } from '../tokenizer/encode-in-turn.js';
import type { Tokenizer } from '../tokenizer/types.js';
import type { Session } from './session/session.js';
import type { SessionOptions } from './session/session-options.js';
import type { ModelSpec, Pooling } from './spec/spec.js';

export interface EmbedOptions {
  /**
   * Which states make the embedding: that of the last or first token, or the mean of all.
   * @default what the file says, else 'last', the one that has seen the whole text
   */
  readonly pooling?: Pooling | undefined;
  /**
   * Whether to scale embeddings to length 1, so that the dot product of two is their cosine.
   * @default true
   */
  readonly normalize?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What is needed of a model. */
interface Embedder {
  readonly spec: ModelSpec;
  readonly tokenizer: Tokenizer;
  createSession(options: SessionOptions): Session;
}

const poolings: readonly Pooling[] = ['last', 'mean', 'first'];

/** Texts under way at a time; they share steps, and each has a KV cache of its length. */
const mostSessions = 16;

/** Tokens whose states are in memory at a time. */
const chunkTokens = 512;

/** `model.embed`: see there. */
export async function embed(
  model: Embedder,
  texts: readonly (string | ArrayLike<number>)[],
  options?: EmbedOptions,
): Promise<Float32Array[]> {
  const given = givenOptions(options, ['pooling', 'normalize', 'signal']);
  if (!Array.isArray(texts)) throw argumentError('an array of texts', 'texts', texts);
  const { pooling = model.spec.pooling ?? 'last' } = given;
  if (!poolings.includes(pooling)) {
    throw argumentError("'last', 'mean' or 'first'", 'option pooling', pooling);
  }
  const normalize = booleanOption('normalize', given.normalize, true);
  const signal = signalOption(given.signal);
  // Not texts.map, which skips the holes of a sparse array.
  const inputs: Int32Array[] = [];
  for (let i = 0; i < texts.length; i++) inputs.push(await inputIds(model, texts[i], i, signal));
  return concurrently(inputs, signal, (ids, own) => embedOne(model, ids, pooling, normalize, own));
}

/** What `action` makes of each item, several at a time; one that fails ends the others. */
async function concurrently<T, R>(
  items: readonly T[],
  signal: AbortSignal | undefined,
  action: (item: T, signal: AbortSignal) => Promise<R>,
): Promise<R[]> {
  const controller = new AbortController();
  const release = onAbort(signal, () => controller.abort(signal?.reason));
  const results: R[] = new Array(items.length);
  let next = 0;
  let failure: unknown;
  const work = async () => {
    while (next < items.length) {
      const i = next++;
      results[i] = await action(items[i]!, controller.signal);
    }
  };
  const fail = (error: unknown) => {
    failure ??= error;
    next = items.length;
    controller.abort(error);
  };
  const workers = Array.from({ length: Math.min(items.length, mostSessions) }, work);
  await Promise.all(workers.map((worker) => worker.catch(fail)));
  release();
  if (failure !== undefined) throw failure;
  return results;
}

/** The tokens of a text, with those the model wants around it, as many as it was trained for. */
async function inputIds(
  model: Embedder,
  text: unknown,
  index: number,
  signal: AbortSignal | undefined,
): Promise<Int32Array> {
  const name = `texts[${index}]`;
  if (typeof text !== 'string' && (typeof text !== 'object' || text === null)) {
    throw argumentError('a text or an array of token ids', name, text);
  }
  const ids =
    typeof text === 'string'
      ? await encodeInTurn(model.tokenizer, text, { addSpecial: true }, signal)
      : (text as ArrayLike<number>);
  const count = idCount(ids, name);
  if (count === 0) {
    throw new BitnetError(
      'ERR_BITNET_ARGUMENT',
      `Expected at least one token in ${name}, but it is empty, and this model adds none of its own; leave it out.`,
      { index },
    );
  }
  const { contextLength, vocabSize } = model.spec;
  if (count <= contextLength) return copiedIds(ids, count, vocabSize, name);
  throw new BitnetError(
    'ERR_BITNET_CONTEXT',
    `Expected at most ${contextLength} tokens in ${name}, the context the model was trained with, but it has ${count}; shorten or split it.`,
    { index, tokens: count, contextLength },
  );
}

async function embedOne(
  model: Embedder,
  ids: Int32Array,
  pooling: Pooling,
  normalize: boolean,
  signal: AbortSignal,
): Promise<Float32Array> {
  // A token sees none that follow: the first one's state needs only itself.
  const needed = pooling === 'first' ? ids.slice(0, 1) : ids;
  const session = model.createSession({ contextLength: needed.length });
  try {
    const pooled =
      pooling === 'mean'
        ? await meanState(session, needed, signal)
        : Float64Array.from(await session.states(needed, 'last', signal));
    return finished(pooled, normalize);
  } finally {
    session.close();
  }
}

/** Summed in double and in the order of the tokens, whatever the chunks. */
async function meanState(
  session: Session,
  ids: Int32Array,
  signal: AbortSignal | undefined,
): Promise<Float64Array> {
  let sum: Float64Array | undefined;
  for (let begin = 0; begin < ids.length; begin += chunkTokens) {
    const chunk = ids.slice(begin, begin + chunkTokens);
    const states = await session.states(chunk, 'all', signal);
    const dim = states.length / chunk.length;
    sum ??= new Float64Array(dim);
    for (let e = 0; e < states.length; e++) sum[e % dim]! += states[e]!;
  }
  return sum!.map((value) => value / ids.length);
}

function finished(state: Float64Array, normalize: boolean): Float32Array {
  const length = Math.sqrt(state.reduce((sum, value) => sum + value * value, 0));
  if (!Number.isFinite(length)) {
    throw new BitnetError(
      'ERR_BITNET_NUMERIC',
      'Expected a finite embedding, but some of it is not a number: the weights are damaged; get the file again.',
    );
  }
  const scale = normalize && length > 0 ? 1 / length : 1;
  return Float32Array.from(state, (value) => value * scale);
}
