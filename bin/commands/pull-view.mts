import process from 'node:process';
import { bytes } from '../../lib/byte-size.js';
import type { PullProgress } from '../../lib/index.js';
import { duration } from '../duration.mjs';
import type { Spinner, Terminal } from '../terminal.mjs';

/** Milliseconds over which the rate is measured. */
const rateWindow = 5000;

/** Milliseconds between updates of the line, and between lines without a terminal. */
const interval = { terminal: 100, file: 5000 };

/** Progress on standard error: one line that changes or, where it cannot, a line now and then. */
export class PullView {
  readonly #terminal: Terminal;
  readonly #animated = process.stderr.isTTY && process.env.TERM !== 'dumb';
  #spinner: Spinner | undefined;
  #file = '';
  #shown = performance.now();
  #samples: { time: number; bytes: number }[] = [];

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  update(progress: PullProgress): void {
    const now = performance.now();
    // Less than before: the server began anew.
    if (progress.file !== this.#file || progress.bytes < (this.#samples.at(-1)?.bytes ?? 0)) {
      this.#file = progress.file;
      this.#samples = [{ time: now, bytes: progress.bytes }];
    }
    if (now - this.#shown < interval[this.#animated ? 'terminal' : 'file']) return;
    this.#shown = now;
    this.#samples.push({ time: now, bytes: progress.bytes });
    const old = this.#samples.findIndex(({ time }) => time >= now - rateWindow);
    this.#samples.splice(0, Math.min(old, this.#samples.length - 2));
    const text = progressText(progress, rate(this.#samples));
    if (!this.#animated) {
      this.#terminal.note(text);
      return;
    }
    this.#spinner ??= this.#terminal.spinner(text);
    this.#spinner.update(text);
  }

  stop(): void {
    this.#spinner?.stop();
    this.#spinner = undefined;
  }
}

/** Bytes per second. */
function rate(samples: readonly { time: number; bytes: number }[]): number {
  const [first, last] = [samples[0]!, samples.at(-1)!];
  return last.time > first.time
    ? (1000 * (last.bytes - first.bytes)) / (last.time - first.time)
    : 0;
}

/** `model.gguf (1 of 2): 45 % of 1.1 GiB, 12.3 MiB/s, 0:52 left`. */
export function progressText(progress: PullProgress, perSecond: number): string {
  const { file, shard, shards, bytes: size, total } = progress;
  const label = shards > 1 ? `${file} (${shard} of ${shards})` : file;
  const amount = total ? `${Math.floor((100 * size) / total)} % of ${bytes(total)}` : bytes(size);
  const left = total && perSecond > 0 ? `, ${duration((total - size) / perSecond)} left` : '';
  return `${label}: ${amount}, ${bytes(Math.round(perSecond))}/s${left}`;
}
