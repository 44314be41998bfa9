import { BitnetError } from '../errors.js';
import { TextStream } from '../tokenizer/text-stream.js';
import type { Tokenizer } from '../tokenizer/types.js';
import { type Continuation, claimContinuation } from './continuation.js';
import type { Evaluator } from './evaluator.js';
import {
  abortedError,
  type Completion,
  collected,
  Generation,
  type GenerationResult,
  type Piece,
  type StopReason,
} from './generation.js';
import { type GenerateOptions, type GenerateSettings, generateSettings } from './options.js';
import { Progress } from './progress.js';
import { checkedPrompt, checkRoom, type Prompt, promptIds } from './prompt.js';
import { Sampler } from './sampler.js';

/**
 * Continues `prompt`, which is appended at the session's position. Wrong arguments throw here;
 * everything else happens, and fails, while the generation is iterated.
 *
 * The last token of a generation is handed out without being evaluated (the caller may not need what
 * follows it), so it is not counted in `evaluator.position`. The next generation on the same
 * session evaluates it first, before its own prompt: two calls read as one text. A token that
 * ends the text is neither handed out nor evaluated.
 *
 * @throws `ERR_BITNET_ARGUMENT`; while iterated also `ERR_BITNET_BUSY` (a session runs one
 *   generation at a time), `ERR_BITNET_CONTEXT`, `ERR_BITNET_ABORTED`, `ERR_BITNET_NUMERIC`
 */
export function generate(
  evaluator: Evaluator,
  tokenizer: Tokenizer,
  prompt: Prompt,
  options?: GenerateOptions,
): Generation {
  const settings = generateSettings(options);
  const input = checkedPrompt(prompt);
  const progress = new Progress(settings.seed);
  return new Generation(guarded(evaluator, tokenizer, input, settings, progress), progress);
}

/** Runs a generation to its end and collects its text and tokens; see `generate`. */
export async function complete(
  evaluator: Evaluator,
  tokenizer: Tokenizer,
  prompt: Prompt,
  options?: GenerateOptions,
): Promise<Completion> {
  return collected(generate(evaluator, tokenizer, prompt, options));
}

/** Holds the session's lock around the loop; errors carry what was generated so far. */
export async function* guarded(
  evaluator: Evaluator,
  tokenizer: Tokenizer,
  prompt: string | readonly number[],
  settings: GenerateSettings,
  progress: Progress,
): AsyncGenerator<Piece, GenerationResult, undefined> {
  const continuation = claimContinuation(evaluator);
  let begun = false;
  try {
    progress.start();
    const atStart = evaluator.position === 0 && continuation.pending === undefined;
    const ids = await promptIds(prompt, tokenizer, atStart, settings);
    progress.promptTokens = ids.length;
    const beginsText = atStart && ids.every((id) => id === tokenizer.bos);
    if (continuation.pending !== undefined) {
      ids.unshift(continuation.pending);
      progress.pendingTokens = 1;
    }
    checkRoom(ids, evaluator);
    const stream = new TextStream(tokenizer, { stop: settings.stop, atStart: beginsText });
    const decoder = { evaluator, tokenizer, settings, progress, continuation, stream };
    begun = true;
    const stopReason = yield* decode(decoder, ids);
    return { stopReason, ...progress.summary() };
  } catch (error) {
    if (!(error instanceof BitnetError)) throw error;
    if (error.code === 'ERR_BITNET_ABORTED') throw abortedError(progress, settings.signal?.reason);
    throw begun ? Object.assign(error, progress.account()) : error;
  } finally {
    continuation.busy = false;
  }
}

interface Decoder {
  readonly evaluator: Evaluator;
  readonly tokenizer: Tokenizer;
  readonly settings: GenerateSettings;
  readonly progress: Progress;
  readonly continuation: Continuation;
  readonly stream: TextStream;
}

/** Evaluate, choose and yield tokens until something stops it. */
async function* decode(
  decoder: Decoder,
  prompt: readonly number[],
): AsyncGenerator<Piece, StopReason, undefined> {
  const { evaluator, tokenizer, settings, progress, continuation, stream } = decoder;
  const sampler = new Sampler(settings);
  let input = prompt;
  let unsaid: number[] = []; // tokens whose text is still held back
  for (;;) {
    if (settings.signal?.aborted) throw abortedError(progress, settings.signal.reason);
    const id = await progress.measure(evaluator, () => next(decoder, sampler, input));
    const ended = tokenizer.endOfGeneration.has(id);
    if (settings.maxTokens === 0) return 'length';
    let text = '';
    if (!ended) {
      continuation.pending = id;
      progress.ids.push(id);
      unsaid.push(id);
      // An embedding may be padded to more rows than there are tokens: those have no text.
      if (id < tokenizer.vocabSize) text = stream.push(id);
    }
    const stopReason = ended ? 'end' : reasonToStop(decoder);
    if (stopReason) text += stream.flush();
    if (text !== '' || (stopReason && unsaid.length > 0)) {
      progress.text += text;
      const piece = { text, ids: unsaid };
      unsaid = [];
      yield piece;
    }
    if (stopReason) return stopReason;
    input = [id];
  }
}

/** Evaluates `input` at the session's position and chooses the token after it. */
async function next(
  { evaluator, settings, progress, continuation }: Decoder,
  sampler: Sampler,
  input: readonly number[],
): Promise<number> {
  const { signal } = settings;
  const onProgress = progress.ids.length === 0 ? settings.onProgress : undefined;
  return continuation.advance(evaluator, input, async () => {
    const request = sampler.request(continuation.history);
    if (request.top === undefined) {
      return sampler.pickFromAll(await evaluator.evaluateLast(input, signal, onProgress), request);
    }
    const extraIds = [...request.penalized.keys()];
    return sampler.pickFromTop(
      await evaluator.evaluateTop(input, request.top, extraIds, signal, onProgress),
      request,
    );
  });
}

function reasonToStop({ evaluator, settings, progress, stream }: Decoder): StopReason | undefined {
  if (stream.stopped !== undefined) return 'stop';
  if (progress.ids.length >= settings.maxTokens) return 'length';
  return evaluator.position >= evaluator.contextLength ? 'context' : undefined;
}
