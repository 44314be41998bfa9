import type { ChatMessage } from '../../lib/index.js';
import { printable } from '../terminal.mjs';
import { goesOn, mark } from '../typed-message.mjs';
import type { ChatTalk } from './chat-talk.mjs';

/** Characters of a message, and of an answer, that are shown again. */
const most = { message: 400, answer: 2000 };

/** Says how long a chat from a file is and, to a person, how it ended. */
export function tellResumed(talk: ChatTalk, done: 'Resumed' | 'Loaded'): void {
  const { chat, terminal, turns, typed } = talk;
  terminal.note(`${done} ${turns}.`);
  if (!typed) return;
  for (const line of lastTurn(chat.messages)) terminal.note(line);
}

/** A message as it looks when it is typed. */
export function typedText(message: string): string {
  return printable(mark + message.replaceAll('\n', `\n${goesOn}`));
}

/** The last turn of a chat, shown when it is resumed. */
function lastTurn(messages: readonly ChatMessage[]): string[] {
  const [message, answer] = messages.slice(-2);
  if (message === undefined || answer === undefined) return [];
  const { content: said } = message;
  const { content: answered } = answer;
  const asked = said.length > most.message ? `${said.slice(0, most.message)}…` : said;
  const end = answered.length > most.answer ? `…${answered.slice(-most.answer)}` : answered;
  return [typedText(asked), printable(end)];
}
