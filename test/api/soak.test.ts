import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { modelLoader } from '../engine/engine.js';
import { random } from '../fixtures/random.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyModel } from '../fixtures/tiny-model.js';
import { manyTokens } from './tiny.js';

// Generations that end in every way, on behalf of 64 callers. The long form, which also watches the memory:
// BITNET_SOAK=20000 npx vitest run test/api/soak.test.ts

const total = Number(process.env.BITNET_SOAK ?? 400);
const callers = 64;
const vocabSize = 320;
const path = tempFolder()('tiny.gguf');
const load = modelLoader();

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

it(`${total} generations that end, fail, are aborted, closed and forgotten leave nothing behind`, async () => {
  await tinyModel({ vocabSize, nLayer: 1, contextLength: 128 }).write(path);
  const model = await load(path, { threads: 2, maxRunning: 40, maxQueue: 16 });
  const next = random(14);
  const ends: Record<string, number> = {};
  let begun = 0;
  const rss: number[] = [];

  const generation = async (caller: string) => {
    const session = model.createSession();
    const controller = new AbortController();
    const kind = Math.floor(next() * 5);
    const prompt = manyTokens(1 + Math.floor(next() * (kind === 1 ? 300 : 60)), vocabSize);
    const maxTokens = 1 + Math.floor(next() * 20);
    const options = { maxTokens, caller, seed: begun, signal: controller.signal };
    try {
      const pieces = session.generate(prompt, options);
      if (kind === 2) setImmediate(() => controller.abort());
      if (kind === 3) setImmediate(() => session.close());
      if (kind === 4) return void (await pieces.next()); // and neither is heard of again
      await pieces.result;
      return 'ended';
    } catch (error) {
      return (error as { code: string }).code;
    } finally {
      if (kind !== 4) session.close();
    }
  };

  const all = Array.from({ length: callers }, async (_, i) => {
    while (begun < total) {
      if (++begun % 100 === 0) rss.push(process.memoryUsage.rss());
      const end = (await generation(`caller ${i}`)) ?? 'forgotten';
      ends[end] = (ends[end] ?? 0) + 1;
    }
  });
  const collecting = setInterval(collect, 20); // what is forgotten has its place until it is collected
  await Promise.all(all);
  clearInterval(collecting);

  expect(Object.keys(ends).sort()).toEqual([
    ...['ERR_BITNET_ABORTED', 'ERR_BITNET_CLOSED', 'ERR_BITNET_CONTEXT', 'ERR_BITNET_QUEUE'],
    ...['ended', 'forgotten'],
  ]);
  for (let i = 0; i < 50 && model.stats().running > 0; i++) {
    collect();
    await new Promise((done) => setImmediate(done));
  }
  expect(model.stats()).toMatchObject({ running: 0, waiting: 0, kv: { usedBytes: 0 } });
  expect(process.getActiveResourcesInfo().filter((name) => /ThreadSafe/i.test(name))).toEqual([]);
  if (total >= 10_000) {
    // The second half takes no more than the first.
    const middle = rss[Math.floor(rss.length / 2)]!;
    expect(rss.at(-1)! - middle).toBeLessThan(64 * 2 ** 20);
  }
  const session = model.createSession();
  expect((await session.complete([1, 2], { maxTokens: 3 })).usage.promptTokens).toBe(2);
  model.close();
}, 3_600_000);
