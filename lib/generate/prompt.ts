import { argumentError } from '../checks/options.js';
import { copiedIds, idCount, type TokenIds } from '../checks/token-ids.js';
import { BitnetError } from '../errors.js';
import { maxContextLength } from '../model/spec/limits.js';
import { encodeInTurn } from '../tokenizer/encode-in-turn.js';
import type { Tokenizer } from '../tokenizer/types.js';
import type { Evaluator } from './evaluator.js';
import type { GenerateSettings } from './options.js';

/** Text, or token ids to be used exactly as they are. */
export type Prompt = string | TokenIds;

/** A copy of `prompt`; throws `ERR_BITNET_ARGUMENT` unless it is text or an array of token ids. */
export function checkedPrompt(prompt: unknown): string | readonly number[] {
  if (typeof prompt === 'string') return prompt;
  if (!Array.isArray(prompt) && !(ArrayBuffer.isView(prompt) && 'length' in prompt)) {
    throw argumentError('a string or an array of token ids', 'the prompt', prompt);
  }
  if (Array.isArray(prompt) && isMessage(prompt[0])) {
    throw new BitnetError(
      'ERR_BITNET_ARGUMENT',
      'Expected a string or an array of token ids for the prompt, but received messages; model.createChat() keeps a conversation.',
    );
  }
  const count = idCount(prompt, 'the prompt');
  if (count > maxContextLength) {
    throw argumentError(`at most ${maxContextLength} token ids`, 'the prompt', prompt);
  }
  return Array.from(copiedIds(prompt as ArrayLike<unknown>, count, 2 ** 31, 'prompt'));
}

/**
 * The token ids of a prompt that goes at the session's position. Text is tokenized and, at
 * position 0 only, gets the beginning-of-text token if the tokenizer wants one and it is not there.
 */
export async function promptIds(
  prompt: string | readonly number[],
  tokenizer: Tokenizer,
  atStart: boolean,
  {
    parseSpecial,
    signal,
  }: Pick<GenerateSettings, 'parseSpecial'> & { readonly signal?: AbortSignal | undefined },
): Promise<number[]> {
  if (typeof prompt !== 'string') return [...prompt];
  const ids = await encodeInTurn(tokenizer, prompt, { parseSpecial }, signal);
  const { bos } = tokenizer;
  if (!atStart || !tokenizer.addBos || bos === undefined || ids[0] === bos) return ids;
  return [bos, ...ids];
}

/** Throws unless `ids` (the prompt, and before it any pending token) can be evaluated. */
export function checkRoom(ids: readonly number[], evaluator: Evaluator): void {
  if (ids.length === 0) {
    throw new BitnetError(
      'ERR_BITNET_ARGUMENT',
      'Expected a prompt of at least one token, but received an empty one, and this model does not begin with a token of its own; write some text.',
    );
  }
  const { position, contextLength } = evaluator;
  const room = contextLength - position;
  if (ids.length <= room) return;
  const used = position > 0 ? ` (${position} of ${contextLength} are used)` : '';
  throw new BitnetError(
    'ERR_BITNET_CONTEXT',
    `Expected a prompt that fits the context, but it has ${count(ids.length, 'token')} and there is room for ${room}${used}; shorten the prompt${position > 0 ? ', reset the session' : ''} or use a longer context (-c, contextLength).`,
    { tokens: ids.length, room, contextLength },
  );
}

/** Messages as in other libraries: `{ role, content }`. */
function isMessage(value: unknown): boolean {
  return typeof value === 'object' && value !== null && ('role' in value || 'content' in value);
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}
