import { constants } from 'node:os';
import process from 'node:process';

/** What asks a program to end; the exit code is 128 + the signal's number. */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
type SignalName = (typeof signals)[number];

/** Exit code of a program ended by Ctrl-C. */
export const interruptedExitCode = exitCodeOf('SIGINT');

/** Whoever ends its work in good order when the process is asked to end. */
const listening = new Set<AbortController>();
let code: number = interruptedExitCode;

/**
 * A signal that aborts at the first Ctrl-C, SIGTERM or SIGHUP, and when standard output fails; a
 * second Ctrl-C ends the process at once. (A terminal that closes sends SIGHUP more than once.)
 */
export function interruptSignal(): AbortSignal {
  return untilTheEnd(signals);
}

/** As `interruptSignal`, without Ctrl-C, for when that stops only part of the work. */
export function endSignal(): AbortSignal {
  return untilTheEnd(['SIGTERM', 'SIGHUP']);
}

/** A signal that aborts at Ctrl-C, and ends nothing else however often that comes; `end` stops listening. */
export function ctrlCSignal(): { readonly signal: AbortSignal; readonly end: () => void } {
  const controller = new AbortController();
  const stop = () => controller.abort();
  process.on('SIGINT', stop);
  return { signal: controller.signal, end: () => process.off('SIGINT', stop) };
}

/**
 * Asks everyone who listens to end the work, because standard output failed.
 * @returns whether anyone listens
 */
export function interruptAll(exitCode: number): boolean {
  // A terminal that has closed also fails.
  if (!isInterrupted()) process.exitCode = code = exitCode;
  for (const controller of listening) controller.abort();
  return listening.size > 0;
}

/** Whether someone who listens was asked to end the work. */
export function isInterrupted(): boolean {
  return [...listening].some(({ signal }) => signal.aborted);
}

/** Exit code of a program whose work was interrupted. */
export function exitCodeOfInterrupt(): number {
  return code;
}

/** For whoever ends all work. */
function untilTheEnd(names: readonly SignalName[]): AbortSignal {
  const controller = new AbortController();
  const handler = (name: SignalName) => {
    if (controller.signal.aborted && name === 'SIGINT') process.exit(interruptedExitCode);
    if (!controller.signal.aborted) code = exitCodeOf(name);
    controller.abort();
  };
  for (const name of names) process.on(name, handler);
  listening.add(controller);
  return controller.signal;
}

function exitCodeOf(name: SignalName): number {
  return 128 + constants.signals[name];
}
