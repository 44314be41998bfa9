import { BitnetError } from '../errors.js';
import { type ChatMessage, checkedMessages } from './messages.js';
import type { WrittenPart } from './written-parts.js';

/** What a session file stores about a chat, in addition to the session. */
export interface ChatData {
  readonly system: string | undefined;
  readonly messages: readonly ChatMessage[];
  readonly written: readonly WrittenPart[];
}

export function chatData(chat: ChatData): unknown {
  return { chat };
}

/**
 * The chat in the data of a session file, which is not trusted.
 *
 * @throws ERR_BITNET_SESSION when there is none
 */
export function readChatData(path: string, data: unknown, vocabSize: number): ChatData {
  const chat = (data as { chat?: Partial<ChatData> } | null | undefined)?.chat;
  if (!isChat(chat, vocabSize)) {
    throw new BitnetError(
      'ERR_BITNET_SESSION',
      `Expected the session file "${path}" to hold a chat, but it holds other text; choose a file that a chat has saved.`,
      { path },
    );
  }
  const { system, messages, written } = chat;
  return { system, messages: checkedMessages(messages), written };
}

function isChat(chat: Partial<ChatData> | undefined, vocabSize: number): chat is ChatData {
  if (typeof chat !== 'object' || chat === null) return false;
  const { system, messages, written } = chat;
  if (system !== undefined && typeof system !== 'string') return false;
  return (
    areTurns(messages) && Array.isArray(written) && written.every((part) => isPart(part, vocabSize))
  );
}

function areTurns(messages: unknown): boolean {
  if (!Array.isArray(messages) || messages.length % 2 !== 0) return false;
  return messages.every((message, i) => {
    const role = i % 2 === 0 ? 'user' : 'assistant';
    return message?.role === role && typeof message.content === 'string';
  });
}

function isPart(value: unknown, vocabSize: number): boolean {
  const { part, ids, answer } = (value ?? {}) as Partial<WrittenPart>;
  if (typeof part !== 'string' && typeof part !== 'number') return false;
  if (!areIds(ids, vocabSize)) return false;
  return (
    answer === undefined || (typeof answer?.text === 'string' && areIds(answer.ids, vocabSize))
  );
}

function areIds(ids: unknown, vocabSize: number): boolean {
  return Array.isArray(ids) && ids.every((id) => Number.isInteger(id) && id >= 0 && id < vocabSize);
}
