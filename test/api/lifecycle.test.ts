import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type BitnetError, loadModel, type Piece, type Session } from '../../lib/index.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyModel } from '../fixtures/tiny-model.js';
import { loadedTinyModel, manyTokens, rejection } from './tiny.js';

const vocabSize = 320;
const contextLength = 16_384;
const model = loadedTinyModel({ vocabSize, contextLength, nLayer: 4 });
const temp = tempFolder();

/** Takes about a second: long enough to be interrupted wherever one likes. */
const long = manyTokens(8192, vocabSize);

const codeOf = async (promise: Promise<unknown>) =>
  ((await rejection(promise)) as BitnetError).code;
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** The session is as good as new. */
async function expectUsable(session: Session) {
  const fresh = model().createSession();
  session.reset();
  expect(await session.evaluate([1, 2, 3])).toEqual(await fresh.evaluate([1, 2, 3]));
  fresh.close();
}

describe('an abort', () => {
  const isAbort = (cause: unknown) => ({ name: 'AbortError', code: 'ERR_BITNET_ABORTED', cause });

  it('before the call leaves everything as it is', async () => {
    const signal = AbortSignal.abort('enough');
    const session = model().createSession();
    await session.evaluate([1, 2, 3]);
    for (const call of [
      loadModel(model().path, { signal }),
      session.evaluate([4], { signal }),
      session.evaluate([4], { top: 1, signal }),
      session.score([4, 5], { signal }),
      session.complete([4], { signal }),
    ]) {
      expect(await rejection(call)).toMatchObject(isAbort('enough'));
    }
    expect(session.position).toBe(3);
    await expectUsable(session);
    session.close();
  });

  it('ends a load', async () => {
    const big = tinyModel({ dim: 512, ffnDim: 4096, nHead: 8, nLayer: 6 });
    await big.write(temp('big.gguf'));
    for (const milliseconds of [0, 1, 2, 5, 10]) {
      const controller = new AbortController();
      const loading = loadModel(temp('big.gguf'), { signal: controller.signal });
      setTimeout(() => controller.abort('enough'), milliseconds);
      await loading.then(
        (loaded) => loaded.close(), // it was faster
        (error) => expect(error).toMatchObject(isAbort('enough')),
      );
    }
    const controller = new AbortController();
    const loading = loadModel(temp('big.gguf'), { signal: controller.signal });
    controller.abort('enough');
    expect(await rejection(loading)).toMatchObject(isAbort('enough'));
  });

  it('ends an evaluation between two chunks', async () => {
    const session = model().createSession();
    for (const call of [
      (signal: AbortSignal) => session.evaluate(long, { signal }),
      (signal: AbortSignal) => session.score(long, { signal }),
      (signal: AbortSignal) => session.evaluate(long, { top: 3, signal }),
    ]) {
      const controller = new AbortController();
      const failure = rejection(call(controller.signal));
      await pause(60);
      controller.abort('enough');
      expect(await failure).toMatchObject(isAbort('enough'));
      expect(session.position % 512).toBe(0);
      expect(session.position).toBeLessThan(long.length);
      await expectUsable(session);
      session.reset();
    }
    session.close();
  });

  it('ends a generation in its prompt and between two tokens, which are in the error', async () => {
    const session = model().createSession();
    const inPrompt = new AbortController();
    const failure = rejection(session.complete(long, { signal: inPrompt.signal }));
    await pause(60);
    inPrompt.abort('enough');
    expect(await failure).toMatchObject({ ...isAbort('enough'), ids: [], text: '' });
    await expectUsable(session);

    session.reset();
    const controller = new AbortController();
    const generation = session.generate([1, 2], { signal: controller.signal, temperature: 0 });
    const ids: number[] = [];
    const reading = (async () => {
      for await (const piece of generation) {
        ids.push(...piece.ids);
        if (ids.length >= 5) controller.abort('enough');
      }
    })();
    expect(await rejection(reading)).toMatchObject(isAbort('enough'));
    expect(await rejection(generation.result)).toMatchObject({ ...isAbort('enough') });
    expect(ids.length).toBeGreaterThanOrEqual(5);
    await expectUsable(session);
    session.close();
  });

  it('after the end changes nothing', async () => {
    const controller = new AbortController();
    const session = model().createSession();
    await session.evaluate([1, 2, 3], { signal: controller.signal });
    controller.abort();
    expect(session.position).toBe(3);
    await expectUsable(session);
    session.close();
  });
});

it('a session, a chat and a model are closed at the end of a scope that uses them', async () => {
  const loaded = await loadModel(model().path);
  const owned = [loaded.createSession(), loaded.createChat(), loaded];
  for (const owner of owned) owner[Symbol.dispose]();
  const [session, chat] = owned as [Session, { session: Session }];
  expect(await codeOf(session.evaluate([1]))).toBe('ERR_BITNET_CLOSED');
  expect(await codeOf(chat.session.evaluate([1]))).toBe('ERR_BITNET_CLOSED');
  expect(await codeOf((async () => loaded.createSession())())).toBe('ERR_BITNET_CLOSED');
});

describe('a session that is closed in a generation', () => {
  const options = { maxTokens: 10_000, temperature: 0 };

  it.each(['while it runs', 'while it rests'])('tells what there was by then, %s', async (when) => {
    const session = model().createSession();
    const generation = session.generate([1, 2], options);
    const { value } = await generation.next();
    const { result } = when === 'while it runs' ? generation : { result: undefined };
    session.close();
    const error = (await rejection(result ?? generation.next())) as BitnetError;
    expect(error).toMatchObject({ code: 'ERR_BITNET_CLOSED', name: 'BitnetError' });
    if (error.code !== 'ERR_BITNET_CLOSED') throw error;
    expect(error.text).toBe((value as Piece).text);
    expect(error.ids).toEqual((value as Piece).ids);
    expect(error.usage).toMatchObject({ promptTokens: 2, completionTokens: error.ids!.length });
    expect(await rejection(generation.result)).toBe(error);
  });
});

