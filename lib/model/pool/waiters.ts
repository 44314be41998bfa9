import { abortError, onAbort } from '../../abort.js';

interface Waiter<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
  readonly stopListening: () => void;
}

/** Callers that wait for the same thing, each of which may lose patience. */
export class Waiters<T> {
  readonly #waiting = new Set<Waiter<T>>();
  readonly #onLeft: () => void;

  /** @param onLeft called when the last one has gone away because of its signal */
  constructor(onLeft: () => void) {
    this.#onLeft = onLeft;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** @throws ERR_BITNET_ABORTED with `message` as soon as `signal` is aborted */
  wait(signal: AbortSignal | undefined, message: string): Promise<T> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) throw abortError(message, signal.reason);
      const stopListening = onAbort(signal, () => {
        this.#waiting.delete(waiter);
        reject(abortError(message, signal?.reason));
        if (this.size === 0) this.#onLeft();
      });
      const waiter = { resolve, reject, stopListening };
      this.#waiting.add(waiter);
    });
  }

  /** Gives each of them a value of its own. */
  resolveAll(make: () => T): void {
    for (const waiter of this.#leave()) waiter.resolve(make());
  }

  rejectAll(error: unknown): void {
    for (const waiter of this.#leave()) waiter.reject(error);
  }

  #leave(): Waiter<T>[] {
    const all = [...this.#waiting];
    this.#waiting.clear();
    for (const { stopListening } of all) stopListening();
    return all;
  }
}
