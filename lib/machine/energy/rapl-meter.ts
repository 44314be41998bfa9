import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { smallestOf } from '../../extremes.js';
import { EnergyFault } from './fault.js';
import type { EnergyMeter, EnergyReading } from './meter.js';
import { countersToSum, type RaplCounter, raplCounters } from './rapl-counters.js';

/** More than any package or memory takes: what a counter must be read often enough for, and what no true reading exceeds. */
const mostWatts = 2000;

/** Counters move about once a millisecond, by all that was used since: a difference may belong to so many seconds more. */
const slackSeconds = 0.1;

/** A sample each so often at most, in milliseconds, however large the counters are. */
const longestInterval = 30_000;

/** Where a counter stands, and what it has counted since it was first read. */
interface Counted extends RaplCounter {
  /** Microjoules after which it begins at 0 again; null where the system does not tell. */
  readonly range: number | null;
  last: number;
  joules: number;
}

/** Sums counters of Linux's powercap: packages and, where it is counted separately, DRAM. */
export class RaplMeter implements EnergyMeter {
  readonly source: string;
  readonly resolution = 0.001;
  readonly #counters: readonly Counted[];
  readonly #clock: () => number;
  readonly #timer: NodeJS.Timeout;
  #sampledAt: number;
  #fault: EnergyFault | undefined;

  /**
   * @param folder in place of /sys/class/powercap
   * @param clock seconds that only ever grow
   */
  constructor(folder?: string, clock: () => number = () => performance.now() / 1000) {
    const counters = countersToSum(raplCounters(folder));
    this.source = `rapl:${counters.map(({ name }) => name).join('+')}`;
    this.#clock = clock;
    this.#sampledAt = clock();
    this.#counters = counters.map((counter) => {
      const range = integerIn(join(counter.folder, 'max_energy_range_uj'));
      const last = integerIn(join(counter.folder, 'energy_uj'));
      if (last === null) this.#fault = new EnergyFault(unreadable(counter));
      else if (range !== null && last > range) this.#fault = new EnergyFault(outOfRange(counter));
      return { ...counter, range, last: last ?? 0, joules: 0 };
    });
    this.#timer = setInterval(() => this.#sample(), samplingInterval(this.#counters)).unref();
  }

  async read(): Promise<EnergyReading> {
    this.#sample();
    if (this.#fault) throw this.#fault;
    const joules = this.#counters.reduce((sum, counter) => sum + counter.joules, 0);
    return { joules, seconds: this.#sampledAt };
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #sample(): void {
    if (this.#fault) return;
    const now = this.#clock();
    const most = mostWatts * (now - this.#sampledAt + slackSeconds);
    this.#sampledAt = now;
    for (const counter of this.#counters) {
      try {
        counter.joules += step(counter, most);
      } catch (error) {
        if (!(error instanceof EnergyFault)) throw error;
        this.#fault = error;
      }
    }
  }
}

/** Moves a counter on to what it shows now and tells the joules between. */
function step(counter: Counted, most: number): number {
  const { name, range, last } = counter;
  const now = integerIn(join(counter.folder, 'energy_uj'));
  if (now === null) throw new EnergyFault(unreadable(counter));
  if (range !== null && now > range) throw new EnergyFault(outOfRange(counter));
  if (now < last && range === null) {
    throw new EnergyFault(
      `the RAPL counter ${name} went backwards and does not tell its range, so that it cannot be said by how much`,
    );
  }
  counter.last = now;
  const joules = (now < last ? now + range! - last : now - last) / 1e6;
  if (joules <= most) return joules;
  const what = now < last ? 'went backwards without having reached its end' : 'jumped';
  throw new EnergyFault(
    `the RAPL counter ${name} ${what}: ${joules.toFixed(0)} J where there were at most ${most.toFixed(0)} J`,
  );
}

/** Often enough to see a counter before it could have gone round once and back to where it was. */
function samplingInterval(counters: readonly Counted[]): number {
  const ranges = counters.flatMap(({ range }) => range ?? []);
  const seconds = smallestOf(ranges) / 1e6 / mostWatts;
  return Math.max(1, Math.min(longestInterval, 500 * seconds));
}

function unreadable({ name }: RaplCounter): string {
  return `the RAPL counter ${name} cannot be read any more`;
}

function outOfRange({ name }: RaplCounter): string {
  return `the RAPL counter ${name} is above its own range`;
}

/** null for what cannot be read, or is no count of microjoules. */
function integerIn(path: string): number | null {
  try {
    const text = readFileSync(path, 'utf8').trim();
    return /^\d{1,15}$/.test(text) ? Number(text) : null;
  } catch {
    return null;
  }
}
