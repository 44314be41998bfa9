import { argumentError } from '../checks/options.js';
import { randomSeed } from './random.js';
import { type SamplerName, type SamplingSettings, samplerNames } from './samplers.js';

/** How the next token is chosen. */
export interface SamplingOptions {
  /**
   * Randomness: 0 always takes the most likely token, above 1 flattens the probabilities.
   * @default 0.8
   */
  readonly temperature?: number | undefined;
  /**
   * Choose among this many most likely tokens; 0 sets no limit.
   * @default 40
   */
  readonly topK?: number | undefined;
  /**
   * Choose among the most likely tokens that together reach this probability; 1 sets no limit.
   * @default 0.95
   */
  readonly topP?: number | undefined;
  /**
   * Drop tokens less likely than this fraction of the most likely one; 0 drops none.
   * @default 0.05
   */
  readonly minP?: number | undefined;
  /**
   * Drop tokens whose logit is more than this many standard deviations of all logits below the best; 0 drops none.
   * @default 0
   */
  readonly topNSigma?: number | undefined;
  /**
   * Choose among the tokens whose probability is closest to what is to be expected, which together reach this
   * probability ("locally typical"); 1 sets no limit.
   * @default 1
   */
  readonly typicalP?: number | undefined;
  /**
   * How often the likeliest tokens are left out ("exclude top choices"): all but the last of those that reach
   * `xtcThreshold`; 0 is never, 1 always.
   * @default 0
   */
  readonly xtcProbability?: number | undefined;
  /**
   * The probability from which on a token counts as a top choice; above 0.5 there are never two.
   * @default 0.1
   */
  readonly xtcThreshold?: number | undefined;
  /**
   * Divides the logits of recent tokens (multiplies negative ones); 1 is off, 1.1 is mild.
   * @default 1
   */
  readonly repeatPenalty?: number | undefined;
  /**
   * How many of the last tokens, prompt included, the three penalties look at; 0 none, -1 all.
   * @default 64
   */
  readonly repeatLastN?: number | undefined;
  /**
   * Subtracted from the logit of every recent token.
   * @default 0
   */
  readonly presencePenalty?: number | undefined;
  /**
   * Subtracted from the logit of every recent token, once per occurrence.
   * @default 0
   */
  readonly frequencyPenalty?: number | undefined;
  /**
   * Strength of DRY ("don't repeat yourself"), which penalizes a token that would continue a sequence that stands
   * in the text already: multiplier · base^(length − allowed length) is subtracted from its logit; 0 is off, 0.8 is usual.
   * @default 0
   */
  readonly dryMultiplier?: number | undefined;
  /** @default 1.75 */
  readonly dryBase?: number | undefined;
  /**
   * Sequences shorter than this may be repeated freely.
   * @default 2
   */
  readonly dryAllowedLength?: number | undefined;
  /**
   * How many of the last tokens, prompt included, DRY looks at; 0 none, -1 all.
   * @default -1
   */
  readonly dryPenaltyLastN?: number | undefined;
  /**
   * Texts over which no repetition reaches, each of at most 40 characters.
   * @default ['\n', ':', '"', '*']
   */
  readonly drySequenceBreakers?: readonly string[] | undefined;
  /**
   * Which samplers work, and in which order, by llama.cpp's names. One that is not in the list does nothing,
   * whatever its options are.
   * @default ['penalties', 'dry', 'top_n_sigma', 'top_k', 'typ_p', 'top_p', 'min_p', 'xtc', 'temperature']
   */
  readonly samplers?: readonly SamplerName[] | undefined;
  /**
   * Seed of the random numbers: the same seed gives the same text, on every kernel and thread count.
   * @default a random unsigned 32-bit integer, reported in the result
   */
  readonly seed?: number | undefined;
}

/** `SamplingOptions` checked, with every default filled in. */
export interface CheckedSampling extends SamplingSettings {
  readonly drySequenceBreakers: readonly string[];
}

export interface NumberRule {
  readonly fallback: number;
  readonly expected: string;
  readonly accepts: (value: number) => boolean;
}

/** Generous bounds that keep every penalized logit finite. */
const penalty: NumberRule = {
  fallback: 0,
  expected: 'a number from -100 to 100',
  accepts: (value) => value >= -100 && value <= 100,
};
const fraction = {
  expected: 'a number from 0 to 1',
  accepts: (value: number) => value >= 0 && value <= 1,
};
const lastN = {
  expected: 'an integer of at least -1',
  accepts: (value: number) => isCount(value) || value === -1,
};

