import process from 'node:process';
import type { Ora } from 'ora';
import { escaped, escapedLines } from './escape.mjs';
import { exitCodeOfInterrupt } from './interrupt.mjs';
import { wrapped } from './word-wrap.mjs';

/** What the user asked to see on standard error. */
export interface Verbosity {
  readonly quiet?: boolean | undefined;
  readonly verbose?: boolean | undefined;
  readonly json?: boolean | undefined;
  /** False after `--no-color`. */
  readonly color?: boolean | undefined;
}

/** A loading spinner that shows itself only if the work takes long enough to wonder about. */
export interface Spinner {
  update(text: string): void;
  stop(): void;
}

/** Milliseconds before a spinner appears: faster work should not flicker. */
const spinnerDelay = 150;

/** Everything a command says on standard error; text and JSON for other programs go to `Output`. */
export class Terminal {
  readonly #verbosity: Verbosity;
  readonly #colored: boolean;

  constructor(verbosity: Verbosity) {
    this.#verbosity = verbosity;
    this.#colored = wantsColor(process.stderr, verbosity.color);
  }

  /** A line in the background: timings, notices. Not shown with `--quiet` or `--json`. */
  note(text: string): void {
    if (!this.#silent) this.#line(this.#paint('2', fittedLines(text)));
  }

  /** A line of detail, shown with `--verbose`. */
  detail(label: string, text: string): void {
    if (this.#verbosity.verbose) this.note(`${label.padEnd(9)} ${escaped(text)}`);
  }

  warn(text: string): void {
    if (!this.#silent) this.#labeled('33', 'warning:', text);
  }

  error(text: string): void {
    this.#labeled('31', 'error:', text);
  }

  /**
   * Shows the prompt before its continuation, where a person reads both as one text.
   *
   * @param broken breaks its lines
   */
  echo(text: string, broken: (text: string) => string): void {
    if (this.#silent || !process.stderr.isTTY || !process.stdout.isTTY) return;
    process.stderr.write(this.#paint('2', broken(escapedLines(text))));
  }

  spinner(text: string): Spinner {
    if (this.#silent || !process.stderr.isTTY || process.env.TERM === 'dumb') {
      return { update() {}, stop() {} };
    }
    let current = text;
    let ora: Ora | undefined;
    let stopped = false;
    const timer = setTimeout(async () => {
      const { default: createOra } = await import('ora');
      if (stopped) return;
      // Left alone, stdin keeps Ctrl-C and whatever is piped into it.
      const options = { discardStdin: false, isEnabled: true };
      ora = createOra({
        ...options,
        text: fitted(current),
        ...(!this.#colored && { color: false }),
      });
      ora.start();
    }, spinnerDelay);
    return {
      update(next) {
        current = next;
        if (ora) ora.text = fitted(next);
      },
      stop() {
        stopped = true;
        clearTimeout(timer);
        ora?.stop();
      },
    };
  }

  get #silent(): boolean {
    const { quiet, json } = this.#verbosity;
    return Boolean(quiet || json) || exitCodeOfInterrupt() === 0; // the reader is gone
  }

  #paint(code: string, text: string): string {
    return this.#colored ? `\x1b[${code}m${text}\x1b[0m` : text;
  }

  /** Its label alone is colored, and colors take no columns. */
  #labeled(color: string, label: string, text: string): void {
    const lines = fittedLines(`${label} ${text}`);
    this.#line(this.#paint(color, label) + lines.slice(label.length));
  }

  #line(text: string): void {
    process.stderr.write(`${text}\n`);
  }
}

/** `--no-color` beats NO_COLOR, which beats FORCE_COLOR, which beats looking at the stream. */
export function wantsColor(stream: NodeJS.WriteStream, flag: boolean | undefined): boolean {
  if (flag === false || process.env.NO_COLOR) return false;
  const { FORCE_COLOR: force, TERM: term } = process.env;
  if (force !== undefined) return force !== '0' && force !== 'false';
  return stream.isTTY === true && term !== 'dumb';
}

/** Longest line: the width of the terminal (80 if unknown); unlimited in a file or a pipe. */
export function columnsOf(stream: NodeJS.WriteStream): number {
  return stream.isTTY ? stream.columns || 80 : Number.POSITIVE_INFINITY;
}

/** Generated text as a terminal can only print it: every control character but newline and tab is left out. */
export function printable(text: string): string {
  return text.replaceAll(/(?![\n\t])\p{Cc}/gu, '');
}

/** Lines that a terminal shows as they are meant: broken between words, where it would break them anywhere. */
function fittedLines(text: string): string {
  const lines = escapedLines(text);
  if (!process.stderr.isTTY) return lines;
  // A percentage is one word.
  const whole = lines.replaceAll(/(?<=\d) (?=%)/g, '\u00a0');
  return wrapped(whole, columnsOf(process.stderr));
}

/** A spinner line must not wrap: leave room for the spinner itself. */
function fitted(text: string): string {
  const room = Math.max(columnsOf(process.stderr) - 4, 10);
  const line = escaped(text);
  return line.length > room ? `${line.slice(0, room - 1)}…` : line;
}
