import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';
import { bitnetPath, plainEnvironment } from './bitnet.js';

/** Whether tests can have a terminal: `script` makes one. */
export const hasPty =
  process.platform === 'linux' && spawnSync('script', ['--version']).status === 0;

/** Milliseconds of silence after which a test says what it was waiting for. */
const patience = 20_000;

export interface PtySettings {
  /** @default 80 */
  readonly columns?: number;
  readonly env?: Readonly<Record<string, string>>;
}

/** A program in a terminal, and a person before it. */
export class Pty {
  readonly #child: ChildProcessWithoutNullStreams;
  #shown = '';
  /** Where what was not waited for yet begins. */
  #from = 0;
  #changed = () => {};
  /** The exit code, once all is shown. */
  readonly ended: Promise<number | null>;

  /** @param command for a shell */
  constructor(command: string, { columns = 80, env = {} }: PtySettings = {}) {
    const sized = `stty cols ${columns} rows 24; ${command}`;
    this.#child = spawn('script', ['-qec', sized, '/dev/null'], {
      env: { ...plainEnvironment(), TERM: 'xterm', ...env },
    });
    this.#child.stdout.on('data', (chunk) => {
      this.#shown += chunk;
      this.#changed();
    });
    this.ended = new Promise((resolve) => {
      this.#child.on('close', (code) => {
        resolve(code);
        this.#changed();
      });
    });
  }

  /** Everything that was shown, without what moves the cursor. */
  get shown(): string {
    return stripVTControlCharacters(this.#shown).replaceAll('\r', '');
  }

  type(text: string): void {
    this.#child.stdin.write(text);
  }

  /** Waits until something is shown after what was waited for last; returns what came up to its end. */
  async until(pattern: RegExp): Promise<string> {
    for (;;) {
      const rest = this.shown.slice(this.#from);
      const found = pattern.exec(rest);
      if (found) {
        const end = found.index + found[0].length;
        this.#from += end;
        return rest.slice(0, end);
      }
      if (this.#child.exitCode !== null) {
        throw new Error(`The program ended without ${pattern}:\n${rest}`);
      }
      await new Promise<void>((resolve, reject) => {
        const tail = JSON.stringify(this.#shown.slice(-500));
        const late = () => reject(new Error(`Waited in vain for ${pattern}; the end is ${tail}`));
        const timer = setTimeout(late, patience);
        this.#changed = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

/** The command in a terminal. */
export function bitnetPty(args: readonly string[], settings?: PtySettings): Pty {
  return new Pty(`exec ${quoted([process.execPath, bitnetPath, ...args])}`, settings);
}

export function quoted(words: readonly string[]): string {
  return words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
}
