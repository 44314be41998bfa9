import { argumentError, booleanOption } from '../checks/options.js';
import { BitnetError } from '../errors.js';
import type { Model } from '../model/model.js';
import { checkedContextLength } from '../model/session/session-options.js';
import { maxContextLength } from '../model/spec/limits.js';
import type { KvType } from '../native-types.js';
import { encodeInTurn } from '../tokenizer/encode-in-turn.js';
import { chunkWindows, strideWindows, type Window } from './windows.js';

/** Tokens of a chunk unless asked otherwise: what llama-perplexity takes. */
const defaultContextLength = 512;

/** The shortest context of which something can be scored. */
const shortestContext = 3;

/** How a text is read and cut. */
export interface WindowOptions {
  /**
   * Tokens of a chunk or window, at least 3.
   * @default the trained context, at most 512
   */
  readonly contextLength?: number | undefined;
  /**
   * Score every token of the text once, in windows that are this many tokens apart, instead of the
   * second half of each chunk: 1 to contextLength - 1. Smaller ones take longer and give every
   * token more context.
   * @default none: chunks as llama-perplexity has them
   */
  readonly stride?: number | undefined;
  /**
   * Most chunks or windows to evaluate.
   * @default all
   */
  readonly chunks?: number | undefined;
  /**
   * Read the text of a control token, such as `<|eot_id|>`, as that token.
   * @default false
   */
  readonly parseSpecial?: boolean | undefined;
  /** As in `model.createSession`. */
  readonly kvType?: KvType | undefined;
}

export const windowOptionNames: readonly (keyof WindowOptions)[] = [
  ...(['contextLength', 'stride', 'chunks', 'parseSpecial', 'kvType'] as const),
];

export interface TextWindows {
  /** Those to evaluate. */
  readonly windows: readonly Window[];
  readonly contextLength: number;
  readonly stride: number | undefined;
  readonly kvType: KvType | undefined;
}

/**
 * A text as the windows in which its tokens are scored.
 *
 * @throws ERR_BITNET_ARGUMENT, also for a text that is too short, ERR_BITNET_ABORTED
 */
export async function textWindows(
  model: Model,
  text: string,
  options: WindowOptions,
  signal: AbortSignal | undefined,
): Promise<TextWindows> {
  const parseSpecial = booleanOption('parseSpecial', options.parseSpecial, false);
  const contextLength = contextOption(options.contextLength, model.spec.contextLength);
  const stride = countOption(options.stride, 'stride', contextLength - 1);
  const most = countOption(options.chunks, 'chunks', Number.MAX_SAFE_INTEGER);
  const encoding = { addSpecial: true, parseSpecial };
  const ids = await encodeInTurn(model.tokenizer, text, encoding, signal);
  const all = cut(model, ids, contextLength, stride);
  const windows = all.slice(0, most ?? all.length);
  return { windows, contextLength, stride, kvType: options.kvType };
}

function cut(
  { tokenizer }: Model,
  ids: number[],
  contextLength: number,
  stride: number | undefined,
): Window[] {
  const begin = tokenizer.addBos ? tokenizer.bos : undefined;
  if (tokenizer.addEos) ids.pop(); // the text goes on, or nobody knows how it would
  const bare = begin === undefined ? ids : ids.slice(1);
  const [windows, needed] =
    stride === undefined
      ? [chunkWindows(ids, contextLength, begin), contextLength]
      : [strideWindows(bare, contextLength, begin, stride), begin === undefined ? 2 : 1];
  if (windows.length > 0 && (stride === undefined || bare.length >= needed)) return windows;
  const help = stride === undefined ? ', a shorter context, or a stride' : '';
  throw new BitnetError(
    'ERR_BITNET_ARGUMENT',
    `Expected a text of at least ${needed} tokens, but it has ${ids.length}; give more text${help}.`,
    { tokens: ids.length },
  );
}

function contextOption(value: unknown, trained: number): number {
  const length = checkedContextLength(value) ?? Math.min(trained, defaultContextLength);
  if (length >= shortestContext) return length;
  throw argumentError(
    `an integer from ${shortestContext} to ${maxContextLength}`,
    'option contextLength',
    length,
  );
}

function countOption(value: unknown, name: string, most: number): number | undefined {
  if (value === undefined) return value;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most) {
    return value;
  }
  const range = most === Number.MAX_SAFE_INTEGER ? 'of at least 1' : `from 1 to ${most}`;
  throw argumentError(`an integer ${range}`, `option ${name}`, value);
}
