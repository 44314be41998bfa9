import { BitnetError } from '../errors.js';
import { TextStream } from '../tokenizer/text-stream.js';
import type { Tokenizer } from '../tokenizer/types.js';
import type { AdaptedEvaluator } from './adapted-evaluator.js';
import { admission } from './admission.js';
import { claimContinuation } from './continuation.js';
import type { AdmittedGeneration, GenerationOutcome } from './evaluator.js';
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
import { promptLogprobs } from './prompt-logprobs.js';
import { type Speculation, speculationFor } from './speculation/speculation.js';
import { type Chosen, type Decoder, Step } from './step.js';
import { withGrammar } from './with-grammar.js';

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
 *   generation at a time), `ERR_BITNET_QUEUE`, `ERR_BITNET_CONTEXT`, `ERR_BITNET_ABORTED`,
 *   `ERR_BITNET_NUMERIC`
 */
export function generate(
  evaluator: AdaptedEvaluator,
  tokenizer: Tokenizer,
  prompt: Prompt,
  options?: GenerateOptions,
): Generation {
  const settings = withGrammar(generateSettings(options, evaluator.vocabSize), tokenizer);
  const input = checkedPrompt(prompt);
  const progress = new Progress(settings.seed);
  return new Generation(guarded(evaluator, tokenizer, input, settings, progress), progress);
}

/** Runs a generation to its end and collects its text and tokens; see `generate`. */
export async function complete(
  evaluator: AdaptedEvaluator,
  tokenizer: Tokenizer,
  prompt: Prompt,
  options?: GenerateOptions,
): Promise<Completion> {
  return collected(generate(evaluator, tokenizer, prompt, options));
}

/** Holds the session's lock around the loop; errors carry what was generated so far. */
export async function* guarded(
  evaluator: AdaptedEvaluator,
  tokenizer: Tokenizer,
  prompt: string | readonly number[],
  given: GenerateSettings,
  progress: Progress,
): AsyncGenerator<Piece, GenerationResult, undefined> {
  const continuation = claimContinuation(evaluator);
  let begun = false;
  let speculation: Speculation | undefined;
  let admitted: AdmittedGeneration | undefined;
  let outcome: Omit<GenerationOutcome, 'usage'> = {};
  try {
    progress.start();
    const constraint = await given.prepared?.begin(evaluator.vocabSize);
    const settings = constraint ? { ...given, constraint } : given;
    evaluator.useAdapters?.(settings.adapters);
    const atStart = evaluator.position === 0 && continuation.pending === undefined;
    const ids = await promptIds(prompt, tokenizer, atStart, settings);
    progress.promptTokens = ids.length;
    const beginsText = atStart && ids.every((id) => id === tokenizer.bos);
    if (continuation.pending !== undefined) {
      ids.unshift(continuation.pending);
      progress.pendingTokens = 1;
    }
    checkRoom(ids, evaluator);
    evaluator.reusePrefix?.(progress);
    // A grammar has matched the space that a text would begin with.
    const atBegin = beginsText && constraint === undefined;
    const stream = new TextStream(tokenizer, { stop: settings.stop, atStart: atBegin });
    begun = true;
    admitted = await admission(evaluator, settings, progress, ids.length);
    speculation = await speculationFor(settings, evaluator, tokenizer);
    progress.speculation = speculation;
    const decoder = { evaluator, tokenizer, settings, progress, continuation, speculation };
    const { stopReason, ofPrompt } = yield* decode(decoder, ids, stream);
    outcome = { stopReason };
    const result = { stopReason, ...progress.summary() };
    return ofPrompt ? { ...result, promptLogprobs: ofPrompt } : result;
  } catch (error) {
    outcome = { error };
    if (!(error instanceof BitnetError)) throw error;
    if (error.code === 'ERR_BITNET_ABORTED') throw abortedError(progress, given.signal?.reason);
    throw begun ? Object.assign(error, progress.account()) : error;
  } finally {
    speculation?.close();
    continuation.busy = false;
    admitted?.end({ usage: progress.summary().usage, ...outcome });
  }
}

