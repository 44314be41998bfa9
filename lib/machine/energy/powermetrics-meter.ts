import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { EnergyMeter, EnergyReading } from './meter.js';
import { Moments } from './moments.js';

/** Milliseconds between samples. */
const interval = 100;

const options = [
  ...['--samplers', 'cpu_power', '--sample-rate', String(interval)],
  ...['--buffer-size', '1'], // a line at a time, although it writes into a pipe
];

/** The line that begins a sample, and the one with the power of the whole chip: newer and older Apple chips, Intel's. */
const heading = /^\*+ Sampled system activity/;
const power =
  /^(?:Combined Power \(.*\)|Package Power|Intel energy model derived package power \(.*\)): *([\d.]+) *(m?)W$/;

/** Adds up the samples that macOS's powermetrics gives of the package's power. */
export class PowermetricsMeter implements EnergyMeter {
  readonly source = 'powermetrics:package';
  readonly resolution = interval / 1000;
  readonly #child: ChildProcess;
  readonly #moments = new Moments('powermetrics');

  /** @param command the words that start powermetrics, without its options */
  constructor([program, ...words]: readonly [string, ...string[]]) {
    this.#child = spawn(program, [...words, ...options], { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#child.unref();
    this.#child.on('error', ({ message }) => this.#moments.fail(`failed: ${message}`));
    this.#child.on('close', () => this.#moments.fail('ended unexpectedly'));
    let open = false; // only the first power of a sample counts
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      if (heading.test(line)) open = true;
      const [, number, milli] = (open && power.exec(line)) || [];
      if (number === undefined) return;
      open = false;
      this.#moments.addWatts(Number(number) / (milli ? 1000 : 1));
    });
  }

  read(): Promise<EnergyReading> {
    return this.#moments.read();
  }

  /** Its output closed, it ends at its next sample, also where it belongs to root and may not be killed. */
  close(): void {
    this.#child.removeAllListeners('close');
    this.#child.stdout!.destroy();
    this.#child.kill();
  }
}
