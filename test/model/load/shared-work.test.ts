import { expect, test } from 'vitest';
import { SharedWork } from '../../../lib/model/load/shared-work.js';

/** Work that ends when the test says so. */
function handwork() {
  const runs: { control: Int32Array; end: (value: number) => void; fail: (e: Error) => void }[] =
    [];
  const work = new SharedWork<number>(
    (control) => new Promise((end, fail) => runs.push({ control, end, fail })),
  );
  return { work, runs };
}
const never = new AbortController().signal;

test('is done once for all, and never again', async () => {
  const { work, runs } = handwork();
  const both = Promise.all([work.result(never), work.result(never)]);
  runs[0]!.end(7);
  expect(await both).toEqual([7, 7]);
  expect(await work.result(never)).toBe(7);
  expect(runs.length).toBe(1);
});

test('goes on for the others when the one who began it aborts', async () => {
  const { work, runs } = handwork();
  const controller = new AbortController();
  const first = work.result(controller.signal);
  const second = work.result(never);
  controller.abort('enough');
  await expect(first).rejects.toBe('enough');
  expect(runs[0]!.control[0]).toBe(0);
  runs[0]!.end(7);
  expect(await second).toBe(7);
});

test('ends when everybody has left, and begins anew for the next', async () => {
  const { work, runs } = handwork();
  const controller = new AbortController();
  const both = Promise.allSettled([1, 2].map(() => work.result(controller.signal)));
  controller.abort();
  expect((await both).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(runs[0]!.control[0]).toBe(1);
  const third = work.result(never);
  runs[0]!.fail(new Error('aborted')); // later than the next has begun
  runs[1]!.end(8);
  expect(await third).toBe(8);
});

test('that fails fails for all, and begins anew for the next', async () => {
  const { work, runs } = handwork();
  const both = Promise.allSettled([work.result(never), work.result(never)]);
  runs[0]!.fail(new Error('no'));
  expect((await both).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  const next = work.result(never);
  runs[1]!.end(1);
  expect(await next).toBe(1);
});
