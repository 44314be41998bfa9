import type { Tokenizer } from '../../tokenizer/types.js';
import type { Drafting, Evaluator } from '../evaluator.js';
import type { GenerateSettings } from '../options.js';
import { type DraftedStep, DraftLength } from './draft-length.js';
import { draftModel } from './draft-model.js';
import type { Drafter } from './drafter.js';
import { PromptLookup } from './prompt-lookup.js';

/** So many sequences side by side use what a batch gains already. */
const mostRunning = 2;

/** Drafts tokens of a text where that is likely to save time, and counts what became of them. */
export class Speculation {
  readonly #drafters: readonly Drafter[];
  readonly #length: DraftLength;
  readonly #running: () => number;
  /** Milliseconds. */
  readonly clock: () => number;
  #drafted = 0;
  #accepted = 0;

  /** @param drafters asked in order, until one has a draft */
  constructor(drafters: readonly Drafter[], { most, running, clock }: Drafting) {
    this.#drafters = drafters;
    this.#length = new DraftLength(most);
    this.#running = running;
    this.clock = clock ?? (() => performance.now());
  }

  get draftedTokens(): number {
    return this.#drafted;
  }

  get acceptedTokens(): number {
    return this.#accepted;
  }

  /** What may follow `tokens`, at most `room` tokens. */
  async draft(
    tokens: readonly number[],
    room: number,
    signal: AbortSignal | undefined,
  ): Promise<readonly number[]> {
    const length = this.#running() > mostRunning ? 0 : Math.min(this.#length.next(), room);
    if (length <= 0) return [];
    for (const drafter of this.#drafters) {
      const draft = await drafter.draft(tokens, length, signal);
      if (draft.length > 0) return draft;
    }
    return [];
  }

  record(step: DraftedStep): void {
    this.#drafted += step.drafted;
    this.#accepted += step.accepted;
    this.#length.record(step);
  }

  close(): void {
    for (const drafter of this.#drafters) drafter.close();
  }
}

/**
 * What the options ask for, if anything: lookup first, because it costs nothing. Where drafts cannot be taken
 * back, nothing is drafted.
 *
 * @throws `ERR_BITNET_ARGUMENT` for a draft model with other tokens, and as `model.createSession`
 */
export async function speculationFor(
  { lookup, draft, maxDraft, signal }: GenerateSettings,
  evaluator: Evaluator,
  tokenizer: Tokenizer,
): Promise<Speculation | undefined> {
  if (!lookup && !draft) return undefined;
  const { drafting, vocabSize, contextLength } = evaluator;
  if (!drafting) return new Speculation([], { most: 0, running: () => 1 });
  const drafters: Drafter[] = lookup ? [new PromptLookup(contextLength)] : [];
  if (draft)
    drafters.push(await draftModel(draft, { vocabSize, contextLength, tokenizer, signal }));
  return new Speculation(drafters, { ...drafting, most: maxDraft ?? drafting.most });
}
