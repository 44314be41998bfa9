import {
  allAfterPenalties,
  bestAfterPenalties,
  type Candidate,
  descending,
  largestLogit,
} from './candidates.js';
import type { TopLogits } from './evaluator.js';
import { type PenalizedTokens, type PenaltySettings, penalizedTokens } from './penalties.js';
import { Random } from './random.js';

/** Sampling options after validation, with every default filled in; see `GenerateOptions`. */
export interface SamplingSettings extends PenaltySettings {
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly seed: number;
}

/** What a sampler must see of the next position's logits. */
export interface SampleRequest {
  /** The tokens under penalty; their logits are needed whatever their rank. */
  readonly penalized: PenalizedTokens;
  /** How many of the best raw logits are needed; absent when only all of them will do. */
  readonly top?: number;
}

/** Past this many candidates all logits are read at once: the best few are no longer few. */
const mostCandidates = 1024;

/**
 * Chooses the next token: penalties, top-k, top-p, min-p, temperature, then one seeded draw.
 * Temperature 0 takes the best after penalties, ties to the lower id, and draws nothing.
 *
 * Exact from the best candidates alone: the choice is the same as from all logits.
 */
export class Sampler {
  readonly #settings: SamplingSettings;
  readonly #random: Random;
  /** Tokens that can be chosen at all: topK, 1 when greedy, Infinity when unlimited. */
  readonly #k: number;

  constructor(settings: SamplingSettings) {
    this.#settings = settings;
    this.#random = Random.fromSeed(settings.seed);
    this.#k = settings.temperature === 0 ? 1 : settings.topK || Number.POSITIVE_INFINITY;
  }

  /** What to ask of the evaluator, given all tokens so far, oldest first. */
  request(history: ArrayLike<number>): SampleRequest {
    const penalized = penalizedTokens(history, this.#settings);
    const top = this.#k + penalized.size;
    return top <= mostCandidates ? { penalized, top } : { penalized };
  }

  /** Chooses from the `request.top` best logits and those of the penalized tokens, in their order. */
  pickFromTop(top: TopLogits, { penalized }: SampleRequest): number {
    return this.#pick(bestAfterPenalties(this.#k, top, penalized, this.#settings));
  }

  /** Chooses from all logits `[vocabSize]`. */
  pickFromAll(raw: Float32Array, { penalized }: SampleRequest): number {
    const logits = allAfterPenalties(raw, penalized, this.#settings);
    const largest = largestLogit(logits);
    const sorted = descending(logits, largest);
    if (this.#k <= logits.length) return this.#pick(take(sorted, this.#k));
    const { topP, minP, temperature } = this.#settings;
    if (topP === 1 && minP === 0) {
      return this.#draw(sorted, sumOfWeights(logits, largest, temperature), largest);
    }
    const total = topP < 1 ? sumOfWeights(logits, largest, 1) : 0;
    return this.#drawFromList(this.#cut(sorted, total, largest));
  }

  /** Chooses from the candidates that top-k left, best first. */
  #pick(candidates: readonly Candidate[]): number {
    const largest = candidates[0]!.logit;
    if (this.#k === 1) return candidates[0]!.id;
    const total = candidates.reduce((sum, { logit }) => sum + weight(logit, largest, 1), 0);
    return this.#drawFromList(this.#cut(candidates, total, largest));
  }

  /** The candidates top-p and min-p leave; both keep a head of the list, and at least its first. */
  #cut(sorted: Iterable<Candidate>, total: number, largest: number): Candidate[] {
    const { topP, minP } = this.#settings;
    const lowest = largest + Math.log(minP); // p >= minP * p of the best, said in logits
    const kept: Candidate[] = [];
    let cumulative = 0;
    for (const candidate of sorted) {
      if (kept.length > 0 && candidate.logit < lowest) break;
      kept.push(candidate);
      cumulative += weight(candidate.logit, largest, 1);
      if (topP < 1 && cumulative >= topP * total) break;
    }
    return kept;
  }

  #drawFromList(kept: readonly Candidate[]): number {
    const largest = kept[0]!.logit;
    const { temperature } = this.#settings;
    const total = kept.reduce((sum, { logit }) => sum + weight(logit, largest, temperature), 0);
    return this.#draw(kept, total, largest);
  }

  #draw(sorted: Iterable<Candidate>, total: number, largest: number): number {
    const target = this.#random.next() * total;
    let cumulative = 0;
    let last = -1;
    for (const { id, logit } of sorted) {
      const share = weight(logit, largest, this.#settings.temperature);
      cumulative += share;
      if (share > 0) last = id;
      if (cumulative > target) break;
    }
    return last; // also when rounding left the sum just under the target
  }
}

/** Probability of a token relative to the best one's, at a temperature. */
function weight(logit: number, largest: number, temperature: number): number {
  return Math.exp((logit - largest) / temperature);
}

function sumOfWeights(logits: Float32Array, largest: number, temperature: number): number {
  let sum = 0;
  for (let id = 0; id < logits.length; id++) sum += weight(logits[id]!, largest, temperature);
  return sum;
}

function take<T>(items: Iterable<T>, count: number): T[] {
  const taken: T[] = [];
  for (const item of items) {
    taken.push(item);
    if (taken.length === count) break;
  }
  return taken;
}
