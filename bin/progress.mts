import process from 'node:process';
import type { Terminal } from './terminal.mjs';

/** How far a long command has come, on standard error: a spinner, or a line now and then in a file. */
export class Progress {
  readonly #terminal: Terminal;
  readonly #spinner;
  /** Tenths of the work that a line was written about. */
  #tenths = 0;

  constructor(terminal: Terminal, text: string) {
    this.#terminal = terminal;
    this.#spinner = terminal.spinner(text);
  }

  /** @param fraction done, from 0 to 1 */
  update(fraction: number, text: string): void {
    this.#spinner.update(text);
    const tenths = Math.floor(10 * fraction);
    if (process.stderr.isTTY || tenths <= this.#tenths) return;
    this.#tenths = tenths;
    this.#terminal.note(text);
  }

  /** Changes what the spinner says; a file gets no line about it. */
  show(text: string): void {
    this.#spinner.update(text);
  }

  stop(): void {
    this.#spinner.stop();
  }
}
