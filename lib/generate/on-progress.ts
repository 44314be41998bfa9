import { argumentError } from './option-checks.js';

/** Is told the fraction of some work that is done, from 0 to 1. */
export type OnProgress = (fraction: number) => void;

/** Milliseconds between two reports. */
const interval = 50;

/**
 * Tells `onProgress` how far `work` has come, now and then and when it is done. What it throws stops
 * the work, and is thrown once that has ended.
 *
 * @param fraction how far it has come
 * @param stop makes the work end early
 */
export async function reporting<T>(
  work: Promise<T>,
  onProgress: OnProgress | undefined,
  fraction: () => number,
  stop: () => void,
): Promise<T> {
  if (!onProgress) return work;
  let thrown: { readonly error: unknown } | undefined;
  const timer = setInterval(() => {
    try {
      onProgress(fraction());
    } catch (error) {
      thrown ??= { error };
      clearInterval(timer);
      stop();
    }
  }, interval);
  const result = await work.then(
    (value) => () => value,
    (error) => () => {
      throw error;
    },
  );
  clearInterval(timer);
  if (thrown) throw thrown.error;
  const value = result();
  onProgress(1);
  return value;
}

/** @throws ERR_BITNET_ARGUMENT unless it is a function or left out */
export function progressOption(value: unknown, name = 'onProgress'): OnProgress | undefined {
  if (value === undefined || typeof value === 'function') return value as OnProgress | undefined;
  throw argumentError('a function', `option ${name}`, value);
}
