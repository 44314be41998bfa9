import {
  argumentError,
  booleanOption,
  functionOption,
  givenOptions,
  signalOption,
} from '../checks/options.js';
import { BitnetError } from '../errors.js';
import { largestOf, smallestOf } from '../extremes.js';
import { checkModel, type Model } from '../model/model.js';
import type { Session } from '../model/session/session.js';
import type { KvType } from '../native-types.js';
import { encodeInTurn } from '../tokenizer/encode-in-turn.js';
import {
  type ChoiceItem,
  checkedItems,
  type EvalItem,
  type LastWordItem,
  lastWordStart,
} from './items.js';
import type { EvalResult, Share } from './results.js';
import { finiteScores } from './scores.js';

export interface EvalOptions {
  /**
   * The choices take the place of the only `_` in the question, and what follows it is scored, as
   * in WinoGrande. Without it they follow the question after a space, and are scored themselves.
   * @default false
   */
  readonly blank?: boolean | undefined;
  /**
   * Most items to evaluate, from the first on.
   * @default all
   */
  readonly limit?: number | undefined;
  /** As in `model.createSession`. */
  readonly contextLength?: number | undefined;
  /** As in `model.createSession`. */
  readonly kvType?: KvType | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called after each item with the result so far. */
  readonly onProgress?: ((soFar: EvalResult) => void) | undefined;
}

/**
 * How often a model finds the right answer, or the last word of a text. Every log-probability is
 * that of the continuation's tokens after the question's; docs/cli/eval.md has the exact rules.
 * The question's keys and values are computed once for all of its choices.
 *
 * @throws `ERR_BITNET_ARGUMENT`, `ERR_BITNET_MEMORY`, `ERR_BITNET_CLOSED`, `ERR_BITNET_NUMERIC`,
 *   `ERR_BITNET_ABORTED` with what there was as `error.result`, unless there was nothing yet
 */
export async function evalItems(
  model: Model,
  items: readonly EvalItem[],
  given?: EvalOptions,
): Promise<EvalResult> {
  const options = givenOptions(given, [
    ...(['blank', 'limit', 'contextLength', 'kvType', 'signal', 'onProgress'] as const),
  ]);
  checkModel(model);
  if (!Array.isArray(items) || items.length === 0) {
    throw argumentError('at least one item', 'items', items);
  }
  const { limit = items.length, contextLength, kvType } = options;
  const blank = booleanOption('blank', options.blank, false);
  const onProgress = functionOption('onProgress', options.onProgress);
  if (!Number.isInteger(limit) || limit < 1) {
    throw argumentError('an integer of at least 1', 'option limit', limit);
  }
  const signal = signalOption(options.signal);
  const some = checkedItems(items, Math.min(limit, items.length));
  const tally = new Tally('text' in some[0]! ? 'last-word' : 'choice', some.length);
  const session = model.createSession({ contextLength, kvType });
  try {
    for (const [i, item] of some.entries()) {
      const evaluation = { model, session, signal, tally };
      if ('text' in item) await lastWord(evaluation, item);
      else {
        const fills = item.blank ?? blank;
        await choose(evaluation, fills ? filled(item, i) : following(item), item.label);
      }
      await onProgress?.(tally.result());
    }
    return tally.result();
  } catch (error) {
    const aborted = error instanceof BitnetError && error.code === 'ERR_BITNET_ABORTED';
    if (aborted && tally.items > 0) Object.assign(error, { result: tally.result() });
    throw error;
  } finally {
    session.close();
  }
}

/** A choice as text: what it follows, itself, and the bytes its score is divided by. */
interface Candidate {
  readonly context: string;
  readonly continuation: string;
  readonly bytes: number;
}

/** The choice after the question and a space. */
function following({ question, choices }: ChoiceItem): Candidate[] {
  const context = question.trimEnd();
  return choices.map((choice) => ({
    context,
    continuation: context === '' ? choice : ` ${choice.trimStart()}`,
    bytes: Buffer.byteLength(choice.trimStart()),
  }));
}

/** The choice in the blank of the question, before what is scored. */
function filled({ question, choices }: ChoiceItem, index: number): Candidate[] {
  const parts = question.split('_');
  const rest = parts[1]?.trimStart() ?? '';
  if (parts.length !== 2 || rest === '') {
    throw new BitnetError(
      'ERR_BITNET_ARGUMENT',
      `Expected one _ with text after it in each question, but item ${index + 1} has ${parts.length - 1}; leave out the option blank.`,
      { item: index },
    );
  }
  return choices.map((choice) => ({
    context: `${parts[0]}${choice}`,
    continuation: parts[1]!,
    bytes: Buffer.byteLength(rest),
  }));
}

interface Evaluation {
  readonly model: Model;
  readonly session: Session;
  readonly signal: AbortSignal | undefined;
  readonly tally: Tally;
}

async function choose(evaluation: Evaluation, candidates: Candidate[], label: number) {
  const { model, session, signal, tally } = evaluation;
  const all: Tokens[] = [];
  for (const candidate of candidates) all.push(await tokensOf(model, candidate, signal));
  const tooLong = largestOf(all.map(({ ids }) => ids.length)) - session.contextLength;
  const texts = tooLong > 0 ? all.map((text) => shortened(model, text, tooLong)) : all;
  if (tooLong > 0) tally.shortened++;
  // What all candidates begin with is evaluated once, all but its last token: that predicts the next.
  const common = Math.min(smallestOf(texts.map(({ from }) => from)), commonLength(texts));
  const shared = Math.max(common - 1, 0);
  session.reset();
  await evaluateContext(evaluation, texts[0]!.ids.slice(0, shared));
  const sums: number[] = [];
  for (const { ids, from } of texts) {
    session.truncate(shared);
    // Of the question, scores are needed where choices are filled into it only.
    await evaluateContext(evaluation, ids.slice(shared, from - 1));
    sums.push(await score(evaluation, ids.slice(from - 1)));
  }
  const perByte = sums.map((sum, i) => sum / candidates[i]!.bytes);
  tally.choice(largest(sums) === label, largest(perByte) === label, candidates.length);
}

