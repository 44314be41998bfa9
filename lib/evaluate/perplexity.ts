import { argumentError, functionOption, givenOptions, signalOption } from '../checks/options.js';
import { BitnetError } from '../errors.js';
import type { OnProgress } from '../generate/on-progress.js';
import { checkModel, type Model } from '../model/model.js';
import type { Session } from '../model/session/session.js';
import type { Perplexity } from './results.js';
import { finiteScores } from './scores.js';
import { Tally } from './tally.js';
import { textWindows, type WindowOptions, windowOptionNames } from './text-windows.js';
import type { Window } from './windows.js';

const optionNames: (keyof PerplexityOptions)[] = [
  ...windowOptionNames,
  ...(['signal', 'onProgress', 'onFraction'] as const),
];

export interface PerplexityOptions extends WindowOptions {
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
  const onProgress = functionOption('onProgress', options.onProgress);
  const onFraction = functionOption('onFraction', options.onFraction);
  const signal = signalOption(options.signal);
  const { windows, contextLength, stride, kvType } = await textWindows(
    model,
    text,
    options,
    signal,
  );
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
