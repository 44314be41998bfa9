import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { reporting } from '../../lib/generate/on-progress.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Work that is ended by hand. */
function work<T>() {
  let end!: (value: T) => void;
  let fail!: (error: unknown) => void;
  const promise = new Promise<T>((resolve, reject) => {
    end = resolve;
    fail = reject;
  });
  return { promise, end, fail };
}

test('progress is told now and then, and 1 at the end', async () => {
  const { promise, end } = work<string>();
  const seen: number[] = [];
  let fraction = 0;
  const result = reporting(
    promise,
    (done) => seen.push(done),
    () => fraction,
    vi.fn(),
  );
  fraction = 0.25;
  vi.advanceTimersByTime(60);
  fraction = 0.5;
  vi.advanceTimersByTime(60);
  end('done');
  expect(await result).toBe('done');
  vi.advanceTimersByTime(600);
  expect(seen).toEqual([0.25, 0.5, 1]);
});

test('what a listener throws stops the work and is thrown when that has ended', async () => {
  const { promise, fail } = work<void>();
  const error = new Error('mine');
  const stop = vi.fn(() => fail(new Error('aborted')));
  const listener = vi.fn(() => {
    throw error;
  });
  const result = reporting(promise, listener, () => 0, stop);
  vi.advanceTimersByTime(600);
  await expect(result).rejects.toBe(error);
  expect(stop).toHaveBeenCalledTimes(1);
  expect(listener).toHaveBeenCalledTimes(1);
});

test('work that fails is not reported as done', async () => {
  const { promise, fail } = work<void>();
  const listener = vi.fn();
  const result = reporting(promise, listener, () => 0, vi.fn());
  fail(new Error('no memory'));
  await expect(result).rejects.toThrow('no memory');
  expect(listener).not.toHaveBeenCalled();
});
