import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { beforeAll, describe, expect, it } from 'vitest';
import type { GenerateOptions, GenerationEvent, LoadOptions, Model } from '../../lib/index.js';
import { modelLoader } from '../engine/engine.js';
import { random } from '../fixtures/random.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyModel } from '../fixtures/tiny-model.js';
import { manyTokens, rejection } from './tiny.js';

// Many generations on one model: the queue, callers, priorities, cancels, and what is told of them.

const vocabSize = 320;
const path = tempFolder()('tiny.gguf');
const loader = modelLoader();
const load = (options: LoadOptions = {}) => loader(path, { threads: 2, ...options });

beforeAll(() => tinyModel({ vocabSize, nLayer: 2, contextLength: 4096 }).write(path));

async function textOf(
  model: Model,
  prompt: readonly number[],
  options: GenerateOptions,
): Promise<readonly number[]> {
  const session = model.createSession();
  try {
    return (await session.complete(prompt, options)).ids;
  } finally {
    session.close();
  }
}

/** Turns of the event loop, so that generations are in the middle of something. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((done) => setImmediate(done));
}

const requests: readonly [prompt: readonly number[], options: GenerateOptions][] = [
  1, 2, 3, 4, 5, 6,
].map((i) => [
  manyTokens(i % 2 ? 10 * i : 200 * i, vocabSize),
  {
    maxTokens: 20,
    ...(i % 3 ? { seed: i } : { temperature: 0 }),
    caller: `caller ${i % 2}`,
    priority: i % 3,
  },
]);

describe('texts', () => {
  it('are the same alone and together, for every step target and number that run at once', async () => {
    const plain = await load();
    const alone: (readonly number[])[] = [];
    for (const [prompt, options] of requests) alone.push(await textOf(plain, prompt, options));
    for (const options of [
      {},
      { stepTarget: 0.001 },
      { stepTarget: 1000 },
      { maxRunning: 1 },
      { maxRunning: 2, share: 3 },
    ]) {
      const model = await load(options);
      const together = requests.map(([prompt, options]) => textOf(model, prompt, options));
      expect(await Promise.all(together)).toEqual(alone);
      model.close();
    }
    plain.close();
  });

  it('are not touched by storms of cancels, in the queue and everywhere else', async () => {
    const model = await load({ maxRunning: 3 });
    const alone: (readonly number[])[] = [];
    for (const [prompt, options] of requests) alone.push(await textOf(model, prompt, options));
    const next = random(9);
    for (let round = 0; round < 3; round++) {
      const canceled = Array.from({ length: 30 }, (_, i) => {
        const controller = new AbortController();
        const session = model.createSession();
        const generating = session.complete(manyTokens(50 + 40 * i, vocabSize), {
          maxTokens: 200,
          caller: `${i % 3}`,
          signal: controller.signal,
        });
        const failure = rejection(generating).finally(() => session.close());
        const stop = () => (i % 5 === 0 ? session.close() : controller.abort('enough'));
        void turns(Math.floor(next() * 200)).then(stop);
        return failure;
      });
      const together = requests.map(([prompt, options]) => textOf(model, prompt, options));
      expect(await Promise.all(together)).toEqual(alone);
      for (const failure of await Promise.all(canceled)) {
        expect((failure as { code: string }).code).toMatch(/^ERR_BITNET_(ABORTED|CLOSED)$/);
      }
    }
    expect(model.stats()).toMatchObject({ running: 0, waiting: 0, kv: { usedBytes: 0 } });
    model.close();
  });
});

describe('the queue', () => {
  it('refuses a generation beyond maxQueue, and loses nothing', async () => {
    const model = await load({ maxRunning: 1, maxQueue: 1 });
    const [first, second, third] = [0, 1, 2].map(() => model.createSession());
    const running = first!.complete([1, 2], { maxTokens: 30, temperature: 0 });
    const waiting = second!.complete([1, 2], { maxTokens: 30, temperature: 0 });
    await turns(3);
    expect(model.stats()).toMatchObject({ running: 1, waiting: 1 });
    expect(await rejection(third!.complete([1, 2], { seed: 7 }))).toMatchObject({
      ...{ code: 'ERR_BITNET_QUEUE', length: 1, limit: 1, text: '', ids: [], seed: 7 },
      usage: { promptTokens: 0, completionTokens: 0 },
    });
    expect(third!.position).toBe(0);
    const { ids } = await running;
    expect((await waiting).ids).toEqual(ids);
    expect((await third!.complete([1, 2], { maxTokens: 30, temperature: 0 })).ids).toEqual(ids);
    model.close();
  });

  it('is left at once by a signal, a closed session, and a generation that is left', async () => {
    const model = await load({ maxRunning: 1 });
    const holder = model.createSession().generate([1], { maxTokens: Number.POSITIVE_INFINITY });
    await holder.next(); // and it is not asked for more
    const [aborted, closed, left] = [0, 1, 2].map(() => model.createSession());
    const controller = new AbortController();
    const generation = left!.generate([1, 2]);
    const failures = [
      rejection(aborted!.complete([1, 2], { signal: controller.signal })),
      rejection(closed!.complete([1, 2])),
      rejection(generation.next()),
    ];
    await turns(3);
    expect(model.stats()).toMatchObject({ running: 1, waiting: 3 });
    controller.abort('enough');
    closed!.close();
    await generation.return();
    expect(await Promise.all(failures)).toMatchObject([
      { code: 'ERR_BITNET_ABORTED', cause: 'enough', ids: [] },
      { code: 'ERR_BITNET_CLOSED' },
      { code: 'ERR_BITNET_ABORTED' },
    ]);
    expect(model.stats()).toMatchObject({ running: 1, waiting: 0 });
    expect(left!.position).toBe(0);
    await holder.return();
    expect(model.stats()).toMatchObject({ running: 0 });
    expect((await left!.complete([1, 2], { maxTokens: 3 })).ids.length).toBeLessThanOrEqual(3);
    model.close();
  });

  it('goes on when a session is closed whose generation nobody asks for more', async () => {
    const model = await load({ maxRunning: 1 });
    const session = model.createSession();
    const generation = session.generate([1], { maxTokens: 100 });
    await generation.next();
    const waiting = model.createSession().complete([1, 2], { maxTokens: 2 });
    await turns(2);
    expect(model.stats().waiting).toBe(1);
    session.close();
    expect((await waiting).usage.promptTokens).toBe(2);
    expect(await rejection(generation.next())).toMatchObject({ code: 'ERR_BITNET_CLOSED' });
    model.close();
  });

  it('ends with the model', async () => {
    const model = await load({ maxRunning: 1 });
    const generating = [0, 1, 2].map(() =>
      rejection(model.createSession().complete(manyTokens(3000, vocabSize))),
    );
    await turns(2);
    model.close();
    for (const failure of await Promise.all(generating)) {
      expect(failure).toMatchObject({ code: 'ERR_BITNET_CLOSED' });
    }
  });
});

it('an evaluation that waits for a step of others is aborted before that', async () => {
  const model = await load();
  const other = model.createSession().evaluate(manyTokens(4000, vocabSize));
  const session = model.createSession();
  const controller = new AbortController();
  const failure = rejection(
    session.evaluate(manyTokens(4000, vocabSize), { signal: controller.signal }),
  );
  controller.abort('enough');
  expect(await failure).toMatchObject({ code: 'ERR_BITNET_ABORTED', cause: 'enough' });
  await other;
  model.close();
});

it('stats tell what runs and what was computed', async () => {
  const model = await load();
  expect(model.stats()).toMatchObject({
    ...{ running: 0, waiting: 0, steps: 0, promptTokens: 0, decodedTokens: 0, tokensPerStep: 0 },
    ...{ computeMilliseconds: 0, stepMilliseconds: { median: 0, p95: 0 } },
    ...{ stepTargetMilliseconds: undefined, kv: { usedBytes: 0 } },
  });
  const session = model.createSession();
  const { ids } = await session.complete(manyTokens(600, vocabSize), { maxTokens: 9, seed: 1 });
  const stats = model.stats();
  expect(stats).toMatchObject({ promptTokens: 600, decodedTokens: ids.length - 1, running: 0 });
  expect(stats.steps).toBe(2 + ids.length - 1);
  expect(stats.tokensPerStep).toBe((600 + ids.length - 1) / stats.steps);
  const positions = 32 * Math.ceil(session.position / 32);
  expect(stats.kv.usedBytes).toBe(positions * session.bytesPerToken);
  expect(stats.stepMilliseconds.p95).toBeGreaterThanOrEqual(stats.stepMilliseconds.median);
  expect(stats.computeMilliseconds).toBeGreaterThan(0);
  model.close();
  expect(() => model.stats()).toThrow(expect.objectContaining({ code: 'ERR_BITNET_CLOSED' }));
});

it('events tell of every generation what becomes of it', async () => {
  const events: string[] = [];
  const listeners = ['queued', 'admitted', 'first-token', 'finished'].map((name) => {
    const listener = (message: unknown) => {
      const { caller, milliseconds, usage, stopReason, code } = message as GenerationEvent;
      expect(milliseconds).toBeGreaterThanOrEqual(0);
      const tokens = usage && `${usage.promptTokens}+${usage.completionTokens}`;
      events.push([caller, name, tokens, stopReason ?? code].filter(Boolean).join(' '));
    };
    subscribe(`bitnet:generation:${name}`, listener);
    return () => unsubscribe(`bitnet:generation:${name}`, listener);
  });
  const model = await load({ maxRunning: 1, maxQueue: 1 });
  const complete = (caller: string) =>
    model.createSession().complete([1, 2, 3], { maxTokens: 2, temperature: 0, caller });
  const all = [complete('a'), complete('b'), rejection(complete('c'))];
  await Promise.all(all);
  expect(events.filter((event) => event.startsWith('a'))).toEqual([
    ...['a admitted', 'a first-token', 'a finished 3+2 length'],
  ]);
  expect(events.filter((event) => event.startsWith('b'))).toEqual([
    ...['b queued', 'b admitted', 'b first-token', 'b finished 3+2 length'],
  ]);
  expect(events.filter((event) => event.startsWith('c'))).toEqual([
    'c finished 0+0 ERR_BITNET_QUEUE',
  ]);
  for (const end of listeners) end();
  model.close();
});
