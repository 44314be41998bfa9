import type { ChatMessage } from '../../lib/index.js';
import { printable } from '../terminal.mjs';

/** Characters of a message, and of an answer, that are shown again. */
const most = { message: 400, answer: 2000 };

/** The last turn of a chat, for somebody who goes on with it. */
export function lastTurn(messages: readonly ChatMessage[]): string[] {
  const [message, answer] = messages.slice(-2);
  if (message === undefined || answer === undefined) return [];
  const { content: said } = message;
  const { content: answered } = answer;
  const asked = said.length > most.message ? `${said.slice(0, most.message)}…` : said;
  const end = answered.length > most.answer ? `…${answered.slice(-most.answer)}` : answered;
  return [`> ${asked}`, end].map(printable);
}
