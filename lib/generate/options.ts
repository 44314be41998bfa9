import {
  argumentError,
  booleanOption,
  functionOption,
  givenOptions,
  signalOption,
} from '../checks/options.js';
import type { OnProgress } from './on-progress.js';
import { randomSeed } from './random.js';
import type { SamplingSettings } from './sampler.js';

/** Options of `session.generate` and `session.complete`. */
export interface GenerateOptions {
  /**
   * Maximum number of tokens to generate; `Infinity` continues until the model ends or the context is full, 0 only
   * evaluates the prompt.
   * @default 512
   */
  readonly maxTokens?: number | undefined;
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
   * Seed of the random numbers: the same seed gives the same text, on every kernel and thread count.
   * @default a random unsigned 32-bit integer, reported in the result
   */
  readonly seed?: number | undefined;
  /**
   * Texts that end the generation; they are not part of its text. At most 256, of at most 4,096
   * UTF-16 units each and 65,536 together.
   */
  readonly stop?: string | readonly string[] | undefined;
  /**
   * Whether text in a string prompt that spells a special token becomes that token. Leave it off
   * for untrusted text.
   * @default false
   */
  readonly parseSpecial?: boolean | undefined;
  /** Ends the generation with an error of code `ERR_BITNET_ABORTED`, name `AbortError`. */
  readonly signal?: AbortSignal | undefined;
  /** Called from time to time while the prompt is evaluated, with the fraction done, from 0 to 1. */
  readonly onProgress?: OnProgress | undefined;
}

/** `GenerateOptions` checked, with every default filled in. */
export interface GenerateSettings extends SamplingSettings {
  readonly maxTokens: number;
  readonly stop: readonly string[];
  readonly parseSpecial: boolean;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: OnProgress | undefined;
}

/** More stop texts than this are a mistake. */
const maxStops = 256;

/** UTF-16 units: what may belong to a stop text is held back, and kept. */
const maxStopLength = 4096;

/** UTF-16 units of all of them, which bound the automaton that finds them: 30 ms to build. */
const maxStopTotal = 2 ** 16;

interface NumberRule {
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

const rules = {
  maxTokens: {
    fallback: 512,
    expected: 'an integer of at least 0, or Infinity,',
    accepts: (value) => isCount(value) || value === Number.POSITIVE_INFINITY,
  },
  temperature: {
    fallback: 0.8,
    expected: 'a finite number of at least 0',
    accepts: (value) => value >= 0 && Number.isFinite(value),
  },
  topK: { fallback: 40, expected: 'an integer of at least 0', accepts: isCount },
  topP: { fallback: 0.95, ...fraction },
  minP: { fallback: 0.05, ...fraction },
  repeatPenalty: {
    fallback: 1,
    expected: 'a number from 0.01 to 100',
    accepts: (value) => value >= 0.01 && value <= 100,
  },
  repeatLastN: {
    fallback: 64,
    expected: 'an integer of at least -1',
    accepts: (value) => isCount(value) || value === -1,
  },
  presencePenalty: penalty,
  frequencyPenalty: penalty,
} satisfies Record<string, NumberRule>;

const numberNames = Object.keys(rules) as (keyof typeof rules)[];
const optionNames: (keyof GenerateOptions)[] = [
  ...numberNames,
  ...(['seed', 'stop', 'parseSpecial', 'signal', 'onProgress'] as const),
];

/** Checks every option and fills in the defaults; throws `ERR_BITNET_ARGUMENT`. */
export function generateSettings(given?: GenerateOptions): GenerateSettings {
  const options = givenOptions(given, optionNames);
  const numbers = {} as Record<keyof typeof rules, number>;
  for (const name of numberNames) numbers[name] = numberOption(name, options[name], rules[name]);
  return {
    ...numbers,
    seed: seedOption(options.seed),
    stop: stopOption(options.stop),
    parseSpecial: booleanOption('parseSpecial', options.parseSpecial, false),
    signal: signalOption(options.signal),
    onProgress: functionOption('onProgress', options.onProgress),
  };
}

function numberOption(name: string, value: unknown, rule: NumberRule): number {
  if (value === undefined) return rule.fallback;
  if (typeof value === 'number' && rule.accepts(value)) return value;
  throw argumentError(rule.expected, `option ${name}`, value);
}

function seedOption(value: unknown): number {
  if (value === undefined) return randomSeed();
  if (isCount(value)) return value;
  throw argumentError('an integer from 0 to 2^53 - 1', 'option seed', value);
}

function stopOption(value: unknown): readonly string[] {
  if (value === undefined) return [];
  if (Array.isArray(value) && value.length > maxStops) {
    throw argumentError(`at most ${maxStops} texts`, 'option stop', value);
  }
  const texts: unknown[] = Array.isArray(value) ? [...value] : [value];
  const wrong = texts.findIndex((text) => !isStop(text));
  if (wrong === -1) {
    const stop = texts as string[];
    if (stop.reduce((total, text) => total + text.length, 0) <= maxStopTotal) return stop;
    throw argumentError(`at most ${maxStopTotal} characters together`, 'option stop', value);
  }
  const name = Array.isArray(value) ? `option stop[${wrong}]` : 'option stop';
  const expected = `a text of 1 to ${maxStopLength} characters without lone surrogates`;
  throw argumentError(expected, name, texts[wrong]);
}

function isStop(text: unknown): boolean {
  if (typeof text !== 'string' || text === '' || text.length > maxStopLength) return false;
  return !/\p{Surrogate}/u.test(text);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
