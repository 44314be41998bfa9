import process from 'node:process';
import { createInterface, type Interface } from 'node:readline';
import { type Input, type Message, MessageLines } from './message-lines.mjs';
import { printable } from './terminal.mjs';
import { TypedInput } from './typed-input.mjs';

/** Finds how what is typed may go on: the candidates, and the part of it that they replace. */
export type Completer = (typed: string) => [string[], string];

export interface Typing {
  /** What was typed before anyone asked for it. */
  readonly begun: string;
  /** Earlier messages, the last first. */
  readonly history: readonly string[];
  readonly complete: Completer;
  /** Ends the input. */
  readonly signal: AbortSignal;
}

export interface Typed {
  readonly input: Input;
  /** Messages that came in the same piece, from a terminal that does not mark what is pasted. */
  readonly more: readonly Message[];
  /** The beginning of the next one. */
  readonly begun: string;
  /** Whether the input ended after them. */
  readonly ended: boolean;
  /** What the messages are remembered as. */
  readonly entries: readonly string[];
}

/** What stands before a message, and before what it goes on with. */
export const mark = '> ';
export const goesOn = '… ';
const pasteMarks = { on: '\x1b[?2004h', off: '\x1b[?2004l' };

/** Milliseconds after which a process that asked to be stopped continues by itself: no shell will continue it. */
const stopTime = 200;

/** Asks for a message, and lets the person edit it until Enter. */
export function typedMessage(typing: Typing): Promise<Typed> {
  return new Promise((resolve) => new Prompt(typing, resolve));
}

/** A prompt on the terminal, from its mark to Enter. */
class Prompt {
  readonly #output =
    process.stdout.isTTY && !process.stderr.isTTY ? process.stdout : process.stderr;
  readonly #editing = this.#output.isTTY === true && process.env.TERM !== 'dumb';
  readonly #typing: Typing;
  readonly #resolve: (typed: Typed) => void;
  readonly #input: TypedInput;
  readonly #editor: Interface;
  readonly #lines = new MessageLines();
  readonly #complete: Message[] = [];
  readonly #entries: string[] = [];
  #stopped: NodeJS.Timeout | undefined;
  #hasEnded = false;

  constructor(typing: Typing, resolve: (typed: Typed) => void) {
    this.#typing = typing;
    this.#resolve = resolve;
    this.#input = new TypedInput(process.stdin, (text) => this.#paste(text));
    this.#editor = createInterface({
      input: this.#input,
      output: this.#output,
      terminal: this.#editing,
      history: [...typing.history],
      historySize: typing.history.length + 100,
      completer: typing.complete,
    });
    // From Node 24 on, newlines inside of a line come as carriage returns.
    this.#editor.on('line', (line) => this.#take(line.replaceAll('\r', '\n')));
    this.#editor.on('close', this.#ended);
    this.#editor.on('SIGINT', this.#interrupt);
    this.#editor.on('SIGTSTP', () => this.#stop());
    process.on('SIGINT', this.#interrupt);
    process.on('SIGCONT', this.#goOn);
    typing.signal.addEventListener('abort', this.#ended);
    if (this.#editing) this.#output.write(pasteMarks.on);
    this.#ask();
    if (typing.begun !== '') this.#editor.write(typing.begun);
  }

  #ask(): void {
    this.#editor.setPrompt(this.#lines.open ? goesOn : mark);
    this.#editor.prompt();
  }

  #take(line: string): void {
    const message = this.#messageOf(line);
    if (message !== undefined) {
      this.#complete.push(message);
      this.#entries.push(entryOf(message));
      // More lines may come at once; the rest of them would be lost with this editor.
      if (this.#complete.length === 1) setImmediate(() => this.#finish(this.#complete.shift()!));
    } else if (this.#complete.length === 0) this.#ask();
  }

  /** A line has newlines where it was pasted, or is a message of several lines from the history. */
  #messageOf(line: string): Message | undefined {
    if (line.includes('\n') && !this.#lines.open) return { text: line, plain: false };
    let message: Message | undefined;
    for (const part of line.split('\n')) {
      message = this.#lines.push(part);
      if (message !== undefined) break;
    }
    return message;
  }

  /** Puts a text where the cursor is. */
  #paste(text: string): void {
    const clean = printable(text.replaceAll(/\r\n?/g, '\n')).replace(/\n$/, '');
    const { line, cursor } = this.#editor;
    // As if it had been typed, but for what keys do.
    Object.assign(this.#editor, {
      line: line.slice(0, cursor) + clean + line.slice(cursor),
      cursor: cursor + clean.length,
    });
    this.#editor.prompt(true);
  }

  readonly #interrupt = () => {
    const empty = this.#editor.line === '' && !this.#lines.open;
    this.#output.write('\n');
    if (empty) return this.#finish('interrupt');
    this.#lines.clear();
    this.#editor.write(null, { ctrl: true, name: 'e' }); // to the end of the line, then delete it all
    this.#editor.write(null, { ctrl: true, name: 'u' });
    this.#ask();
  };

  /** Ctrl-Z: leaves the terminal to the shell as it was, and stops with whoever runs us. */
  #stop(): void {
    this.#output.write(`${pasteMarks.off}\n`);
    this.#input.setRawMode(false);
    // SIGCONT, which comes in the turn after the timer's, is the better news.
    this.#stopped = setTimeout(() => {
      this.#stopped = setTimeout(this.#goOn, stopTime);
    }, stopTime);
    process.kill(0, 'SIGTSTP');
  }

  /** After Ctrl-Z and `fg`, or SIGSTOP and SIGCONT: the shell has used the terminal meanwhile. */
  readonly #goOn = () => {
    clearTimeout(this.#stopped);
    this.#stopped = undefined;
    if (!this.#editing) return this.#ask();
    this.#input.setRawMode(false).setRawMode(true);
    // The editor moves up to where the text began before it draws it anew.
    const { rows } = this.#editor.getCursorPos();
    this.#output.write(pasteMarks.on + '\n'.repeat(rows));
    this.#editor.prompt(true);
  };

  readonly #ended = () => {
    this.#hasEnded = true;
    if (this.#complete.length > 0) return; // which comes first
    this.#output.write('\n');
    this.#finish('end');
  };

  #finish(input: Input): void {
    const begun = this.#editing ? this.#editor.line : '';
    clearTimeout(this.#stopped);
    this.#typing.signal.removeEventListener('abort', this.#ended);
    process.off('SIGINT', this.#interrupt);
    process.off('SIGCONT', this.#goOn);
    if (this.#editing) this.#output.write(pasteMarks.off);
    this.#editor.off('close', this.#ended);
    this.#editor.close();
    this.#input.release();
    this.#resolve({
      input,
      more: this.#complete,
      begun,
      ended: this.#hasEnded,
      entries: this.#entries,
    });
  }
}

/** What brings a message back when it is entered again. */
function entryOf({ text, plain }: Message): string {
  return plain || text.includes('\n') ? text : `"""${text}"""`;
}
