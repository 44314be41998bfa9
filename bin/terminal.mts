import process from 'node:process';
import type { Ora } from 'ora';
import { escaped, escapedLines } from './escape.mjs';
import { exitCodeOfInterrupt } from './interrupt.mjs';
import { WordWrap } from './word-wrap.mjs';

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
    if (!this.#silent) this.#line(fittedLines(text, this.#paint('33', 'warning:')));
  }

  error(text: string): void {
    this.#line(fittedLines(text, this.#paint('31', 'error:')));
  }

  /**
   * Shows the prompt before its continuation, where a person reads both as one text; returns
   * whether the cursor stands inside a line now.
   */
  echo(text: string): boolean {
    if (this.#silent || !process.stderr.isTTY || !process.stdout.isTTY) return false;
    const shown = escapedLines(text);
    process.stderr.write(this.#paint('2', shown));
    return shown !== '' && !shown.endsWith('\n');
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
    return Boolean(quiet || json) || exitCodeOfInterrupt() === 0; // nobody reads on
  }

  #paint(code: string, text: string): string {
    return this.#colored ? `\x1b[${code}m${text}\x1b[0m` : text;
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

/** Generated text as a terminal can only print it: every control character but newline and tab is left out. */
export function printable(text: string): string {
  return text.replaceAll(/(?![\n\t])\p{Cc}/gu, '');
}

/** Lines that a terminal shows as they are meant: broken between words, where it would break them anywhere. */
function fittedLines(text: string, label?: string): string {
  const { stderr } = process;
  const line = [label, escapedLines(text)].filter((part) => part !== undefined).join(' ');
  if (!stderr.isTTY) return line;
  const wrap = new WordWrap(() => stderr.columns || 80);
  return wrap.push(line) + wrap.end();
}

/** A spinner line must not wrap: leave room for the spinner itself. */
function fitted(text: string): string {
  const room = Math.max((process.stderr.columns || 80) - 4, 10);
  const line = escaped(text);
  return line.length > room ? `${line.slice(0, room - 1)}…` : line;
}
