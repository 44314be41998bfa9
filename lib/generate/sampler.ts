import { allAfterChanges, bestAfterChanges } from './candidates.js';
import { addition, type History, type LogitChange, LogitChanges } from './changes.js';
import type { TokenConstraint } from './constraint.js';
import { DryBreakers } from './dry-breakers.js';
import type { AllLogits, Logits, LogitsRequest, TopLogits } from './evaluator.js';
import { Random } from './random.js';
import { Ranked } from './ranked.js';
import {
  type ChainedSampler,
  type SamplerName,
  type SamplingSettings,
  samplerChain,
} from './samplers.js';

/** What decides which tokens may come next, besides the samplers. */
export interface TokenSettings {
  /** Added to logits, before anything else; −Infinity forbids a token. */
  readonly logitBias: ReadonlyMap<number, number>;
  /** Tokens that end a text, and cannot come before `minTokens` others. */
  readonly endTokens: Iterable<number>;
  readonly minTokens: number;
  readonly dryBreakers: DryBreakers;
}

/** Where in a text a token is asked for. */
export interface RequestOptions {
  /** How many of the tokens come before it. @default all */
  readonly length?: number;
  /** How many of these are drafted: they come before it only if they are what is chosen. @default 0 */
  readonly ahead?: number;
  readonly constraint?: TokenConstraint | undefined;
}

/** What a sampler must see of the next position's logits. */
export interface SampleRequest extends LogitsRequest {
  /** Those that come before any candidate is taken away. */
  readonly changes: LogitChanges;
  /** Of the samplers that follow. */
  readonly later: ReadonlyMap<SamplerName, LogitChange>;
}

/** Past this many candidates all logits are read at once: the best few are no longer few. */
const mostCandidates = 1024;

const anyToken: TokenSettings = {
  logitBias: new Map(),
  endTokens: [],
  minTokens: 0,
  dryBreakers: new DryBreakers([]),
};

/**
 * Chooses the next token: bias, then what is not allowed is taken away, then the samplers in their order, then one
 * seeded draw. Temperature 0 takes the best after bias and penalties, ties to the lower id, and draws nothing.
 *
 * Exact from the best candidates alone: the choice is the same as from all logits.
 */
export class Sampler {
  /** Samplers that change single logits, before any that looks at several. */
  readonly #changing: readonly ChainedSampler[];
  readonly #chain: readonly ChainedSampler[];
  readonly #greedy: boolean;
  /** Tokens that can be chosen at all: topK, 1 when greedy, Infinity when unlimited. */
  readonly #k: number;
  readonly #bias: LogitChange;
  readonly #noEnd: LogitChange;
  readonly #minTokens: number;
  readonly #random: Random;
  readonly #chances: Random;
  /** Tokens chosen so far. */
  #count = 0;
  #last: Ranked | undefined;

  constructor(settings: SamplingSettings, tokens: TokenSettings = anyToken) {
    const chain = samplerChain(settings, tokens.dryBreakers);
    this.#greedy = chain.some(({ name }) => name === 'temperature') && settings.temperature === 0;
    const others = chain.findIndex(({ change }) => !change);
    this.#changing = others === -1 ? chain : chain.slice(0, others);
    const rest = chain.slice(this.#changing.length);
    this.#chain = this.#greedy ? greedyChain(rest) : rest;
    this.#k = this.#greedy && this.#chain.length === 0 ? 1 : limit(this.#chain, settings.topK);
    this.#bias = addition(tokens.logitBias);
    this.#noEnd = addition(new Map([...tokens.endTokens].map((id) => [id, -Infinity])));
    this.#minTokens = tokens.minTokens;
    this.#random = Random.fromSeed(settings.seed);
    this.#chances = Random.fromSeed(settings.seed, 1);
  }

  /** What to ask of the evaluator, given all tokens so far, oldest first. */
  request(
    tokens: ArrayLike<number>,
    { length = tokens.length, ahead = 0, constraint }: RequestOptions = {},
  ): SampleRequest {
    const history: History = { tokens, length };
    const early = this.#count + ahead < this.#minTokens;
    const changes = new LogitChanges([
      this.#bias,
      ...(early ? [this.#noEnd] : []),
      ...this.#changing.map(({ change }) => change!(history)),
    ]);
    const later = new Map<SamplerName, LogitChange>();
    for (const { name, change } of this.#chain) if (change) later.set(name, change(history));
    const top = this.#k + changes.ids.length;
    return {
      changes,
      later,
      extraIds: top <= mostCandidates ? changes.ids : [],
      top: top <= mostCandidates ? top : undefined,
      allowed: constraint?.mask(),
    };
  }

  pick(logits: Logits, request: SampleRequest): number {
    return 'all' in logits
      ? this.#pickFromAll(logits, request)
      : this.#pickFromTop(logits, request);
  }

  /** What the last token was drawn from; absent where the best was taken. */
  get last(): Ranked | undefined {
    return this.#last;
  }

  /** Passes over a token that was not chosen here, so that the next ones are what they would have been. */
  skip(): void {
    this.#count++;
    this.#random.next();
    this.#chances.next();
  }

  #pickFromTop(top: TopLogits, request: SampleRequest): number {
    return this.#choose(
      Ranked.ofList(bestAfterChanges(this.#k, top, request.changes, request.allowed)),
      request,
    );
  }

  #pickFromAll({ all }: AllLogits, request: SampleRequest): number {
    return this.#choose(
      Ranked.ofAll(allAfterChanges(all, request.changes, request.allowed)),
      request,
    );
  }

  #choose(candidates: Ranked, { later }: SampleRequest): number {
    this.#count++;
    const context = {
      change: (name: SamplerName) => later.get(name)!,
      chance: this.#chances.next(),
    };
    const left = this.#chain.reduce((ranked, { apply }) => apply(ranked, context), candidates);
    this.#last = this.#greedy ? undefined : left;
    return this.#greedy ? left.first.id : draw(left, this.#random.next());
  }
}

/** What can come between the candidates and the best of them: what only takes others away cannot. */
function greedyChain(chain: readonly ChainedSampler[]): ChainedSampler[] {
  const before = chain.findLastIndex(({ change }) => change) + 1;
  const blind: readonly SamplerName[] = ['typ_p', 'xtc', 'temperature'];
  return chain.slice(0, before).filter(({ name }) => !blind.includes(name));
}

/** How many candidates can be left behind the first sampler that takes some away: `topK` if it is top-k. */
function limit(chain: readonly ChainedSampler[], k: number): number {
  const first = chain.find(({ name }) => name !== 'temperature');
  return first?.name === 'top_k' ? k : Number.POSITIVE_INFINITY;
}

/** @param random in [0, 1) */
function draw(ranked: Ranked, random: number): number {
  const target = random * ranked.total();
  let cumulative = 0;
  let last = -1;
  for (const { id, logit } of ranked.items) {
    const share = ranked.weight(logit);
    cumulative += share;
    if (share > 0) last = id;
    if (cumulative > target) break;
  }
  return last; // also when rounding left the sum just under the target
}
