import { BitnetError } from '../../errors.js';
import type { Tokenizer } from '../../tokenizer/types.js';
import { vocabularyDifference } from '../../tokenizer/vocabulary-difference.js';
import type { Evaluator } from '../evaluator.js';
import type { Drafter } from './drafter.js';

/** What is needed of a model that drafts: any that `loadModel` gives has it. */
export interface DraftingModel {
  readonly tokenizer: Tokenizer;
  readonly spec: { readonly vocabSize: number };
  createSession(options: { readonly contextLength: number }): DraftingSession;
}

interface DraftingSession {
  readonly contextLength: number;
  /** @internal */
  readonly evaluator: Evaluator;
  keepPrefix(ids: ArrayLike<number>): number;
  close(): void;
}

/** The text that is drafted for. */
interface DraftedText {
  readonly vocabSize: number;
  readonly contextLength: number;
  readonly tokenizer: Tokenizer;
  readonly signal: AbortSignal | undefined;
}

/** Vocabularies that were compared, and found to be the same. */
const same = new WeakMap<Tokenizer, WeakSet<Tokenizer>>();

/** @throws `ERR_BITNET_ARGUMENT` unless every id stands for the same token, and as `createSession` */
export async function draftModel(model: DraftingModel, text: DraftedText): Promise<Drafter> {
  const known = same.get(text.tokenizer) ?? new WeakSet();
  same.set(text.tokenizer, known);
  if (!known.has(model.tokenizer)) {
    const difference = await vocabularyDifference(
      { size: text.vocabSize, tokenizer: text.tokenizer },
      { size: model.spec.vocabSize, tokenizer: model.tokenizer },
    );
    if (difference !== undefined) throw otherTokens(difference);
    known.add(model.tokenizer);
  }
  return new DraftModel(model.createSession({ contextLength: text.contextLength }));
}

const best = [{ top: 1, extraIds: [] }];

/** Drafts what a smaller model finds most likely. */
class DraftModel implements Drafter {
  readonly #session: DraftingSession;

  constructor(session: DraftingSession) {
    this.#session = session;
  }

  async draft(
    tokens: readonly number[],
    most: number,
    signal: AbortSignal | undefined,
  ): Promise<readonly number[]> {
    const { evaluator, contextLength } = this.#session;
    const drafted: number[] = [];
    const count = Math.min(most, contextLength - tokens.length);
    let input = tokens.slice(this.#session.keepPrefix(tokens));
    while (drafted.length < count) {
      const [row] = await evaluator.evaluate(input, best, { signal });
      if (!row || 'all' in row) throw new Error('the best were asked for');
      input = [row.ids[0]!];
      drafted.push(row.ids[0]!);
    }
    return drafted;
  }

  close(): void {
    this.#session.close();
  }
}

function otherTokens(difference: string): BitnetError {
  return new BitnetError(
    'ERR_BITNET_ARGUMENT',
    `Expected a draft model with the tokens of the model, but they have ${difference}; choose a smaller model of the same family.`,
    { option: 'draft' },
  );
}
