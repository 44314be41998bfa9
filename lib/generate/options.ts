import {
  argumentError,
  booleanOption,
  functionOption,
  givenOptions,
  signalOption,
} from '../checks/options.js';
import type { TokenIds } from '../checks/token-ids.js';
import type { PreparedGrammar } from '../grammar/prepare.js';
import {
  type AdapterUse,
  type AppliedAdapters,
  checkedAdapters,
} from '../model/adapter/applied-adapters.js';
import type { TokenConstraint } from './constraint.js';
import { type LogprobSource, logprobSources } from './logprobs.js';
import type { OnProgress } from './on-progress.js';
import {
  type CheckedSampling,
  isCount,
  type NumberRule,
  numberOption,
  type SamplingOptions,
  samplingOptionNames,
  samplingSettings,
} from './sampling-options.js';
import type { DraftingModel } from './speculation/draft-model.js';
import { type LogitBias, logitBiasOption, tokensOption } from './token-options.js';

/** Options of `session.generate` and `session.complete`. */
export interface GenerateOptions extends SamplingOptions {
  /**
   * Maximum number of tokens to generate; `Infinity` continues until the model ends or the context is full, 0 only
   * evaluates the prompt.
   * @default 512
   */
  readonly maxTokens?: number | undefined;
  /**
   * How many tokens come at least, before one that ends the text: those of the model, and `stopTokens`. Stop
   * texts still end it.
   * @default 0
   */
  readonly minTokens?: number | undefined;
  /**
   * Whether the tokens with which the model ends a text are forbidden: it goes on until something else stops it.
   * @default false
   */
  readonly ignoreEnd?: boolean | undefined;
  /** Added to the logits of tokens, by id, before anything else; -Infinity or false forbids a token. */
  readonly logitBias?: LogitBias | undefined;
  /** Tokens that never come. */
  readonly bannedTokens?: TokenIds | undefined;
  /** Tokens that end the generation, as a stop text does; they are not part of the text. */
  readonly stopTokens?: TokenIds | undefined;
  /**
   * Texts that end the generation; they are not part of its text. At most 256, of at most 4,096
   * UTF-16 units each and 65,536 together.
   */
  readonly stop?: string | readonly string[] | undefined;
  /**
   * Gives every piece the log-probabilities of its tokens, and of as many of the likeliest tokens at their
   * places, at most 1,000; 0 only of its tokens.
   * @default none
   */
  readonly logprobs?: number | undefined;
  /**
   * Which distribution `logprobs` are of: what the model says, or what the token was drawn from, after bias,
   * penalties, samplers and temperature.
   * @default 'model'
   */
  readonly logprobsFrom?: LogprobSource | undefined;
  /**
   * As `logprobs`, of the tokens of the prompt that are evaluated: `promptLogprobs` of the result.
   * @default none
   */
  readonly promptLogprobs?: number | undefined;
  /**
   * Whether to draft what followed the last time that prompt or text stood where they stand now, and to evaluate it in
   * one step: faster where a text repeats parts of its prompt or of itself. It changes no text.
   * @default false
   */
  readonly lookup?: boolean | undefined;
  /**
   * A model with the same vocabulary, and a fraction of the size, which drafts tokens that are then evaluated in one step:
   * faster where it often guesses right. It changes no text.
   */
  readonly draft?: DraftingModel | undefined;
  /**
   * The most tokens of a draft, from 1 to 64; fewer are drafted where that is faster.
   * @default 8 with one or two threads, else 16
   */
  readonly maxDraft?: number | undefined;
  /**
   * A grammar in GBNF, which the text fulfills when the model ends it; see docs/structured-output.md.
   */
  readonly grammar?: string | undefined;
  /**
   * A JSON schema: the text is JSON that is valid against it, when the model ends it; see
   * docs/structured-output.md.
   */
  readonly jsonSchema?: object | boolean | undefined;
  /**
   * Whether text in a string prompt that spells a special token becomes that token. Leave it off
   * for untrusted text.
   * @default false
   */
  readonly parseSpecial?: boolean | undefined;
  /**
   * On whose behalf, such as a user or an API key: where several generations run at once, prompts of
   * callers share the time evenly, however many each has. At most 256 UTF-16 units.
   * @default ''
   */
  readonly caller?: string | undefined;
  /**
   * Lower ones go first: prompts, and generations that wait to begin. An integer of 32 bits.
   * @default 0
   */
  readonly priority?: number | undefined;
  /**
   * LoRA adapters of the model to generate with, each with its scale (1 unless it is given), in this order. What the session
   * holds is evaluated again where it was evaluated with others.
   * @default those of the session
   */
  readonly adapters?: readonly AdapterUse[] | undefined;
  /** Ends the generation with an error of code `ERR_BITNET_ABORTED`, name `AbortError`. */
  readonly signal?: AbortSignal | undefined;
  /** Called from time to time while the prompt is evaluated, with the fraction done, from 0 to 1. */
  readonly onProgress?: OnProgress | undefined;
}

