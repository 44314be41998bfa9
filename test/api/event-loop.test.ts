import { beforeAll, expect, it } from 'vitest';
import { modelLoader } from '../engine/engine.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { writeLargeModel } from './large-model.js';
import { manyTokens } from './tiny.js';

const temp = tempFolder();
const load = modelLoader();
const path = temp('large.gguf');

beforeAll(() => writeLargeModel(path));

/** Runs work beside a timer of 5 ms; gives the longest pause between two of its ticks. */
async function longestPause(
  work: () => Promise<unknown>,
): Promise<{ pause: number; ticks: number }> {
  let last = performance.now();
  let [pause, ticks] = [0, 0];
  const timer = setInterval(() => {
    const now = performance.now();
    pause = Math.max(pause, now - last);
    last = now;
    ticks++;
  }, 5);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return { pause: Math.max(pause, performance.now() - last), ticks };
}

// Some milliseconds are usual; the bound leaves room for a busy machine, not for blocking work.
const bound = 100;

// Another program may take the processor away: then it is measured again.
it('timers go on while a large model loads, fills its cache and writes', { retry: 2 }, async () => {
  const progress: number[] = [];
  let model: Awaited<ReturnType<typeof load>> | undefined;
  const loading = await longestPause(async () => {
    model = await load(path, { onProgress: (fraction) => progress.push(fraction) });
  });
  const session = model!.createSession();
  const prefill = await longestPause(() =>
    session.evaluate(manyTokens(512, model!.spec.vocab), { logits: 'none' }),
  );
  const decode = await longestPause(() =>
    session.complete([1, 2, 3], { maxTokens: 32, temperature: 0 }),
  );
  const scoring = await longestPause(() => session.score(manyTokens(128, model!.spec.vocab)));
  const closing = await longestPause(async () => model!.close());
  for (const [name, { pause }] of Object.entries({ loading, prefill, decode, scoring, closing })) {
    expect(pause, name).toBeLessThan(bound);
  }
  expect(progress.every((fraction, i) => fraction >= (progress[i - 1] ?? 0) && fraction <= 1)).toBe(
    true,
  );
});