async function lastWord(evaluation: Evaluation, { text }: LastWordItem) {
  const { model, session, signal, tally } = evaluation;
  const at = lastWordStart(text);
  const continuation = text.slice(at).trimEnd();
  const all = await tokensOf(model, { context: text.slice(0, at), continuation }, signal);
  const tooLong = all.ids.length - session.contextLength;
  const { ids, from } = tooLong > 0 ? shortened(model, all, tooLong) : all;
  if (tooLong > 0) tally.shortened++;
  session.reset();
  await evaluateContext(evaluation, ids.slice(0, from - 1));
  let [sum, likeliest] = [0, true];
  for (const [i, id] of ids.slice(from).entries()) {
    const logits = await session.evaluate([ids[from - 1 + i]!], { signal });
    tally.tokens++;
    const total = logSumExp(logits);
    sum += logits[id]! - total;
    likeliest &&= largest(logits) === id;
  }
  finiteScores(Float64Array.of(sum));
  tally.lastWord(likeliest, sum);
}

async function evaluateContext({ session, signal, tally }: Evaluation, ids: number[]) {
  if (ids.length === 0) return;
  await session.evaluate(ids, { logits: 'none', signal });
  tally.tokens += ids.length;
}

/** Σ ln p of all tokens but the first. */
async function score({ session, signal, tally }: Evaluation, ids: number[]): Promise<number> {
  const scores = finiteScores(await session.score(ids, { signal }));
  tally.tokens += ids.length;
  return scores.reduce((sum, value) => sum + value, 0);
}

/** Token ids of a text, of which those from `from` on are the continuation's: at least 1. */
interface Tokens {
  readonly ids: readonly number[];
  readonly from: number;
}

/**
 * The text as a whole is tokenized, as it would be read; the continuation begins where its tokens
 * are no longer those of the context alone.
 */
async function tokensOf(
  { tokenizer }: Model,
  { context, continuation }: Pick<Candidate, 'context' | 'continuation'>,
  signal: AbortSignal | undefined,
): Promise<Tokens> {
  const begin = tokenizer.addBos ? tokenizer.bos : undefined;
  const encoded = async (text: string) => [
    ...(begin === undefined ? [] : [begin]),
    ...(await encodeInTurn(tokenizer, text, {}, signal)),
  ];
  const before = await encoded(context);
  const ids = await encoded(context + continuation);
  const prefix = tokenizer.bos ?? tokenizer.eos;
  if (before.length === 0 && prefix !== undefined) return { ids: [prefix, ...ids], from: 1 };
  const from = commonLength([{ ids: before }, { ids: ids.slice(0, -1) }]);
  return { ids, from: Math.max(from, 1) };
}

/** Without `count` tokens of the context's beginning, after the begin token. */
function shortened(model: Model, { ids, from }: Tokens, count: number): Tokens {
  const kept = model.tokenizer.addBos ? 1 : 0;
  if (from - count < Math.max(kept, 1)) {
    throw new BitnetError(
      'ERR_BITNET_CONTEXT',
      `Expected items whose answers fit the context, but one of ${ids.length} tokens is ${count} too long; use a longer context.`,
      { path: model.path, tokens: ids.length },
    );
  }
  return { ids: [...ids.slice(0, kept), ...ids.slice(kept + count)], from: from - count };
}

/** How many tokens all of the texts begin with. */
function commonLength(texts: readonly Pick<Tokens, 'ids'>[]): number {
  const [first, ...others] = texts.map(({ ids }) => ids);
  const length = smallestOf(texts.map(({ ids }) => ids.length));
  for (let i = 0; i < length; i++) {
    if (others.some((ids) => ids[i] !== first![i])) return i;
  }
  return length;
}

/** Position of the largest value; the first of equal ones. */
function largest(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

function logSumExp(logits: Float32Array): number {
  const top = logits[largest(logits)]!;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - top);
  return top + Math.log(sum);
}

/** Counts over the items so far. */
class Tally {
  items = 0;
  tokens = 0;
  shortened = 0;
  #right = 0;
  #rightPerByte = 0;
  #chance = 0;
  #sum = 0;
  readonly #kind: EvalResult['kind'];
  readonly #itemsInAll: number;

  constructor(kind: EvalResult['kind'], itemsInAll: number) {
    this.#kind = kind;
    this.#itemsInAll = itemsInAll;
  }

  choice(right: boolean, rightPerByte: boolean, choices: number): void {
    this.items++;
    this.#right += Number(right);
    this.#rightPerByte += Number(rightPerByte);
    this.#chance += 1 / choices;
  }

  lastWord(likeliest: boolean, logProbability: number): void {
    this.items++;
    this.#right += Number(likeliest);
    this.#sum += logProbability;
  }

  result(): EvalResult {
    const { items, tokens, shortened } = this;
    const choice = this.#kind === 'choice';
    const share = (count: number): Share => {
      const value = count / items;
      return { value, error: items > 1 ? Math.sqrt((value * (1 - value)) / (items - 1)) : null };
    };
    return {
      kind: this.#kind,
      items,
      itemsInAll: this.#itemsInAll,
      accuracy: share(this.#right),
      normalizedAccuracy: choice ? share(this.#rightPerByte) : null,
      chance: choice ? this.#chance / items : null,
      perplexity: choice ? null : Math.exp(-this.#sum / items),
      ...{ shortened, tokens },
    };
  }
}
