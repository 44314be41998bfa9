import type { Model } from '../model.js';

/**
 * The right to use a model of a pool, which stays loaded meanwhile. Release it, or declare it with
 * `using`: afterwards the pool may close the model, and its sessions with it.
 */
export class ModelLease {
  /** The name of the model in the pool. */
  readonly name: string;
  readonly model: Model;
  #onRelease: (() => void) | undefined;

  /** @internal */
  constructor(name: string, model: Model, onRelease: () => void) {
    this.name = name;
    this.model = model;
    this.#onRelease = onRelease;
  }

  /** Gives the model back. May be called again. */
  release(): void {
    const release = this.#onRelease;
    this.#onRelease = undefined;
    release?.();
  }

  /** Releases; for `using`. */
  [Symbol.dispose](): void {
    this.release();
  }

  /** Releases; for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
  }
}
