import { BitnetError } from '../errors.js';
import type { Tokenizer } from '../tokenizer/types.js';
import type { Evaluator } from './evaluator.js';
import { argumentError } from './option-checks.js';

/** Text, or token ids to be used exactly as they are. */
export type Prompt = string | ArrayLike<number>;

/** A copy of `prompt`; throws `ERR_BITNET_ARGUMENT` unless it is text or an array of token ids. */
export function checkedPrompt(prompt: unknown): string | readonly number[] {
  if (typeof prompt === 'string') return prompt;
  if (!Array.isArray(prompt) && !(ArrayBuffer.isView(prompt) && 'length' in prompt)) {
    throw argumentError('a string or an array of token ids', 'the prompt', prompt);
  }
  const ids = prompt as ArrayLike<unknown>;
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i];
    if (!Number.isInteger(id) || (id as number) < 0 || (id as number) > 0x7fffffff) {
      throw argumentError('a token id', `prompt[${i}]`, id);
    }
  }
  return Array.from(ids as ArrayLike<number>);
}

/**
 * The token ids of a prompt that goes at the session's position. Text is tokenised and, at
 * position 0 only, gets the beginning-of-text token if the tokenizer wants one and it is not there.
 */
export function promptIds(
  prompt: string | readonly number[],
  tokenizer: Tokenizer,
  atStart: boolean,
  parseSpecial: boolean,
): number[] {
  if (typeof prompt !== 'string') return [...prompt];
  const ids = tokenizer.encode(prompt, { parseSpecial });
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

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}
