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
  return abortOn(signals).signal;
}

/** As `interruptSignal` without Ctrl-C: where that stops a part of the work, and not all of it. */
export function endSignal(): AbortSignal {
  return abortOn(['SIGTERM', 'SIGHUP']).signal;
}

/** A signal that aborts at Ctrl-C; `end` stops listening, and a second Ctrl-C ends the process. */
export function ctrlCSignal(): { readonly signal: AbortSignal; readonly end: () => void } {
  return abortOn(['SIGINT']);
}

/**
 * Asks everyone who listens to end the work, because standard output failed.
 * @returns whether anyone listens
 */
export function interruptAll(exitCode: number): boolean {
  code = exitCode;
  process.exitCode = exitCode;
  for (const controller of listening) controller.abort();
  return listening.size > 0;
}

/** Exit code of a program whose work was interrupted. */
export function exitCodeOfInterrupt(): number {
  return code;
}

function abortOn(names: readonly SignalName[]) {
  const controller = new AbortController();
  const handler = (name: SignalName) => {
    if (controller.signal.aborted && name === 'SIGINT') process.exit(interruptedExitCode);
    if (!controller.signal.aborted) code = exitCodeOf(name);
    controller.abort();
  };
  for (const name of names) process.on(name, handler);
  listening.add(controller);
  const end = () => {
    for (const name of names) process.off(name, handler);
    listening.delete(controller);
  };
  return { signal: controller.signal, end };
}

function exitCodeOf(name: SignalName): number {
  return 128 + constants.signals[name];
}
