import { BitnetError } from '../errors.js';
import { maxContentLength, maxMessages } from './limits.js';

/** The roles in a chat. */
export const roles = ['system', 'user', 'assistant', 'tool', 'developer'] as const;

export interface ChatMessage {
  readonly role: (typeof roles)[number];
  readonly content: string;
}

/**
 * Copies of `messages`, with nothing but role and content.
 *
 * @throws ERR_BITNET_ARGUMENT
 */
export function checkedMessages(messages: unknown): ChatMessage[] {
  if (!Array.isArray(messages)) {
    throw expected('the messages of a chat as an array', describe(messages));
  }
  if (messages.length > maxMessages) {
    throw expected(`at most ${maxMessages} messages`, `${messages.length}`);
  }
  const checked = messages.map((message, i) => checkedMessage(message, `messages[${i}]`));
  const length = checked.reduce((sum, { content }) => sum + content.length, 0);
  if (length > maxContentLength) {
    throw expected(`messages of at most ${maxContentLength} characters together`, `${length}`);
  }
  return checked;
}

/** A role becomes part of the template's own text, so users must not be able to choose it freely. */
function checkedMessage(message: unknown, name: string): ChatMessage {
  const { role, content } = (message ?? {}) as Record<string, unknown>;
  const known = roles.find((candidate) => candidate === role);
  if (known === undefined) {
    throw expected(`${name}.role to be one of ${roles.join(', ')}`, describe(role));
  }
  if (typeof content !== 'string') {
    throw expected(`${name}.content to be a string`, describe(content));
  }
  return { role: known, content };
}

function expected(what: string, found: string): BitnetError {
  return new BitnetError('ERR_BITNET_ARGUMENT', `Expected ${what}, but received ${found}.`);
}

function describe(value: unknown): string {
  return typeof value === 'string'
    ? JSON.stringify(value.slice(0, 40))
    : `a value of type ${typeof value}`;
}
