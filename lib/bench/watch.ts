import { BitnetError } from '../errors.js';
import type { BenchOptions, BenchPlan } from './options.js';

/** Counts the steps of a plan, says which one begins, and ends it between two steps when it is aborted. */
export class Watch {
  readonly signal: AbortSignal | undefined;
  readonly #onProgress: BenchOptions['onProgress'];
  readonly #steps: number;
  #done = 0;

  constructor(plan: BenchPlan, { signal, onProgress }: BenchOptions) {
    const { settings, tests, repetitions, threads } = plan;
    this.signal = signal;
    this.#onProgress = onProgress;
    this.#steps = 2 * threads.length + settings.length * (1 + tests.length * (1 + repetitions));
  }

  next(step: string, { threads, kernel }: { readonly threads: number; readonly kernel?: string }) {
    this.throwIfAborted();
    const parts = [step, `${threads} ${threads === 1 ? 'thread' : 'threads'}`, kernel];
    this.#onProgress?.(parts.filter(Boolean).join(', '), this.#done++ / this.#steps);
  }

  throwIfAborted(): void {
    if (!this.signal?.aborted) return;
    throw new BitnetError('ERR_BITNET_ABORTED', 'The benchmark was aborted.', {
      name: 'AbortError',
      cause: this.signal.reason,
    });
  }
}
