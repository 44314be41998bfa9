import { abortError } from '../abort.js';
import {
  argumentError,
  booleanOption,
  functionOption,
  givenOptions,
  signalOption,
} from '../checks/options.js';
import { BitnetError } from '../errors.js';
import type { OnProgress } from '../generate/on-progress.js';
import { TimeSlice } from '../gguf/time-slice.js';
import { checkModel, type Model } from '../model/model.js';
import type { Session } from '../model/session/session.js';
import { DivergenceTally, type PositionScores, scorePosition } from './divergence.js';
import { LayerTally } from './layer-tally.js';
import type { Comparison } from './results.js';
import { requireSameVocabulary } from './same-vocabulary.js';
import { Tally } from './tally.js';
import { textWindows, type WindowOptions, windowOptionNames } from './text-windows.js';
import type { Window } from './windows.js';

const optionNames: (keyof CompareOptions)[] = [
  ...windowOptionNames,
  ...(['layers', 'signal', 'onProgress', 'onFraction'] as const),
];

export interface CompareOptions extends WindowOptions {
  /** Whether to compare what each layer leaves in the residual stream as well. @default false */
  readonly layers?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called after each chunk or window with the result so far. */
  readonly onProgress?: ((soFar: Comparison) => void) | undefined;
  /** Called now and then with the fraction of the work done, from 0 to 1. */
  readonly onFraction?: OnProgress | undefined;
}

/** Bytes of logits of one model that are held at once, or of the residual streams of its layers. */
const mostBytes = 16 * 2 ** 20;

/**
 * How differently two models with one vocabulary predict a text: their perplexities, the Kullback–Leibler divergence of the second
 * from the first at every scored position, and how often their likeliest tokens agree. Windows are those of `perplexity`.
 *
 * @throws `ERR_BITNET_ARGUMENT` (also for a text that is too short, and for other vocabularies), `ERR_BITNET_MEMORY`,
 *   `ERR_BITNET_CLOSED`, `ERR_BITNET_NUMERIC`, `ERR_BITNET_ABORTED` with the result so far as `error.result`, if there is one
 */
export async function compareModels(
  base: Model,
  other: Model,
  text: string,
  given?: CompareOptions,
): Promise<Comparison> {
  const options = givenOptions(given, optionNames);
  checkModel(base);
  checkModel(other);
  if (typeof text !== 'string') throw argumentError('a text', 'text', text);
  const onProgress = functionOption('onProgress', options.onProgress);
  const onFraction = functionOption('onFraction', options.onFraction);
  const signal = signalOption(options.signal);
  const wantsLayers = booleanOption('layers', options.layers, false);
  await requireSameVocabulary(base, other);
  const layers = wantsLayers ? new LayerTally(base.spec, other.spec) : undefined;
  const limited = {
    ...options,
    contextLength: options.contextLength ?? sharedContext(base, other),
  };
  const cut = await textWindows(base, text, limited, signal);
  requireSameWindows(cut.windows, (await textWindows(other, text, limited, signal)).windows);

  const { windows, contextLength, stride, kvType } = cut;
  const tallies = [new Tally(), new Tally()] as const;
  const divergence = new DivergenceTally();
  const soFar = (chunks: number): Comparison => {
    const shared = { chunks, chunksInAll: windows.length, contextLength, stride: stride ?? null };
    const [first, second] = tallies;
    return {
      perplexity: [
        { ...first.result(), ...shared },
        { ...second.result(), ...shared },
      ],
      ...divergence.result(),
      ...(layers && { layers: layers.result() }),
      tokens: first.result().tokens,
      ...shared,
    };
  };
  const tokensInAll = windows.reduce((sum, { ids }) => sum + ids.length, 0);
  let evaluated = 0;
  const sessions: Session[] = [];
  try {
    for (const model of [base, other]) {
      sessions.push(model.createSession({ contextLength, kvType }));
    }
    for (const [i, window] of windows.entries()) {
      const scored = window.ids.slice(window.from);
      const scores = [new Float64Array(scored.length), new Float64Array(scored.length)] as const;
      let at = 0;
      const { vocabSize } = base.spec;
      for await (const position of positions(sessions, window, { vocabSize, layers, signal })) {
        scores[0][at] = position.logProbs[0];
        scores[1][at] = position.logProbs[1];
        divergence.add(position);
        at++;
        onFraction?.((evaluated + window.from + at) / tokensInAll);
      }
      evaluated += window.ids.length;
      const bytes = scored.map((id) => base.tokenizer.tokenBytes(id).length);
      for (const [m, tally] of tallies.entries()) tally.add(scores[m]!, bytes);
      await onProgress?.(soFar(i + 1));
    }
    return soFar(windows.length);
  } catch (error) {
    const aborted = error instanceof BitnetError && error.code === 'ERR_BITNET_ABORTED';
    const { chunks } = tallies[1];
    if (aborted && chunks > 0) Object.assign(error, { result: soFar(chunks) });
    throw error;
  } finally {
    for (const session of sessions) session.close();
  }
}

interface PositionOptions {
  readonly vocabSize: number;
  /** Gets the residual streams of all layers. */
  readonly layers: LayerTally | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Every scored position of a window; the logits of a few are in memory at a time. */
async function* positions(
  sessions: readonly Session[],
  { ids, from }: Window,
  { vocabSize, layers, signal }: PositionOptions,
): AsyncGenerator<PositionScores> {
  const slice = new TimeSlice();
  for (const session of sessions) {
    session.reset();
    const context = ids.slice(0, from - 1);
    if (context.length > 0) await session.evaluate(context, { logits: 'none', signal });
  }
  const tokenBytes = Math.max(4 * vocabSize, layers?.tokenBytes ?? 0);
  const most = Math.max(1, Math.floor(mostBytes / tokenBytes));
  // The logits of a token predict the one after it; those of the last are not needed.
  for (let at = from - 1; at < ids.length - 1; at += most) {
    const some = ids.slice(at, Math.min(at + most, ids.length - 1));
    const logits: Float32Array[] = [];
    const streams: Float32Array[] = [];
    for (const session of sessions) {
      if (layers) {
        const evaluated = await session.layers(some, signal);
        logits.push(evaluated.logits);
        streams.push(evaluated.layers);
      } else {
        logits.push(await session.evaluate(some, { logits: 'all', signal }));
      }
    }
    layers?.add(streams[0]!, streams[1]!);
    for (let i = 0; i < some.length; i++) {
      const [first, second] = logits.map((rows) =>
        rows.subarray(i * vocabSize, (i + 1) * vocabSize),
      );
      yield scorePosition(first!, second!, ids[at + i + 1]!);
      if (signal?.aborted) throw abortError('Comparing the models was aborted.', signal.reason);
      if (slice.due()) await slice.pause();
    }
  }
}

function sharedContext(base: Model, other: Model): number | undefined {
  const [a, b] = [base.spec.contextLength, other.spec.contextLength];
  return a === b ? undefined : Math.min(a, b, 512);
}

/** Models may share a vocabulary and still split a text otherwise. */
function requireSameWindows(a: readonly Window[], b: readonly Window[]): void {
  const same =
    a.length === b.length &&
    a.every(
      ({ ids }, i) => ids.length === b[i]!.ids.length && ids.every((id, j) => id === b[i]!.ids[j]),
    );
  if (same) return;
  throw new BitnetError(
    'ERR_BITNET_ARGUMENT',
    'Expected two models that split the text into the same tokens, but their pre-tokenizers or begin tokens differ; compare models made from the same checkpoint.',
  );
}