const rules = {
  temperature: {
    fallback: 0.8,
    expected: 'a finite number of at least 0',
    accepts: (value) => value >= 0 && Number.isFinite(value),
  },
  topK: { fallback: 40, expected: 'an integer of at least 0', accepts: isCount },
  topP: { fallback: 0.95, ...fraction },
  minP: { fallback: 0.05, ...fraction },
  topNSigma: {
    fallback: 0,
    expected: 'a number from 0 to 100',
    accepts: (value) => value >= 0 && value <= 100,
  },
  typicalP: { fallback: 1, ...fraction },
  xtcProbability: { fallback: 0, ...fraction },
  xtcThreshold: { fallback: 0.1, ...fraction },
  repeatPenalty: {
    fallback: 1,
    expected: 'a number from 0.01 to 100',
    accepts: (value) => value >= 0.01 && value <= 100,
  },
  repeatLastN: { fallback: 64, ...lastN },
  presencePenalty: penalty,
  frequencyPenalty: penalty,
  dryMultiplier: {
    fallback: 0,
    expected: 'a number from 0 to 100',
    accepts: (value) => value >= 0 && value <= 100,
  },
  dryBase: {
    fallback: 1.75,
    expected: 'a number from 1 to 100',
    accepts: (value) => value >= 1 && value <= 100,
  },
  dryAllowedLength: { fallback: 2, expected: 'an integer of at least 0', accepts: isCount },
  dryPenaltyLastN: { fallback: -1, ...lastN },
} satisfies Record<string, NumberRule>;

const numberNames = Object.keys(rules) as (keyof typeof rules)[];

export const samplingOptionNames: readonly (keyof SamplingOptions)[] = [
  ...numberNames,
  ...(['drySequenceBreakers', 'samplers', 'seed'] as const),
];

const usualBreakers = ['\n', ':', '"', '*'];
const mostBreakers = 64;
const longestBreaker = 40;

/** Checks every option and fills in the defaults; throws `ERR_BITNET_ARGUMENT`. */
export function samplingSettings(options: SamplingOptions): CheckedSampling {
  const numbers = {} as Record<keyof typeof rules, number>;
  for (const name of numberNames) numbers[name] = numberOption(name, options[name], rules[name]);
  return {
    ...numbers,
    drySequenceBreakers: breakersOption(options.drySequenceBreakers),
    samplers: samplersOption(options.samplers),
    seed: seedOption(options.seed),
  };
}

export function numberOption(name: string, value: unknown, rule: NumberRule): number {
  if (value === undefined) return rule.fallback;
  if (typeof value === 'number' && rule.accepts(value)) return value;
  throw argumentError(rule.expected, `option ${name}`, value);
}

export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function seedOption(value: unknown): number {
  if (value === undefined) return randomSeed();
  if (isCount(value)) return value;
  throw argumentError('an integer from 0 to 2^53 - 1', 'option seed', value);
}

function samplersOption(value: unknown): readonly SamplerName[] {
  if (value === undefined) return samplerNames;
  const names = `names among ${samplerNames.join(', ')}`;
  if (!Array.isArray(value)) throw argumentError(`an array of ${names}`, 'option samplers', value);
  const given: unknown[] = value.slice(0, samplerNames.length + 1);
  for (const [i, name] of given.entries()) {
    if (!samplerNames.includes(name as SamplerName)) {
      throw argumentError(`one of ${samplerNames.join(', ')}`, `option samplers[${i}]`, name);
    }
    if (given.indexOf(name) < i) {
      throw argumentError('every sampler at most once', `option samplers[${i}]`, name);
    }
  }
  return given as SamplerName[];
}

function breakersOption(value: unknown): readonly string[] {
  if (value === undefined) return usualBreakers;
  const name = 'option drySequenceBreakers';
  if (!Array.isArray(value) || value.length > mostBreakers) {
    throw argumentError(`an array of at most ${mostBreakers} texts`, name, value);
  }
  const texts: unknown[] = [...value];
  for (const [i, text] of texts.entries()) {
    if (typeof text !== 'string' || text === '' || text.length > longestBreaker) {
      const expected = `a text of 1 to ${longestBreaker} characters`;
      throw argumentError(expected, `${name}[${i}]`, text);
    }
  }
  return texts as string[];
}
