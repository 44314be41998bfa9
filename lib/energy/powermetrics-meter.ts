import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { EnergyFault } from './fault.js';
import type { EnergyMeter, EnergyReading } from './meter.js';

/** Milliseconds between samples. */
const interval = 100;

/** Milliseconds after which a sample is not coming any more. */
const patience = 5000;

const options = [
  ...['--samplers', 'cpu_power', '--sample-rate', String(interval)],
  ...['--buffer-size', '1'], // a line at a time, although it writes into a pipe
];

/** The line that begins a sample, and the one with the power of the whole chip: newer and older Apple chips, Intel's. */
const heading = /^\*+ Sampled system activity/;
const power =
  /^(?:Combined Power \(.*\)|Package Power|Intel energy model derived package power \(.*\)): *([\d.]+) *(m?)W$/;

/** Energy up to a moment: the power between two moments is that of the later sample. */
type Moment = EnergyReading;

/** Adds up the samples that macOS's powermetrics gives of the package's power. */
export class PowermetricsMeter implements EnergyMeter {
  readonly source = 'powermetrics:package';
  readonly #child: ChildProcess;
  readonly #waiting = new Set<() => void>();
  /** When samples came. The first was of a time before the meter was there, and only begins the sum. */
  readonly #moments: Moment[] = [];
  #fault: EnergyFault | undefined;

  /** @param command the words that start powermetrics, without its options */
  constructor([program, ...words]: readonly [string, ...string[]]) {
    this.#child = spawn(program, [...words, ...options], { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#child.unref();
    this.#child.on('error', ({ message }) => this.#fail(`powermetrics failed: ${message}`));
    this.#child.on('close', () => this.#fail('powermetrics ended unexpectedly'));
    let open = false; // only the first power of a sample counts
    createInterface({ input: this.#child.stdout! }).on('line', (line) => {
      if (heading.test(line)) open = true;
      const [, number, milli] = (open && power.exec(line)) || [];
      if (number === undefined) return;
      open = false;
      this.#add(Number(number) / (milli ? 1000 : 1));
    });
  }

  async read(): Promise<EnergyReading> {
    await this.#sampleAt(0);
    const seconds = performance.now() / 1000;
    const i = await this.#sampleAt(seconds);
    const [before, after] = [this.#moments[i - 1] ?? this.#moments[i]!, this.#moments[i]!];
    const watts = (after.joules - before.joules) / (after.seconds - before.seconds || 1);
    return { joules: after.joules - watts * (after.seconds - seconds), seconds };
  }

  /** Its output closed, it ends at its next sample, also where it belongs to root and may not be killed. */
  close(): void {
    this.#child.removeAllListeners('close');
    this.#child.stdout!.destroy();
    this.#child.kill();
  }

  /** Index of the first sample that came at `seconds` or later, once there is one. */
  async #sampleAt(seconds: number): Promise<number> {
    const deadline = setTimeout(() => this.#fail('powermetrics gives no samples'), patience);
    try {
      for (;;) {
        const found = this.#moments.findIndex((moment) => moment.seconds >= seconds);
        if (found >= 0) return found;
        if (this.#fault) throw this.#fault;
        await new Promise<void>((resolve) => this.#waiting.add(resolve));
      }
    } finally {
      clearTimeout(deadline);
    }
  }

  #add(watts: number): void {
    const seconds = performance.now() / 1000;
    const last = this.#moments.at(-1) ?? { joules: 0, seconds };
    this.#moments.push({ joules: last.joules + watts * (seconds - last.seconds), seconds });
    this.#wake();
  }

  #fail(reason: string): void {
    this.#fault ??= new EnergyFault(reason);
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
