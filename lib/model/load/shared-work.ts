import { onAbort } from '../../abort.js';

/** Work that is done once for all who wait for it. A caller who no longer wants it leaves the others theirs. */
export class SharedWork<T> {
  readonly #work: (control: Int32Array) => Promise<T>;
  #run: Run<T> | undefined;

  /** @param work ends early when `control[0]` becomes 1 */
  constructor(work: (control: Int32Array) => Promise<T>) {
    this.#work = work;
  }

  /**
   * The result; work that has failed, or that everybody has left, is begun anew.
   * @throws what the work throws; the signal's reason as soon as it is aborted
   */
  async result(signal: AbortSignal): Promise<T> {
    signal.throwIfAborted();
    this.#run ??= this.#begin();
    const run = this.#run;
    run.waiting++;
    try {
      return await unlessAborted(run.result, signal);
    } finally {
      if (--run.waiting === 0 && !run.done) {
        Atomics.store(run.control, 0, 1);
        this.#forget(run);
      }
    }
  }

  #begin(): Run<T> {
    const control = new Int32Array(1); // [abort]
    const run: Run<T> = { control, result: this.#work(control), waiting: 0, done: false };
    run.result.then(
      () => {
        run.done = true;
      },
      () => this.#forget(run), // another time it may work
    );
    return run;
  }

  #forget(run: Run<T>): void {
    if (this.#run === run) this.#run = undefined;
  }
}

interface Run<T> {
  readonly control: Int32Array;
  readonly result: Promise<T>;
  /** Callers. */
  waiting: number;
  done: boolean;
}

function unlessAborted<T>(result: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const release = onAbort(signal, () => reject(signal.reason));
    result.then(resolve, reject).finally(release);
  });
}
