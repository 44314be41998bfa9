import { beforeAll, expect, it } from 'vitest';
import { modelLoader } from '../engine/engine.js';
import { mainThreadTime } from '../fixtures/processor-time.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { writeLargeModel } from './large-model.js';
import { manyTokens } from './tiny.js';

const temp = tempFolder();
const load = modelLoader();
const path = temp('large.gguf');

beforeAll(() => writeLargeModel(path));

/** Runs work beside a timer of 5 ms; gives the most that the thread computed between two of its ticks. */
async function longestHold(work: () => Promise<unknown>): Promise<number> {
  let last = mainThreadTime();
  let longest = 0;
  const tick = () => {
    const now = mainThreadTime();
    longest = Math.max(longest, now - last);
    last = now;
  };
  const timer = setInterval(tick, 5);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  tick();
  return longest;
}

// Milliseconds. Some are usual; work that blocks takes seconds.
const bound = 100;

it('timers go on while a large model loads, fills its cache and writes', async () => {
  const progress: number[] = [];
  let model: Awaited<ReturnType<typeof load>> | undefined;
  const loading = await longestHold(async () => {
    model = await load(path, { onProgress: (fraction) => progress.push(fraction) });
  });
  const session = model!.createSession();
  const prefill = await longestHold(() =>
    session.evaluate(manyTokens(512, model!.spec.vocabSize), { logits: 'none' }),
  );
  const decode = await longestHold(() =>
    session.complete([1, 2, 3], { maxTokens: 32, temperature: 0 }),
  );
  const scoring = await longestHold(() => session.score(manyTokens(128, model!.spec.vocabSize)));
  const closing = await longestHold(async () => model!.close());
  for (const [name, hold] of Object.entries({ loading, prefill, decode, scoring, closing })) {
    expect(hold, name).toBeLessThan(bound);
  }
  expect(progress.every((fraction, i) => fraction >= (progress[i - 1] ?? 0) && fraction <= 1)).toBe(
    true,
  );
});
