import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { abortError, onAbort, ownSignal } from '../lib/abort.js';
import { loadModel } from '../lib/index.js';

/** A signal that counts its listeners. */
function counted() {
  const controller = new AbortController();
  const { signal } = controller;
  let [now, most] = [0, 0];
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...all: Parameters<typeof add>) => {
    most = Math.max(most, ++now);
    add(...all);
  };
  signal.removeEventListener = (...all: Parameters<typeof remove>) => {
    now--;
    remove(...all);
  };
  return { controller, signal, listeners: () => [now, most] };
}

it('a signal has one listener however many wait, and none when nobody does', () => {
  const { controller, signal, listeners } = counted();
  const calls: number[] = [];
  const releases = Array.from({ length: 100 }, (_, i) => onAbort(signal, () => calls.push(i)));
  expect(listeners()).toEqual([1, 1]);
  for (const release of releases) release();
  for (const release of releases) release();
  expect(listeners()).toEqual([0, 1]);
  onAbort(signal, () => calls.push(1));
  const ended = onAbort(signal, () => calls.push(2));
  ended();
  controller.abort();
  expect(calls).toEqual([1]);
  ended();
});

it('what waits for a signal that has aborted is called at once', () => {
  let calls = 0;
  onAbort(AbortSignal.abort(), () => calls++)();
  onAbort(undefined, () => calls++)();
  expect(calls).toBe(1);
});

it('a signal of its own aborts with the reason of the other, until it is released', () => {
  const controller = new AbortController();
  const one = ownSignal(controller.signal);
  const two = ownSignal(controller.signal);
  two.release();
  controller.abort('enough');
  expect([one.signal.reason, two.signal.aborted]).toEqual(['enough', false]);
  expect(ownSignal(controller.signal).signal.reason).toBe('enough');
});

it('an error is named as that of fetch: a time-out is none of the caller’s aborts', async () => {
  const signal = AbortSignal.timeout(1);
  while (!signal.aborted) await sleep(1);
  expect(abortError('Over.', signal.reason)).toMatchObject({
    ...{ code: 'ERR_BITNET_ABORTED', name: 'TimeoutError', cause: signal.reason },
  });
  for (const reason of [undefined, null, 'x', AbortSignal.abort().reason]) {
    expect(abortError('Over.', reason).name).toBe('AbortError');
  }
  await expect(loadModel(undefined, { signal })).rejects.toMatchObject({ name: 'TimeoutError' });
});

it('one signal serves hundreds of calls, many at a time, without a warning', async () => {
  const warnings: Error[] = [];
  const note = (warning: Error) => warnings.push(warning);
  process.on('warning', note);
  const { controller, signal, listeners } = counted();
  const model = await loadModel(undefined, { signal });
  const loads = Promise.all(Array.from({ length: 12 }, () => loadModel(undefined, { signal })));
  const sessions = Array.from({ length: 40 }, () => model.createSession({ contextLength: 32 }));
  const options = { maxTokens: 4, signal };
  for (let i = 0; i < 10; i++) {
    await Promise.all(
      sessions.map(async (session) => {
        session.reset();
        await session.complete('Once', options);
      }),
    );
  }
  await model.embed(Array(40).fill('Once'), { signal });
  for (const loaded of await loads) loaded.close();
  await sleep(1); // warnings are emitted later
  process.off('warning', note);
  expect(warnings).toEqual([]);
  expect(listeners()).toEqual([0, 1]);
  controller.abort();
  model.close();
});
