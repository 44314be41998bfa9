import { EnergyFault } from './fault.js';
import type { EnergyReading } from './meter.js';

/** Milliseconds after which a sample is not coming any more. */
const patience = 5000;

/**
 * What a program tells sample by sample, as energy up to a moment. Between two moments it is on a line: the power there is that
 * of the later sample. The first sample was of a time before anyone listened, and only begins the sum.
 */
export class Moments {
  readonly #program: string;
  readonly #waiting = new Set<() => void>();
  readonly #moments: EnergyReading[] = [];
  #fault: EnergyFault | undefined;

  /** @param program its name, for reasons */
  constructor(program: string) {
    this.#program = program;
  }

  addWatts(watts: number): void {
    const now = performance.now() / 1000;
    this.#add(watts * (now - (this.#moments.at(-1)?.seconds ?? now)), now);
  }

  addJoules(joules: number): void {
    this.#add(this.#moments.length === 0 ? 0 : joules, performance.now() / 1000);
  }

  /** From now on nothing can be relied on; the first reason stays. */
  fail(reason: string): void {
    this.#fault ??= new EnergyFault(`${this.#program} ${reason}`);
    this.#wake();
  }

  /** The energy up to now, once the next sample says. @throws EnergyFault */
  async read(): Promise<EnergyReading> {
    await this.#momentAt(0);
    const seconds = performance.now() / 1000;
    const i = await this.#momentAt(seconds);
    const [before, after] = [this.#moments[i - 1] ?? this.#moments[i]!, this.#moments[i]!];
    const watts = (after.joules - before.joules) / (after.seconds - before.seconds || 1);
    return { joules: after.joules - watts * (after.seconds - seconds), seconds };
  }

  /** Index of the first sample that came at `seconds` or later, once there is one. */
  async #momentAt(seconds: number): Promise<number> {
    const deadline = setTimeout(() => this.fail('gives no samples'), patience);
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

  #add(joules: number, seconds: number): void {
    this.#moments.push({ joules: (this.#moments.at(-1)?.joules ?? 0) + joules, seconds });
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}
