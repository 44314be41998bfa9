import type { Tokenizer } from '../tokenizer/types.js';
import { descending, largestLogit } from './candidates.js';
import type { Logits } from './evaluator.js';
import type { Ranked } from './ranked.js';

/** A token and how likely it was. */
export interface TokenChance {
  readonly id: number;
  /** Its text: U+FFFD where its bytes are no whole characters; that of a control token as it is written. */
  readonly token: string;
  /** Natural logarithm of its probability; of a token that is impossible the least finite number. */
  readonly logprob: number;
}

/** A token of a text, and the likeliest at its place. */
export interface TokenLogprob extends TokenChance {
  /** Best first, ties to the lower id; as many as asked for, or as many as were possible at all. */
  readonly top: readonly TokenChance[];
}

/** Which distribution log-probabilities are of. */
export const logprobSources = ['model', 'sampler'] as const;
export type LogprobSource = (typeof logprobSources)[number];

/** The log-probability of a token and of the `n` best in the model's distribution, at temperature 1. */
export function modelLogprob(
  id: number,
  n: number,
  logits: Logits,
  extraIds: readonly number[],
  tokenizer: Tokenizer,
): TokenLogprob {
  const sum = logits.logSumExp!;
  const chance = (of: number, logit: number) => tokenChance(of, logit - sum, tokenizer);
  const top: TokenChance[] = [];
  if ('all' in logits) {
    for (const { id, logit } of n > 0 ? descending(logits.all, largestLogit(logits.all)) : []) {
      top.push(chance(id, logit));
      if (top.length === n) break;
    }
    return { ...chance(id, logits.all[id]!), top };
  }
  for (let i = 0; i < Math.min(n, logits.ids.length); i++) {
    if (logits.logits[i] !== -Infinity) top.push(chance(logits.ids[i]!, logits.logits[i]!));
  }
  const at = logits.ids.indexOf(id);
  const logit = at === -1 ? logits.extraLogits[extraIds.indexOf(id)]! : logits.logits[at]!;
  return { ...chance(id, logit), top };
}

/** The same in the distribution that the token was drawn from; of the best token where nothing was drawn. */
export function sampledLogprob(
  id: number,
  n: number,
  drawn: Ranked | undefined,
  tokenizer: Tokenizer,
): TokenLogprob {
  if (!drawn) {
    const sure = tokenChance(id, 0, tokenizer);
    return { ...sure, top: n > 0 ? [sure] : [] };
  }
  const total = drawn.total();
  const top: TokenChance[] = [];
  let chosen: TokenChance | undefined;
  for (const candidate of drawn.items) {
    const logprob = drawn.logProbability(candidate.logit, total);
    if (!Number.isFinite(logprob)) break;
    const chance = tokenChance(candidate.id, logprob, tokenizer);
    if (candidate.id === id) chosen = chance;
    if (top.length < n) top.push(chance);
    if (chosen && top.length === n) break;
  }
  return { ...chosen!, top };
}

function tokenChance(id: number, logprob: number, tokenizer: Tokenizer): TokenChance {
  return { id, token: textOf(id, tokenizer), logprob: Math.max(logprob, -Number.MAX_VALUE) };
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

function textOf(id: number, tokenizer: Tokenizer): string {
  if (id >= tokenizer.vocabSize) return ''; // a row that pads the head
  const bytes = tokenizer.tokenBytes(id);
  return bytes.length > 0 ? decoder.decode(bytes) : tokenizer.tokenText(id);
}