describe('a session does one thing at a time', () => {
  const sentence = (why: string) =>
    `Expected a session that is free, but ${why}; wait for it, abort it, or create a second session.`;

  it('while it evaluates', async () => {
    const session = model().createSession();
    const running = session.evaluate(long.slice(0, 2048));
    const message = sentence('it is still evaluating');
    for (const call of [session.evaluate([1]), session.score([1]), session.complete([1])]) {
      expect(await rejection(call)).toMatchObject({ code: 'ERR_BITNET_BUSY', message });
    }
    expect(() => session.truncate(0)).toThrow(message);
    expect(() => session.reset()).toThrow(message);
    expect(session.position).toBeLessThanOrEqual(2048);
    await running;
    expect(session.position).toBe(2048);
    await expectUsable(session);
    session.close();
  });

  it('while it generates', async () => {
    const session = model().createSession();
    const generation = session.generate([1, 2], { maxTokens: 8 });
    await generation.next();
    const message = sentence('it is still generating');
    for (const call of [session.evaluate([1]), session.score([1])]) {
      expect(await rejection(call)).toMatchObject({ code: 'ERR_BITNET_BUSY', message });
    }
    expect(await codeOf(session.complete([1]))).toBe('ERR_BITNET_BUSY');
    expect(() => session.truncate(0)).toThrow(message);
    await generation.return();
    await expectUsable(session);
    session.close();
  });
});

describe('close', () => {
  const sentence = 'Expected an open session, but it (or its model) was closed; create a new one.';

  it('of a session may be called twice, and ends all use of it', async () => {
    const session = model().createSession();
    session.close();
    session.close();
    const closed = { code: 'ERR_BITNET_CLOSED', message: sentence };
    for (const call of [session.evaluate([1]), session.score([1]), session.complete([1])]) {
      expect(await rejection(call)).toMatchObject(closed);
    }
    for (const use of [
      () => session.position,
      () => session.truncate(0),
      () => session.reset(),
      () => session.generate([1]),
    ]) {
      expect(use).toThrow(expect.objectContaining(closed));
    }
    await session[Symbol.asyncDispose]();
  });

  it('of a session in the middle of an evaluation or generation rejects it', async () => {
    for (const start of [
      (session: Session) => session.evaluate(long),
      (session: Session) => session.score(long),
      (session: Session) => session.complete(long),
      (session: Session) => session.complete([1, 2], { maxTokens: 10_000 }),
    ]) {
      const session = model().createSession();
      const failure = rejection(start(session));
      await pause(30);
      session.close();
      expect(await failure).toMatchObject({ code: 'ERR_BITNET_CLOSED' });
    }
  });

  it('of a model closes its sessions, and is final', async () => {
    const own = await loadModel(model().path, { contextLength });
    const [idle, busy] = [own.createSession(), own.createSession()];
    const failure = rejection(busy.evaluate(long));
    await pause(20);
    own.close();
    own.close();
    expect(await failure).toMatchObject({ code: 'ERR_BITNET_CLOSED' });
    expect(await codeOf(idle.evaluate([1]))).toBe('ERR_BITNET_CLOSED');
    const message = 'Expected an open model, but it was closed; load it again.';
    expect(() => own.createSession()).toThrow(message);
    // What needs no weights goes on.
    expect(own.detokenize(own.tokenize('the end'))).toBe('the end');
    await own[Symbol.asyncDispose]();
  });

  it('by asyncDispose waits for what is running', async () => {
    const own = await loadModel(model().path, { contextLength });
    const session = own.createSession();
    let over = false;
    const running = session.evaluate(long).catch(() => {
      over = true;
    });
    await pause(20);
    await own[Symbol.asyncDispose]();
    expect(over).toBe(true);
    await running;
  });

  it('frees memory: a thousand sessions and a hundred models come and go', async () => {
    const growth = async (times: number, step: () => Promise<void>) => {
      for (let i = 0; i < 10; i++) await step();
      const before = megabytes();
      for (let i = 0; i < times; i++) await step();
      const after = megabytes();
      return { resident: after.resident - before.resident, mapped: after.mapped - before.mapped };
    };
    // 16,384 positions of 4 layers are 67 MB of address space, of which little is touched.
    const sessions = await growth(1000, async () => {
      const session = model().createSession();
      await session.evaluate([1, 2, 3], { logits: 'none' });
      session.close();
    });
    const models = await growth(100, async () => {
      const own = await loadModel(model().path);
      await own.createSession().evaluate([1, 2, 3]);
      own.close();
    });
    for (const { resident, mapped } of [sessions, models]) {
      expect(resident).toBeLessThan(100);
      expect(mapped).toBeLessThan(400);
    }
  });
});

describe('sessions that are never used', () => {
  it('take no memory for keys and values', () => {
    // A whole context of these would be 2 MiB each.
    const before = megabytes().resident;
    const sessions = Array.from({ length: 2000 }, () =>
      model().createSession({ contextLength: 512 }),
    );
    expect(megabytes().resident - before).toBeLessThan(400);
    for (const session of sessions) session.close();
  });
});

/** Memory in use and address space in use; the latter only where Linux tells. */
function megabytes(): { resident: number; mapped: number } {
  const status = '/proc/self/status';
  const size = existsSync(status) ? /VmSize:\s+(\d+) kB/.exec(readFileSync(status, 'utf8')) : null;
  return { resident: process.memoryUsage().rss / 2 ** 20, mapped: Number(size?.[1] ?? 0) / 1024 };
}
