import { EnergyFault } from './fault.js';
import type { EnergyMeter, EnergyReading } from './meter.js';
import type { PowerSource } from './power-sources.js';

/** Milliseconds between looks at a number that changes no more often. */
const interval = 100;

/** Adds up the power of a sensor or a battery: what it shows holds until it shows something else. */
export class PowerMeter implements EnergyMeter {
  readonly source: string;
  readonly resolution: number;
  readonly #watts: () => number | null;
  readonly #clock: () => number;
  readonly #timer: NodeJS.Timeout;
  #last: number | null;
  #seconds: number;
  #joules = 0;

  /** @param clock seconds that only ever grow */
  constructor(source: PowerSource, clock: () => number = () => performance.now() / 1000) {
    this.source = source.name;
    this.resolution = source.resolution;
    this.#watts = source.watts;
    this.#clock = clock;
    this.#last = source.watts();
    this.#seconds = clock();
    this.#timer = setInterval(() => this.#sample(), interval).unref();
  }

  async read(): Promise<EnergyReading> {
    this.#sample();
    if (this.#last === null) {
      throw new EnergyFault(`${this.source} does not tell its power any more, or is being charged`);
    }
    return { joules: this.#joules, seconds: this.#seconds };
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #sample(): void {
    if (this.#last === null) return; // once it has been charged, the sum has a hole
    const now = this.#clock();
    this.#joules += this.#last * (now - this.#seconds);
    this.#seconds = now;
    this.#last = this.#watts();
  }
}
