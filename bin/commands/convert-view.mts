import { basename } from 'node:path';
import { bytes } from '../../lib/byte-size.js';
import type { ConvertProgress } from '../../lib/index.js';
import { duration } from '../duration.mjs';
import { Progress } from '../progress.mjs';
import type { Terminal } from '../terminal.mjs';

/** A line that says how far a conversion is. */
export class ConvertView {
  readonly #label: string;
  readonly #progress: Progress;
  readonly #start = performance.now();

  constructor(terminal: Terminal, source: string) {
    this.#label = `Converting ${basename(source)}`;
    this.#progress = new Progress(terminal, `${this.#label} …`);
  }

  update(done: ConvertProgress): void {
    const text = progressText(done, (performance.now() - this.#start) / 1000);
    this.#progress.update(done.bytes / done.total, `${this.#label}: ${text}`);
  }

  stop(): void {
    this.#progress.stop();
  }
}

/** `45 % of 1.1 GiB, 0:52 left`. */
function progressText({ bytes: done, total }: ConvertProgress, seconds: number): string {
  const left = done > 0 ? `, ${duration((seconds * (total - done)) / done)} left` : '';
  return `${Math.floor((100 * done) / total)} % of ${bytes(total)}${left}`;
}
