import { abortError } from '../abort.js';
import { energyWindows } from './energy.js';
import type { BenchOptions, BenchPlan } from './options.js';

/** Counts the steps of a plan, says which one begins, and ends it between two steps when it is aborted. */
export class Watch {
  readonly signal: AbortSignal | undefined;
  readonly #onProgress: BenchOptions['onProgress'];
  readonly #steps: number;
  #done = 0;

  /** @param energy whether energy is measured as well */
  constructor(plan: BenchPlan, energy: boolean, { signal, onProgress }: BenchOptions) {
    const { settings, tests, repetitions, threads } = plan;
    this.signal = signal;
    this.#onProgress = onProgress;
    const runs = settings.length * tests.length * (1 + repetitions + (energy ? energyWindows : 0));
    this.#steps = 2 * threads.length + settings.length + runs + Number(energy);
  }

  next(step: string, setting: { readonly threads?: number; readonly kernel?: string } = {}) {
    this.throwIfAborted();
    const { threads, kernel } = setting;
    const parts = [step, threads && `${threads} ${threads === 1 ? 'thread' : 'threads'}`, kernel];
    this.#onProgress?.(parts.filter(Boolean).join(', '), this.#done++ / this.#steps);
  }

  throwIfAborted(): void {
    if (this.signal?.aborted) throw abortError('The benchmark was aborted.', this.signal.reason);
  }
}
