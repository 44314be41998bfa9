import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { EnergyMeter, EnergyReading } from './meter.js';
import { Moments } from './moments.js';

/** Milliseconds between samples: the least that `perf stat -I` takes without a warning. */
const interval = 100;

/**
 * Adds up what Linux's perf counts of the `power` unit of the processor: the counters of RAPL, for whom
 * `perf_event_paranoid` lets see them.
 */
export class PerfMeter implements EnergyMeter {
  readonly source: string;
  readonly resolution = interval / 1000;
  readonly #child: ChildProcess;
  readonly #moments = new Moments('perf');

  /**
   * @param program the path of perf
   * @param events names of the `power` unit: 'energy-pkg', 'energy-ram'
   */
  constructor(program: string, events: readonly string[]) {
    this.source = `perf:${events.join('+')}`;
    const names = events.map((event) => `power/${event}/`).join();
    const options = ['stat', '-a', '-x', ';', '-I', String(interval), '-e', names];
    this.#child = spawn(program, options, {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, LC_ALL: 'C' }, // a point in its numbers
    });
    this.#child.unref();
    this.#child.on('error', ({ message }) => this.#moments.fail(`failed: ${message}`));
    this.#child.on('close', () => this.#moments.fail('ended unexpectedly'));
    let joules = 0;
    let left = events.length; // an interval has a line for each
    createInterface({ input: this.#child.stderr! }).on('line', (line) => {
      const [, value, unit, event] = line.split(';');
      if (!event?.startsWith('power/')) return;
      const count = Number(value);
      if (unit !== 'Joules' || !(count >= 0)) {
        this.#moments.fail(`cannot count ${event}: ${value}`);
        return;
      }
      joules += count;
      left--;
      if (left > 0) return;
      this.#moments.addJoules(joules);
      joules = 0;
      left = events.length;
    });
  }

  read(): Promise<EnergyReading> {
    return this.#moments.read();
  }

  close(): void {
    this.#child.removeAllListeners('close');
    this.#child.stderr!.destroy();
    this.#child.kill();
  }
}
