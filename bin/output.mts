import { once } from 'node:events';
import process from 'node:process';
import { systemFault } from '../lib/files/system-fault.js';
import { escaped } from './escape.mjs';
import { interruptAll } from './interrupt.mjs';
import { columnsOf, printable } from './terminal.mjs';
import { type Width, WordWrap } from './word-wrap.mjs';

/** Standard output: generated text and JSON, nothing else. */
export class Output {
  /** Whether the cursor stands inside a line. */
  #midLine = false;
  readonly #wrap: WordWrap | undefined;

  /** @param width has lines of generated text broken between words */
  constructor({ width }: { readonly width?: Width } = {}) {
    if (width) this.#wrap = new WordWrap(() => columnsOf(process.stdout), width);
  }

  /** One that breaks lines of generated text between words on a terminal. */
  static async wrapping(): Promise<Output> {
    if (!process.stdout.isTTY) return new Output();
    const { default: width } = await import('string-width');
    return new Output({ width });
  }

  /** Writes a piece of generated text, no faster than the reader takes it. */
  async text(piece: string): Promise<void> {
    // Text from a model must not drive the terminal; a file or a pipe gets every character.
    const text = process.stdout.isTTY ? printable(piece) : piece;
    if (text === '') return;
    this.#midLine = !text.endsWith('\n');
    await write(this.#wrap?.push(text) ?? text);
  }

  /** Takes the beginning of the text, which is shown by others, and returns it with its lines broken. */
  begin(text: string): string {
    this.#midLine = text !== '' && !text.endsWith('\n');
    return this.#wrap?.pushWhole(text) ?? text;
  }

  /** Ends the text, and the line the cursor is in, if any. */
  async endLine(): Promise<void> {
    const rest = this.#wrap?.end() ?? '';
    if (this.#midLine) await write(`${rest}\n`);
    this.#midLine = false;
  }

  /** One line of JSON; integers that a JSON reader might round are strings. */
  async json(value: unknown): Promise<void> {
    const exact = (_: string, item: unknown) => (typeof item === 'bigint' ? `${item}` : item);
    await write(`${escaped(JSON.stringify(value, exact))}\n`);
  }

  /** A text of ours for another program, unchanged. */
  async script(text: string): Promise<void> {
    await write(`${text}\n`);
  }

  /** @param paint puts colors into a line, after everything else in it that could drive a terminal has been made visible */
  async lines(lines: readonly string[], paint = (line: string) => line): Promise<void> {
    await write(`${lines.map((line) => paint(escaped(line))).join('\n')}\n`);
  }
}

/** Whether standard output has failed: what is written from then on is lost. */
let gone = false;

async function write(text: string): Promise<void> {
  if (gone || process.stdout.write(text)) return;
  await once(process.stdout, 'drain').catch((error) => {
    if (!gone) throw error;
  });
}

/**
 * Ends the work quietly when its reader is gone (`| head`), or when the disk is full; the
 * process at once if no work has to be cleaned up.
 */
export function watchStreams(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (gone) return;
    gone = true;
    const quiet = error.code === 'EPIPE';
    if (!quiet) {
      const fault = systemFault(error);
      process.stderr.write(
        `error: Expected to write to standard output, but the system answered "${fault}".\n`,
      );
    }
    const exitCode = quiet ? 0 : 1;
    if (!interruptAll(exitCode)) process.exit(exitCode);
  });
  process.stderr.on('error', () => {}); // what is lost there is not worth failing for
}
