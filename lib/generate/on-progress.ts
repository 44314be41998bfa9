/** Called with the fraction of the work that is done, from 0 to 1. */
export type OnProgress = (fraction: number) => void;

/** Milliseconds between two reports. */
const interval = 50;

/**
 * Reports the progress of `work` to `onProgress`, from time to time and at the end. An exception stops
 * the work, and is rethrown when the work has ended.
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
  const report = async (part: number) => {
    try {
      await onProgress(part); // an unhandled rejection would end the process
    } catch (error) {
      thrown ??= { error };
      clearInterval(timer);
      stop();
    }
  };
  const timer = setInterval(() => void report(fraction()), interval);
  const result = await work.then(
    (value) => () => value,
    (error) => () => {
      throw error;
    },
  );
  clearInterval(timer);
  if (!thrown) {
    const value = result();
    await report(1);
    if (!thrown) return value;
  }
  throw (thrown as { readonly error: unknown }).error;
}
