import { BitnetError } from '../errors.js';
import type { Evaluator } from './evaluator.js';

/**
 * What a session remembers from one generation to the next: the tokens it has evaluated (penalties
 * look back at them) and the pending token, which was generated last and is not evaluated yet.
 */
export class Continuation {
  /** Tokens evaluated by generations, ending at `position`. */
  history: number[] = [];
  /** Generated and handed out, but not evaluated: the next generation feeds it first. */
  pending: number | undefined;
  busy = false;
  #position = 0;

  /** Forgets everything if the session was moved since the last generation. */
  settle(evaluator: Evaluator): void {
    if (evaluator.position !== this.#position) this.clear(evaluator.position);
  }

  /** Forgets what comes after `position`: the pending token, and the history from there on. */
  rewind(position: number): void {
    const length = this.history.length - (this.#position - position);
    this.restore(this.history.slice(0, Math.max(length, 0)), undefined, position);
  }

  /** Takes over what another session remembered. */
  restore(history: number[], pending: number | undefined, position: number): void {
    this.history = history;
    this.pending = pending;
    this.#position = position;
  }

  clear(position: number): void {
    this.restore([], undefined, position);
  }

  /** Runs the evaluation of `ids`; the record stays true even if it fails half-way. */
  async advance<T>(
    evaluator: Evaluator,
    ids: readonly number[],
    evaluation: () => Promise<T>,
  ): Promise<T> {
    const begin = evaluator.position;
    const known = this.history.length;
    for (const id of ids) this.history.push(id);
    try {
      return await evaluation();
    } finally {
      const taken = Math.min(Math.max(evaluator.position - begin, 0), ids.length);
      this.history.length = known + taken;
      if (taken > 0) this.pending = undefined;
      this.#position = evaluator.position;
    }
  }
}

const continuations = new WeakMap<Evaluator, Continuation>();

/** The continuation of a session, locked for one generation until `busy` is set back. */
export function claimContinuation(evaluator: Evaluator): Continuation {
  const continuation = continuationOf(evaluator);
  if (continuation.busy) {
    throw new BitnetError(
      'ERR_BITNET_BUSY',
      'Expected a session that is free, but it is still generating; finish or abort that generation first, or create a second session.',
    );
  }
  continuation.settle(evaluator);
  continuation.busy = true;
  return continuation;
}

/** Whether a generation is under way on a session. */
export function isGenerating(evaluator: Evaluator): boolean {
  return continuations.get(evaluator)?.busy ?? false;
}

/** The continuation of a session, to look at or to restore. */
export function continuationOf(evaluator: Evaluator): Continuation {
  const continuation = continuations.get(evaluator) ?? new Continuation();
  continuations.set(evaluator, continuation);
  return continuation;
}

/** Drops the pending token and the history: for a session that is evaluated directly. */
export function forgetContinuation(evaluator: Evaluator): void {
  continuations.get(evaluator)?.clear(evaluator.position);
}
