import process from 'node:process';

/** Exit code of a program ended by Ctrl-C: 128 + SIGINT. */
export const interruptedExitCode = 130;

/** A signal that aborts at the first Ctrl-C; the second ends the process at once. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  process.on('SIGINT', () => {
    if (controller.signal.aborted) process.exit(interruptedExitCode);
    controller.abort();
  });
  return controller.signal;
}
