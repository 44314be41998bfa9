import { setTimeout as sleep } from 'node:timers/promises';
import { EnergyFault } from '../../lib/machine/energy/fault.js';
import type { EnergyMeter, EnergyReading } from '../../lib/machine/energy/meter.js';
import type { OpenedMeter } from '../../lib/machine/energy/open-meter.js';
import { spread } from '../report/spread.js';

/** Milliseconds in which nothing runs, to know what the machine takes anyway. */
const idleTime = 3000;

/** Milliseconds that a measurement takes at least: counters move in steps, of a millisecond or of a tenth of a second. */
const leastWindow = 1000;

/** A battery tells its power every ten seconds or so: a window is to see several of its numbers. */
const leastSteps = 3;

/** Windows of a test: enough for a spread, with a middle one. */
export const energyWindows = 3;

/** The energy of a test, as the report has it; all null or empty but the reason where there is none. */
export interface TestEnergy {
  /** Everything that CPU and memory used while the test ran: the median of its windows. */
  readonly joulesPerToken: number | null;
  /** Standard deviation of that; null for a single window. */
  readonly joulesPerTokenSd: number | null;
  /** The same of each window, in the order they were measured. */
  readonly joulesPerTokenSamples: readonly number[];
  /** Without what they use when nothing runs; of the window that the median is of, as the power is. */
  readonly netJoulesPerToken: number | null;
  /** joulesPerToken's power, on average. */
  readonly watts: number | null;
  readonly idleWatts: number | null;
  /** What was counted: 'rapl:package-0+dram', 'powermetrics:package', 'battery:BAT0'. */
  readonly energySource: string | null;
  /** Seconds between two numbers of that, about. */
  readonly energyResolution: number | null;
  /** Why there is no energy, and what to do about it. */
  readonly energyReason: string | null;
}

/** Runs a test for as many milliseconds as it is told, at least once, and tells how often that was. */
export type Repeat = (milliseconds: number) => Promise<number>;

/** Who follows the measurement of a test. */
export interface EnergyListener {
  /** Called before each window with the index of what is measured. */
  readonly onWindow?: (index: number) => void;
  /** Asked after the first window of each: whether that must do. */
  readonly isLate?: (() => boolean) | undefined;
}

/** One window of a test. */
interface Window {
  readonly joulesPerToken: number;
  readonly netJoulesPerToken: number;
  readonly watts: number;
}

/** Measures the energy of tests, or says why it cannot. */
export class EnergyBench {
  readonly #meter: EnergyMeter | null;
  #idleWatts = Number.NaN;
  #reason: string | null;

  constructor(opened: OpenedMeter) {
    this.#meter = opened.meter;
    this.#reason = opened.meter ? null : opened.reason;
  }

  /** Whether measuring is worth its time. */
  get measures(): boolean {
    return this.#reason === null;
  }

  /** Measures what the machine takes while this does nothing, to be told before anything is loaded. */
  async measureIdle(signal?: AbortSignal, milliseconds = idleTime): Promise<void> {
    await this.#unlessFaulty(async (meter) => {
      const idle = Math.max(milliseconds, stepsOf(meter));
      const { watts } = await used(meter, () => sleep(idle, undefined, { signal }));
      this.#idleWatts = watts;
    });
  }

  /**
   * Measures a test of `tokens` tokens in several settings, which take turns window by window. The first run of each does not count: it
   * fills the context up to the depth.
   */
  async measure(
    tokens: number,
    repeats: readonly Repeat[],
    { onWindow, isLate }: EnergyListener = {},
  ): Promise<TestEnergy[]> {
    const windows: Window[][] = repeats.map(() => []);
    const measured = await this.#unlessFaulty(async (meter) => {
      for (let round = 0; round < energyWindows; round++) {
        if (round === 1 && isLate?.()) break;
        for (const [i, repeat] of repeats.entries()) {
          onWindow?.(i);
          if (round === 0) await repeat(0);
          windows[i]!.push(await this.#window(meter, tokens, repeat));
        }
      }
      return windows.map((own) => this.#energyOf(meter, own));
    });
    return measured ?? repeats.map(() => noEnergy(this.#reason));
  }

  close(): void {
    this.#meter?.close();
  }

  async #window(meter: EnergyMeter, tokens: number, repeat: Repeat): Promise<Window> {
    let runs = 0;
    const { joules, seconds, watts } = await used(meter, async () => {
      runs = await repeat(windowOf(meter));
    });
    return {
      joulesPerToken: joules / (runs * tokens),
      netJoulesPerToken: (joules - this.#idleWatts * seconds) / (runs * tokens),
      watts,
    };
  }

  #energyOf({ source, resolution }: EnergyMeter, windows: readonly Window[]): TestEnergy {
    const samples = windows.map(({ joulesPerToken }) => joulesPerToken);
    const sorted = windows.toSorted((a, b) => a.joulesPerToken - b.joulesPerToken);
    return {
      ...sorted[Math.floor(sorted.length / 2)]!,
      joulesPerTokenSd: samples.length < 2 ? null : spread(samples).sd,
      joulesPerTokenSamples: samples,
      ...{ idleWatts: this.#idleWatts, energySource: source },
      ...{ energyResolution: resolution, energyReason: null },
    };
  }

  /** A meter that turns out not to be reliable is not asked again. */
  async #unlessFaulty<T>(use: (meter: EnergyMeter) => Promise<T>): Promise<T | undefined> {
    if (!this.#meter || this.#reason !== null) return undefined;
    try {
      return await use(this.#meter);
    } catch (error) {
      if (!(error instanceof EnergyFault)) throw error;
      this.#reason = error.message;
      return undefined;
    }
  }
}

/** Milliseconds that a window of a test takes at least. */
function windowOf(meter: EnergyMeter): number {
  return Math.max(leastWindow, stepsOf(meter));
}

/** Milliseconds in which a meter has several new numbers. */
function stepsOf({ resolution }: EnergyMeter): number {
  return 1000 * leastSteps * resolution;
}

/** The energy of a test of which none was measured, and why. */
export function noEnergy(reason: string | null): TestEnergy {
  return {
    ...{ joulesPerToken: null, joulesPerTokenSd: null, joulesPerTokenSamples: [] },
    ...{ netJoulesPerToken: null, watts: null, idleWatts: null },
    ...{ energySource: null, energyResolution: null, energyReason: reason },
  };
}

/** What was used while `work` was done. @throws EnergyFault where that was nothing, which no machine takes for a second */
async function used(
  meter: EnergyMeter,
  work: () => Promise<unknown>,
): Promise<EnergyReading & { readonly watts: number }> {
  const before = await meter.read();
  await work();
  const after = await meter.read();
  const [joules, seconds] = [after.joules - before.joules, after.seconds - before.seconds];
  if (joules <= 0 && 1000 * seconds >= leastWindow) {
    throw new EnergyFault(
      `${meter.source} counted 0 J in ${seconds.toFixed(1)} s: its counters stand still, as virtual machines may show them; run on the machine itself`,
    );
  }
  return { joules, seconds, watts: joules / seconds };
}
