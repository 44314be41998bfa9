import { setImmediate } from 'node:timers/promises';

/** Longest stretch of work between two turns of the event loop, in milliseconds. */
const sliceMilliseconds = 3;

/**
 * Cuts long synchronous work into slices: in a loop, `if (slice.due()) await slice.pause();`, so
 * that timers and sockets of the process keep being served.
 */
export class TimeSlice {
  #start = performance.now();

  /** Whether it is time to pause. */
  due(): boolean {
    return performance.now() - this.#start >= sliceMilliseconds;
  }

  /** Lets the event loop turn once. */
  async pause(): Promise<void> {
    await setImmediate();
    this.#start = performance.now();
  }
}
