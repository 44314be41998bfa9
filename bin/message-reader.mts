import process from 'node:process';
import { createInterface } from 'node:readline';
import { type Message, MessageLines } from './message-lines.mjs';

/** What comes from a person or a pipe: a message, Ctrl-C on an empty line, or the end. */
export type Input = Message | 'interrupt' | 'end';

export interface MessageReader {
  next(): Promise<Input>;
  /** Lets go of standard input, so that nobody waits for the rest of it. */
  close(): void;
}

/** Messages piped in: a line each, unless it goes on. */
export function pipedMessages(): MessageReader {
  const lines = new MessageLines();
  const input = createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY });
  const iterator = input[Symbol.asyncIterator]();
  return {
    async next() {
      for (;;) {
        const { value, done } = await iterator.next().catch(unread);
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

/** Standard input that cannot be read, as under nohup, is one without messages. */
function unread(): { value: undefined; done: true } {
  return { value: undefined, done: true };
}

/**
 * Messages typed by a person, with line editing and a history on standard error. The terminal is
 * ours only while a message is being typed: during an answer Ctrl-C is an ordinary signal.
 */
export function typedMessages(): MessageReader {
  const waiting: Message[] = [];
  let history: string[] = [];
  return {
    async next() {
      const ready = waiting.shift();
      if (ready !== undefined) return ready;
      const typed = await typedMessage(history);
      history = typed.history;
      waiting.push(...typed.more);
      return typed.input;
    },
    close() {}, // every message has closed its own
  };
}

interface Typed {
  readonly input: Input;
  /** Messages that came in the same piece, from a terminal that does not mark what is pasted. */
  readonly more: readonly Message[];
  readonly history: string[];
}

const mark = '> ';
const goesOn = '… ';
const pasteMarks = { on: '\x1b[?2004h', off: '\x1b[?2004l' };

function typedMessage(known: string[]): Promise<Typed> {
  const output = process.stderr;
  const terminal = output.isTTY === true && process.env.TERM !== 'dumb';
  const rl = createInterface({
    input: process.stdin,
    output,
    terminal,
    history: [...known],
    historySize: 500,
  });
  const lines = new MessageLines();
  const complete: Message[] = [];
  let pasting = false;
  let pasted: string[] = [];
  let history = known;
  const ask = () => {
    rl.setPrompt(lines.open || pasted.length > 0 ? goesOn : mark);
    rl.prompt();
  };
  const keypress = (_: unknown, key: { name?: string } | undefined) => {
    if (key?.name === 'paste-start') pasting = true;
    if (key?.name === 'paste-end') pasting = false;
  };
  return new Promise((resolve) => {
    const ended = () => {
      output.write('\n');
      finish('end');
    };
    const finish = (input: Input) => {
      process.stdin.off('keypress', keypress);
      if (terminal) output.write(pasteMarks.off);
      rl.off('close', ended);
      rl.close();
      resolve({ input, more: complete, history });
    };
    rl.on('history', (entries) => {
      history = [...entries];
    });
    rl.on('line', (line) => {
      if (pasting) pasted.push(line);
      else if (pasted.length > 0) {
        complete.push({ text: [...pasted, line].join('\n').trimEnd(), plain: false });
        pasted = [];
      } else {
        const message = lines.push(line);
        if (message !== undefined) complete.push(message);
      }
      // More lines may come at once; the rest of them would be lost with this interface.
      if (complete.length === 1) setImmediate(() => finish(complete.shift()!));
      if (complete.length === 0) ask();
    });
    rl.on('SIGINT', () => {
      const empty = rl.line === '' && !lines.open && pasted.length === 0;
      output.write('\n');
      if (empty) return finish('interrupt');
      lines.clear();
      pasted = [];
      rl.write(null, { ctrl: true, name: 'e' }); // to the end of the line, then delete it all
      rl.write(null, { ctrl: true, name: 'u' });
      ask();
    });
    rl.on('close', ended);
    process.stdin.on('keypress', keypress);
    if (terminal) output.write(pasteMarks.on);
    ask();
  });
}
