import { BitnetError } from './errors.js';

/** What is to be done when a signal aborts, and the listener that does it. */
interface Waiting {
  readonly actions: Set<() => void>;
  readonly listener: () => void;
}

const waiting = new WeakMap<AbortSignal, Waiting>();

/**
 * Calls `action` once when `signal` aborts, at once if it has. However many wait for the same signal,
 * it has one listener: Node warns of a leak from the eleventh on.
 *
 * @returns what ends the wait; to be called when the work is over
 */
export function onAbort(signal: AbortSignal | undefined, action: () => void): () => void {
  if (!signal) return () => {};
  if (signal.aborted) {
    action();
    return () => {};
  }
  const { actions, listener } = waiting.get(signal) ?? listen(signal);
  const own = () => action(); // the same function may wait twice
  actions.add(own);
  return () => {
    if (!actions.delete(own) || actions.size > 0) return;
    signal.removeEventListener('abort', listener);
    waiting.delete(signal);
  };
}

/** A signal that aborts as `signal` does, to be given to code that adds listeners of its own. */
export function ownSignal(signal: AbortSignal | undefined): {
  readonly signal: AbortSignal;
  readonly release: () => void;
} {
  const controller = new AbortController();
  const release = onAbort(signal, () => controller.abort(signal?.reason));
  return { signal: controller.signal, release };
}

/** The error of work that a signal ended; its name tells a time-out from an abort, as `fetch` does. */
export function abortError(
  message: string,
  cause: unknown,
  fields: Readonly<Record<string, unknown>> = {},
): BitnetError {
  const timeout = (cause as { name?: unknown } | null | undefined)?.name === 'TimeoutError';
  const name = timeout ? 'TimeoutError' : 'AbortError';
  return new BitnetError('ERR_BITNET_ABORTED', message, { name, cause, ...fields });
}

function listen(signal: AbortSignal): Waiting {
  const actions = new Set<() => void>();
  const listener = () => {
    waiting.delete(signal);
    for (const action of actions) action();
  };
  signal.addEventListener('abort', listener, { once: true });
  const entry = { actions, listener };
  waiting.set(signal, entry);
  return entry;
}
