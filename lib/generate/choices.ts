import { argumentError } from '../checks/options.js';
import type { Tokenizer } from '../tokenizer/types.js';
import type { AdaptedEvaluator } from './adapted-evaluator.js';
import { claimContinuation } from './continuation.js';
import type { Completion } from './generation.js';
import { complete } from './loop.js';
import { type GenerateOptions, type GenerateSettings, generateSettings } from './options.js';
import type { Usage } from './progress.js';
import { checkedPrompt, checkRoom, type Prompt, promptIds } from './prompt.js';
import { withGrammar } from './with-grammar.js';

/** Options of `session.complete`. */
export interface CompleteOptions extends GenerateOptions {
  /**
   * How many completions to make of the prompt, from 1 to 256; the result is then `{ choices, usage }`. The seed of
   * the first is `seed`, of each other one more than that of the one before.
   */
  readonly n?: number | undefined;
}

/** Several completions of one prompt. */
export interface Choices {
  /** `[n]`; `usage.cachedTokens` of all but the first has what was evaluated for the first. */
  readonly choices: readonly Completion[];
  /** Of all together: the prompt counts once. */
  readonly usage: Usage;
}

/** A session as choices need it. */
interface Forking {
  readonly evaluator: AdaptedEvaluator;
  fork(): Forking;
  close(): void;
}

const maxChoices = 256;

/**
 * Evaluates the prompt once in `session`, which from then on holds it, and goes on from there in `n` forks of
 * it at once.
 *
 * @throws as `generate`; what one of them throws ends all
 */
export async function completeChoices(
  session: Forking,
  tokenizer: Tokenizer,
  prompt: Prompt,
  { n, ...options }: CompleteOptions,
): Promise<Choices> {
  if (!Number.isInteger(n) || n! < 1 || n! > maxChoices) {
    throw argumentError(`an integer from 1 to ${maxChoices}`, 'option n', n);
  }
  const settings = withGrammar(generateSettings(options, session.evaluator.vocabSize), tokenizer);
  if (settings.promptLogprobs !== undefined) {
    const { promptLogprobs } = settings;
    throw argumentError('no promptLogprobs beside n', 'option promptLogprobs', promptLogprobs);
  }
  const input = checkedPrompt(prompt);
  const { rest, usage } = await evaluated(session.evaluator, tokenizer, input, settings);
  const forks: Forking[] = [];
  try {
    while (forks.length < n!) forks.push(session.fork());
    const choices = await Promise.all(
      forks.map(async ({ evaluator }, i) => {
        const past = settings.seed - 2 ** 53 + i; // exact, unlike their sum
        const seed = past < 0 ? settings.seed + i : past;
        const one = await complete(evaluator, tokenizer, rest, { ...options, seed });
        return { ...one, usage: { ...one.usage, ...usage(i) } };
      }),
    );
    const completionTokens = choices.reduce((sum, one) => sum + one.usage.completionTokens, 0);
    return { choices, usage: { ...choices[0]!.usage, completionTokens } };
  } finally {
    for (const fork of forks) fork.close();
  }
}

/**
 * Evaluates a prompt but for its last token, which is left pending: whoever goes on needs what follows it.
 *
 * @returns what is left to give to each, and what the i-th of them reads
 */
async function evaluated(
  evaluator: AdaptedEvaluator,
  tokenizer: Tokenizer,
  prompt: string | readonly number[],
  settings: GenerateSettings,
): Promise<{ rest: readonly number[]; usage: (i: number) => Partial<Usage> }> {
  const continuation = claimContinuation(evaluator);
  try {
    evaluator.useAdapters?.(settings.adapters);
    const atStart = evaluator.position === 0 && continuation.pending === undefined;
    const ids = await promptIds(prompt, tokenizer, atStart, settings);
    const promptTokens = ids.length;
    if (continuation.pending !== undefined) ids.unshift(continuation.pending);
    checkRoom(ids, evaluator);
    // Text begins behind these tokens: there is nothing to share, and each has to know it.
    if (atStart && ids.every((id) => id === tokenizer.bos)) return { rest: ids, usage: () => ({}) };
    const counter = { cachedTokens: 0 };
    const begin = ids.slice(0, -1);
    if (begin.length > 0) {
      const { signal, onProgress } = settings;
      evaluator.reusePrefix?.(counter);
      await continuation.advance(evaluator, begin, () =>
        evaluator.evaluate(begin, [{ top: 1, extraIds: [] }], { signal, onProgress }),
      );
    }
    continuation.pending = ids.at(-1);
    const known = Math.max(promptTokens - 1, 0);
    const cached = Math.min(counter.cachedTokens, known);
    return {
      rest: [],
      usage: (i) => ({ promptTokens, cachedTokens: i === 0 ? cached : known }),
    };
  } finally {
    continuation.busy = false;
  }
}
