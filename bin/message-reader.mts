import process from 'node:process';
import { createInterface } from 'node:readline';
import type { MessageHistory } from './message-history.mjs';
import { type Input, type Message, MessageLines } from './message-lines.mjs';
import { type Completer, typedMessage } from './typed-message.mjs';

export interface MessageReader {
  next(): Promise<Input>;
  /** Releases standard input, so that the process does not wait for the rest of it. */
  close(): void;
}

/** Messages piped in: a line each, unless it goes on. */
export function pipedMessages(signal: AbortSignal): MessageReader {
  const lines = new MessageLines();
  const input = createInterface({
    input: process.stdin,
    crlfDelay: Number.POSITIVE_INFINITY,
    signal,
  });
  const iterator = input[Symbol.asyncIterator]();
  return {
    async next() {
      for (;;) {
        const { value, done } = await iterator.next().catch(unread);
        if (signal.aborted) return 'end';
        if (done) return lines.flush() ?? 'end';
        const message = lines.push(value);
        if (message !== undefined) return message;
      }
    },
    close() {
      input.close();
      process.stdin.destroy();
    },
  };
}

/** The messages of `others` after a first one. */
export function beginningWith(first: string, others: MessageReader): MessageReader {
  let begun = false;
  return {
    async next() {
      if (begun) return others.next();
      begun = true;
      return { text: first, plain: false };
    },
    close: () => others.close(),
  };
}

/** Standard input that cannot be read, as under nohup, is one without messages. */
function unread(): { value: undefined; done: true } {
  return { value: undefined, done: true };
}

/**
 * Messages typed by a person, with line editing and a history. The terminal is ours only while a
 * message is being typed: during an answer Ctrl-C is an ordinary signal.
 */
export function typedMessages(
  signal: AbortSignal,
  history: MessageHistory,
  complete: Completer,
): MessageReader {
  const waiting: Message[] = [];
  let begun = '';
  let ended = false;
  return {
    async next() {
      if (signal.aborted) return 'end';
      const ready = waiting.shift();
      if (ready !== undefined) return ready;
      if (ended) return 'end';
      const typed = await typedMessage({ begun, history: history.entries, complete, signal });
      for (const message of typed.more) waiting.push(message);
      begun = typed.begun;
      ended = typed.ended;
      for (const entry of typed.entries) await history.add(entry);
      return typed.input;
    },
    close() {}, // every message has closed its own
  };
}
