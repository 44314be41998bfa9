import type { Terminal } from './terminal.mjs';

/** A spinner for the time in which a model reads its prompt. */
export interface ReadingSpinner {
  /** @param fraction read, from 0 to 1 */
  readonly update: (fraction: number) => void;
  /** Returns whether it was this call that stopped it. */
  readonly stop: () => boolean;
}

/** Shows how much of a long prompt is read, until it is stopped. */
export function readingSpinner(terminal: Terminal): ReadingSpinner {
  const label = 'Reading the prompt';
  const spinner = terminal.spinner(label);
  let stopped = false;
  return {
    update: (fraction) => spinner.update(`${label} ${Math.floor(100 * fraction)} %`),
    stop() {
      spinner.stop();
      const first = !stopped;
      stopped = true;
      return first;
    },
  };
}