type PromptLogprobs = GenerationResult['promptLogprobs'];

/** How a text came to its end. */
interface Ending {
  readonly stopReason: StopReason;
  readonly ofPrompt: PromptLogprobs;
}

/** Choose and yield tokens until something stops it. */
async function* decode(
  decoder: Decoder,
  prompt: readonly number[],
  stream: TextStream,
): AsyncGenerator<Piece, Ending, undefined> {
  const { evaluator, tokenizer, settings, progress, continuation } = decoder;
  const step = new Step(decoder);
  let input = prompt;
  let ofPrompt: PromptLogprobs;
  let unsaid: Chosen[] = []; // tokens whose text is still held back
  let ahead = 0; // tokens that are evaluated, and not part of the text yet
  try {
    for (;;) {
      if (settings.signal?.aborted) throw abortedError(progress, settings.signal.reason);
      const chosen = await progress.measure(evaluator, async () => {
        if (settings.promptLogprobs === undefined || input !== prompt) return step.next(input);
        const { promptTokens } = progress;
        ofPrompt = await promptLogprobs(decoder, prompt, promptTokens, settings.promptLogprobs);
        return step.next(prompt.slice(-1));
      });
      if (settings.maxTokens === 0) return { stopReason: 'length', ofPrompt };
      if (input === prompt) progress.onFirstToken?.();
      for (const [i, token] of chosen.entries()) {
        if (i > 0 && settings.signal?.aborted) {
          throw abortedError(progress, settings.signal.reason);
        }
        const { id } = token;
        ahead = chosen.length - 1 - i;
        let stopReason = reasonToEnd(decoder, id);
        continuation.pending = stopReason ? undefined : id;
        let text = '';
        if (!stopReason) {
          progress.ids.push(id);
          unsaid.push(token);
          // An embedding may be padded to more rows than there are tokens: those have no text.
          if (id < tokenizer.vocabSize) text = stream.push(id);
          stopReason = reasonToStop(decoder, stream, ahead);
        }
        if (stopReason) text += stream.flush();
        if (text !== '' || (stopReason && unsaid.length > 0)) {
          progress.text += text;
          const piece = pieceOf(text, unsaid);
          unsaid = [];
          yield piece;
        }
        if (stopReason) return { stopReason, ofPrompt };
      }
      input = [chosen.at(-1)!.id];
    }
  } finally {
    if (ahead > 0) takeBack(decoder, ahead);
  }
}

/** Forgets the last tokens that were evaluated: the text ends before them. */
function takeBack({ evaluator, continuation }: Decoder, count: number): void {
  const { pending } = continuation;
  try {
    const position = evaluator.position - count;
    evaluator.truncate(position);
    continuation.rewind(position);
    continuation.pending = pending;
  } catch (error) {
    // Whoever left the text may have closed its session.
    if (!(error instanceof BitnetError && error.code === 'ERR_BITNET_CLOSED')) throw error;
  }
}

function pieceOf(text: string, tokens: readonly Chosen[]): Piece {
  const ids = tokens.map(({ id }) => id);
  const logprobs = tokens.flatMap(({ logprob }) => logprob ?? []);
  return logprobs.length > 0 ? { text, ids, logprobs } : { text, ids };
}

/** Whether the token that was chosen ends the text, of which it is no part. */
function reasonToEnd({ tokenizer, settings }: Decoder, id: number): StopReason | undefined {
  if (settings.stopTokens.includes(id)) return 'stop';
  return tokenizer.endOfGeneration.has(id) ? 'end' : undefined;
}

/** Whether nothing can follow the last token. */
function reasonToStop(
  { evaluator, settings, progress }: Decoder,
  stream: TextStream,
  ahead: number,
): StopReason | undefined {
  if (stream.stopped !== undefined) return 'stop';
  if (ahead === 0 && settings.constraint?.mustEnd) return 'end';
  if (progress.ids.length >= settings.maxTokens) return 'length';
  return evaluator.position - ahead >= evaluator.contextLength ? 'context' : undefined;
}
