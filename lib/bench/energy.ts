import { setTimeout as sleep } from 'node:timers/promises';
import { EnergyFault } from '../energy/fault.js';
import type { EnergyMeter, EnergyReading, OpenedMeter } from '../energy/meter.js';

/** Milliseconds in which nothing runs, to know what the machine takes anyway. */
const idleTime = 3000;

/** Milliseconds that a measurement takes at least: counters move in steps, of a millisecond or of a tenth of a second. */
const leastWindow = 1000;

/** The energy of a test, as the report has it; all null but the reason where there is none. */
export interface TestEnergy {
  /** Everything that CPU and memory used while the test ran. */
  readonly joulesPerToken: number | null;
  /** Without what they use when nothing runs. */
  readonly netJoulesPerToken: number | null;
  /** joulesPerToken's power, on average. */
  readonly watts: number | null;
  readonly idleWatts: number | null;
  /** What was counted: 'rapl:package-0+dram', 'powermetrics:package'. */
  readonly energySource: string | null;
  /** Why there is no energy, and what to do about it. */
  readonly energyReason: string | null;
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
      const { watts } = await window(meter, () => sleep(milliseconds, undefined, { signal }));
      this.#idleWatts = watts;
    });
  }

  /**
   * Measures a test of `tokens` tokens. `repeat` runs it for as long as it is told, at least once, and tells how often that was; the
   * first run does not count.
   */
  async measure(
    tokens: number,
    repeat: (milliseconds: number) => Promise<number>,
  ): Promise<TestEnergy> {
    const measured = await this.#unlessFaulty(async (meter) => {
      await repeat(0); // fills the context up to the depth, and wakes the cores
      let runs = 0;
      const { joules, seconds, watts } = await window(meter, async () => {
        runs = await repeat(leastWindow);
      });
      const idleWatts = this.#idleWatts;
      return {
        joulesPerToken: joules / (runs * tokens),
        netJoulesPerToken: (joules - idleWatts * seconds) / (runs * tokens),
        ...{ watts, idleWatts, energySource: meter.source, energyReason: null },
      };
    });
    return measured ?? this.#none();
  }

  #none(): TestEnergy {
    return {
      ...{ joulesPerToken: null, netJoulesPerToken: null, watts: null, idleWatts: null },
      ...{ energySource: null, energyReason: this.#reason },
    };
  }

  close(): void {
    this.#meter?.close();
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

/** What was used while `work` was done. */
async function window(
  meter: EnergyMeter,
  work: () => Promise<unknown>,
): Promise<EnergyReading & { readonly watts: number }> {
  const before = await meter.read();
  await work();
  const after = await meter.read();
  const [joules, seconds] = [after.joules - before.joules, after.seconds - before.seconds];
  return { joules, seconds, watts: joules / seconds };
}