/** `GenerateOptions` checked, with every default filled in. */
export interface GenerateSettings extends CheckedSampling {
  readonly maxTokens: number;
  readonly minTokens: number;
  readonly ignoreEnd: boolean;
  /** `bannedTokens` among them, at −Infinity. */
  readonly logitBias: ReadonlyMap<number, number>;
  readonly stopTokens: readonly number[];
  readonly stop: readonly string[];
  readonly logprobs: number | undefined;
  readonly logprobsFrom: LogprobSource;
  readonly promptLogprobs: number | undefined;
  readonly lookup: boolean;
  readonly draft: DraftingModel | undefined;
  readonly maxDraft: number | undefined;
  readonly parseSpecial: boolean;
  readonly caller: string;
  readonly priority: number;
  /** Undefined: those of the session. */
  readonly adapters: AppliedAdapters | undefined;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: OnProgress | undefined;
  /** As given; `prepared` is what comes of them. */
  readonly grammar: string | undefined;
  readonly jsonSchema: object | boolean | undefined;
  readonly prepared?: PreparedGrammar | undefined;
  /** Made for this generation, which moves it on. */
  readonly constraint?: TokenConstraint | undefined;
  /** Tokens that come whatever is sampled: for a benchmark, which does all the work. */
  readonly replay?: readonly number[] | undefined;
}

/** More stop texts than this are a mistake. */
const maxStops = 256;

/** UTF-16 units: what may belong to a stop text is held back, and kept. */
const maxStopLength = 4096;

/** UTF-16 units of all of them, which bound the automaton that finds them: 30 ms to build. */
const maxStopTotal = 2 ** 16;

const maxLogprobs = 1000;

/** UTF-16 units of a caller's name: names are kept. */
const maxCallerLength = 256;

/** Longer ones take longer than all tokens could save. */
const longestDraft = 64;

const rules = {
  maxTokens: {
    fallback: 512,
    expected: 'an integer of at least 0, or Infinity,',
    accepts: (value) => isCount(value) || value === Number.POSITIVE_INFINITY,
  },
  minTokens: { fallback: 0, expected: 'an integer of at least 0', accepts: isCount },
  priority: {
    fallback: 0,
    expected: 'an integer from -2147483648 to 2147483647',
    accepts: (value) => Number.isInteger(value) && value === (value | 0),
  },
} satisfies Record<string, NumberRule>;

const optionNames: (keyof GenerateOptions)[] = [
  'maxTokens',
  ...samplingOptionNames,
  ...(['minTokens', 'ignoreEnd', 'logitBias', 'bannedTokens', 'stopTokens'] as const),
  ...(['stop', 'logprobs', 'logprobsFrom', 'promptLogprobs'] as const),
  ...(['grammar', 'jsonSchema'] as const),
  ...(['lookup', 'draft', 'maxDraft', 'adapters'] as const),
  ...(['parseSpecial', 'caller', 'priority', 'signal', 'onProgress'] as const),
];

/**
 * Checks every option and fills in the defaults; throws `ERR_BITNET_ARGUMENT`.
 *
 * @param vocabSize of the model's head: ids are below it
 */
export function generateSettings(given?: GenerateOptions, vocabSize = 2 ** 31): GenerateSettings {
  const options = givenOptions(given, optionNames);
  const banned = tokensOption('bannedTokens', options.bannedTokens, vocabSize);
  const bias = logitBiasOption(options.logitBias, vocabSize);
  return {
    ...samplingSettings(options),
    maxTokens: numberOption('maxTokens', options.maxTokens, rules.maxTokens),
    minTokens: numberOption('minTokens', options.minTokens, rules.minTokens),
    ignoreEnd: booleanOption('ignoreEnd', options.ignoreEnd, false),
    logitBias: new Map([...bias, ...banned.map((id) => [id, -Infinity] as const)]),
    stopTokens: tokensOption('stopTokens', options.stopTokens, vocabSize),
    stop: stopOption(options.stop),
    logprobs: logprobsOption('logprobs', options.logprobs),
    logprobsFrom: sourceOption(options.logprobsFrom),
    promptLogprobs: logprobsOption('promptLogprobs', options.promptLogprobs),
    lookup: booleanOption('lookup', options.lookup, false),
    draft: draftOption(options.draft),
    maxDraft: maxDraftOption(options.maxDraft),
    grammar: options.grammar,
    jsonSchema: options.jsonSchema,
    parseSpecial: booleanOption('parseSpecial', options.parseSpecial, false),
    caller: callerOption(options.caller),
    priority: numberOption('priority', options.priority, rules.priority),
    adapters: checkedAdapters(options.adapters),
    signal: signalOption(options.signal),
    onProgress: functionOption('onProgress', options.onProgress),
  };
}

function logprobsOption(name: string, value: unknown): number | undefined {
  if (value === undefined || (isCount(value) && value <= maxLogprobs)) return value;
  throw argumentError(`an integer from 0 to ${maxLogprobs}`, `option ${name}`, value);
}

/** Known by its shape: the class itself needs this module. */
function draftOption(value: unknown): DraftingModel | undefined {
  const model = value as Partial<DraftingModel> | undefined;
  if (value === undefined || typeof model?.createSession === 'function') return model as undefined;
  throw argumentError('what await loadModel() gives', 'option draft', value);
}

function maxDraftOption(value: unknown): number | undefined {
  if (value === undefined || (isCount(value) && value >= 1 && value <= longestDraft)) return value;
  throw argumentError(`an integer from 1 to ${longestDraft}`, 'option maxDraft', value);
}

function sourceOption(value: unknown): LogprobSource {
  if (value === undefined) return 'model';
  if (logprobSources.includes(value as LogprobSource)) return value as LogprobSource;
  throw argumentError("'model' or 'sampler'", 'option logprobsFrom', value);
}

function callerOption(value: unknown): string {
  if (value === undefined) return '';
  if (typeof value === 'string' && value.length <= maxCallerLength) return value;
  throw argumentError(`a text of at most ${maxCallerLength} characters`, 'option caller', value);
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
