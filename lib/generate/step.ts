import type { Tokenizer } from '../tokenizer/types.js';
import type { TokenConstraint } from './constraint.js';
import type { Continuation } from './continuation.js';
import { DryBreakers } from './dry-breakers.js';
import type { Evaluator, Logits } from './evaluator.js';
import { modelLogprob, sampledLogprob, type TokenLogprob } from './logprobs.js';
import type { GenerateSettings } from './options.js';
import type { Progress } from './progress.js';
import { type SampleRequest, Sampler } from './sampler.js';
import type { Speculation } from './speculation/speculation.js';

/** What a generation works with. */
export interface Decoder {
  readonly evaluator: Evaluator;
  readonly tokenizer: Tokenizer;
  readonly settings: GenerateSettings;
  readonly progress: Progress;
  readonly continuation: Continuation;
  readonly speculation?: Speculation | undefined;
}

/** A token that was chosen, with its log-probability if that was asked for. */
export interface Chosen {
  readonly id: number;
  readonly logprob: TokenLogprob | undefined;
}

/**
 * Evaluates tokens at the session's position, and chooses those after them: one, or with speculation as
 * many as were drafted right and one more. Each is chosen as if it had been evaluated alone, with the same
 * random number, so that drafts change no text.
 */
export class Step {
  readonly #decoder: Decoder;
  readonly #sampler: Sampler;
  /** Whether log-probabilities of the model's distribution are wanted. */
  readonly #ofModel: boolean;

  constructor(decoder: Decoder) {
    const { settings, tokenizer } = decoder;
    this.#decoder = decoder;
    this.#sampler = new Sampler(settings, tokenSettings(settings, tokenizer));
    this.#ofModel = settings.logprobs !== undefined && settings.logprobsFrom === 'model';
  }

  /** All but the last of what is returned are evaluated. */
  async next(input: readonly number[]): Promise<Chosen[]> {
    const { evaluator, settings, progress, continuation, speculation } = this.#decoder;
    const { signal, constraint } = settings;
    const onProgress = progress.ids.length === 0 ? settings.onProgress : undefined;
    const speculates = speculation !== undefined && progress.ids.length > 0;
    const begin = speculation?.clock();
    const tokens = [...input];
    return continuation.advance(evaluator, tokens, async () => {
      const { history } = continuation; // `tokens` among it
      const forced = this.#forced(input.length);
      const drafts = speculates && forced.length === 0;
      const draft = drafts ? await this.#draft(speculation, history) : forced;
      for (const id of draft) {
        tokens.push(id);
        history.push(id);
      }
      const requests = this.#requests(draft);
      const options = { logSumExp: this.#ofModel, signal, onProgress };
      const position = evaluator.position + input.length; // before the draft
      const rows = await evaluator.evaluate(tokens, requests, options).catch((error) => {
        if (evaluator.position > position) evaluator.truncate(position);
        throw error;
      });
      const chosen: Chosen[] = [];
      for (const [i, request] of requests.entries()) {
        const sampled = this.#sampler.pick(rows[i]!, request);
        const id = settings.replay?.[progress.ids.length + i] ?? sampled;
        constraint?.accept(id);
        chosen.push({ id, logprob: this.#logprob(id, rows[i]!, request) });
        if (id !== draft[i]) break;
      }
      const accepted = chosen.length - 1;
      const wrong = draft.length - accepted;
      if (wrong > 0) evaluator.truncate(evaluator.position - wrong);
      if (drafts) {
        const milliseconds = speculation.clock() - begin!;
        speculation.record({ drafted: draft.length, accepted, milliseconds });
      }
      return chosen;
    });
  }

  /** What a grammar leaves no choice about: evaluated in one step, as if it had been drafted. */
  #forced(inputLength: number): readonly number[] {
    const { evaluator, settings, progress } = this.#decoder;
    const forced = settings.constraint?.forced?.() ?? [];
    const room = Math.min(
      settings.maxTokens - progress.ids.length - 1,
      evaluator.contextLength - evaluator.position - inputLength,
      mostForced,
    );
    return forced.slice(0, Math.max(room, 0));
  }

  /** What may follow the text, without a token that would end it: no other can follow that. */
  async #draft(speculation: Speculation, history: readonly number[]): Promise<number[]> {
    const { evaluator, settings, progress } = this.#decoder;
    const { position, contextLength } = evaluator;
    // The last token that may come is evaluated by nobody.
    const room = Math.min(
      settings.maxTokens - progress.ids.length - 1,
      contextLength - position - 1,
    );
    const ahead = settings.constraint?.fork();
    const draft: number[] = [];
    for (const id of await speculation.draft(history, room, settings.signal)) {
      if (this.#ends(id) || ahead?.allows(id) === false) break;
      ahead?.accept(id);
      draft.push(id);
    }
    return draft;
  }

  /** What to ask about the last token of the text without the draft, and about each drafted one. */
  #requests(draft: readonly number[]): SampleRequest[] {
    const { history } = this.#decoder.continuation;
    let constraint = this.#decoder.settings.constraint;
    if (draft.length > 0) constraint = constraint?.fork();
    const known = history.length - draft.length;
    const requests = [this.#request(history, known, 0, constraint)];
    for (const [i, id] of draft.entries()) {
      constraint?.accept(id);
      requests.push(this.#request(history, known + i + 1, i + 1, constraint));
    }
    return requests;
  }

  #request(
    history: readonly number[],
    length: number,
    ahead: number,
    constraint: TokenConstraint | undefined,
  ): SampleRequest {
    const { logprobs = 0 } = this.#decoder.settings;
    const request = this.#sampler.request(history, { length, ahead, constraint });
    if (!this.#ofModel || request.top === undefined) return request;
    // The likeliest for the model need not be allowed.
    if (constraint) return { ...request, top: undefined };
    return { ...request, top: Math.max(request.top, logprobs) };
  }

  #ends(id: number): boolean {
    const { settings, tokenizer } = this.#decoder;
    return settings.stopTokens.includes(id) || tokenizer.endOfGeneration.has(id);
  }

  #logprob(id: number, logits: Logits, request: SampleRequest): TokenLogprob | undefined {
    const { settings, tokenizer } = this.#decoder;
    const { logprobs } = settings;
    if (logprobs === undefined) return undefined;
    return this.#ofModel
      ? modelLogprob(id, logprobs, logits, request.extraIds, tokenizer)
      : sampledLogprob(id, logprobs, this.#sampler.last, tokenizer);
  }
}

/** In one step: each has a row of logits. */
const mostForced = 32;

function tokenSettings(settings: GenerateSettings, tokenizer: Tokenizer) {
  const { logitBias, minTokens, ignoreEnd, dryMultiplier, drySequenceBreakers } = settings;
  const ends = [...tokenizer.endOfGeneration];
  return {
    logitBias: ignoreEnd
      ? new Map([...logitBias, ...ends.map((id) => [id, -Infinity] as const)])
      : logitBias,
    endTokens: minTokens > 0 ? [...ends, ...settings.stopTokens] : [],
    minTokens,
    dryBreakers: DryBreakers.of(dryMultiplier > 0 ? drySequenceBreakers : [], tokenizer),
  };
}
