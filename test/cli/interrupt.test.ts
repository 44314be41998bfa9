import { afterEach, expect, test, vi } from 'vitest';
import { interruptSignal } from '../../bin/interrupt.mjs';

afterEach(() => {
  process.removeAllListeners('SIGINT');
  vi.restoreAllMocks();
});

test('the first Ctrl-C aborts, the second exits at once with 130', () => {
  const exit = vi.spyOn(process, 'exit').mockReturnValue(undefined as never);
  const signal = interruptSignal();
  expect(signal.aborted).toBe(false);
  process.emit('SIGINT');
  expect(signal.aborted).toBe(true);
  expect(exit).not.toHaveBeenCalled();
  process.emit('SIGINT');
  expect(exit).toHaveBeenCalledWith(130);
});
