import { guarded } from '../../lib/generate/loop.js';
import { type GenerateOptions, generateSettings } from '../../lib/generate/options.js';
import { Progress, type Timings } from '../../lib/generate/progress.js';
import type { Model } from '../../lib/model/model.js';
import type { Session } from '../../lib/model/session/session.js';
import { spread } from '../report/spread.js';
import type { Trace } from './trace.js';

/** How fast a text is generated without drafts, and with them. */
export interface ReplayResult {
  readonly name: string;
  readonly promptTokens: number;
  readonly tokens: number;
  /** Tokens per second of decoding, of every run. */
  readonly plain: readonly number[];
  readonly drafted: readonly number[];
  /** The median of `drafted` over that of `plain`. */
  readonly ratio: number;
  /** Of the last run. */
  readonly draftedTokens: number;
  readonly acceptedTokens: number;
}

export interface ReplayOptions {
  readonly repetitions: number;
  /** A model that drafts, besides what is looked up in the text. */
  readonly draft?: Model | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Generates a recorded text again, by turns without and with drafts: everything is computed, drafted and sampled for
 * real, then the recorded token is taken instead of the sampled one.
 */
export async function replay(
  model: Model,
  trace: Trace,
  { repetitions, draft, signal }: ReplayOptions,
): Promise<ReplayResult> {
  const contextLength = trace.prompt.length + trace.ids.length;
  const session = model.createSession({ contextLength });
  const plain: Timings[] = [];
  const drafted: Timings[] = [];
  try {
    for (let i = 0; i < repetitions; i++) {
      plain.push(await run(model, session, trace, { signal }));
      drafted.push(await run(model, session, trace, { lookup: true, draft, signal }));
    }
  } finally {
    session.close();
  }
  const speeds = (runs: readonly Timings[]) => runs.map(({ tokensPerSecond }) => tokensPerSecond);
  const { draftedTokens = 0, acceptedTokens = 0 } = drafted.at(-1)!;
  return {
    ...{ name: trace.name, promptTokens: trace.prompt.length, tokens: trace.ids.length },
    ...{ plain: speeds(plain), drafted: speeds(drafted), draftedTokens, acceptedTokens },
    ratio: spread(speeds(drafted)).median / spread(speeds(plain)).median,
  };
}

async function run(
  { tokenizer, spec }: Model,
  session: Session,
  { prompt, ids }: Trace,
  options: GenerateOptions,
): Promise<Timings> {
  const given = { ...options, maxTokens: ids.length, ignoreEnd: true, seed: 1 };
  const settings = { ...generateSettings(given, spec.vocabSize), replay: ids };
  const progress = new Progress(settings.seed);
  const input = prompt.slice(session.keepPrefix(prompt));
  const pieces = guarded(session.evaluator, tokenizer, input, settings, progress);
  for (;;) {
    const step = await pieces.next();
    if (step.done) return step.value.timings;
  }
}
