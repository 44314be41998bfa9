import { TimeSlice } from '../gguf/time-slice.js';

/** Work that can pause wherever it yields. */
export type Steps<T = void> = Generator<undefined, T, undefined>;

/** Does all of it at once. */
export function finish<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** Lets the event loop turn between steps. @param check throws where the work is to end early */
export async function finishInSlices<T>(steps: Steps<T>, check: () => void): Promise<T> {
  const slice = new TimeSlice();
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    if (!slice.due()) continue;
    await slice.pause();
    check();
  }
}
