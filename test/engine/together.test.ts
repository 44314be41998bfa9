import { resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Model, Session } from '../../lib/index.js';
import { rejection } from '../api/tiny.js';
import { random } from '../fixtures/random.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyModel } from '../fixtures/tiny-model.js';
import { modelLoader } from './engine.js';

// Sessions of one model that have work at the same time share steps. Nothing of that may show.

const temp = tempFolder();
const load = modelLoader();
const vocabSize = 515;
const path = temp('together.gguf');
let model: Model;

beforeAll(async () => {
  await tinyModel({
    arch: 'bitnet',
    dim: 320,
    ffnDim: 770,
    nHead: 4,
    nKvHead: 2,
    nLayer: 2,
    vocabSize,
    contextLength: 4096,
  }).write(path);
  model = await load(path);
});

const bits = (logits: Float32Array | Float64Array) =>
  Buffer.from(logits.buffer, logits.byteOffset, logits.byteLength).toString('base64');

const idsOf = (seed: number, count: number) => {
  const next = random(seed);
  return Array.from({ length: count }, () => Math.floor(next() * vocabSize));
};

/** Something one session does, and what came out of it as text. */
type Work = (session: Session) => Promise<string>;

const works: Record<string, Work> = {
  'one by one': async (session) => {
    const out: string[] = [];
    for (const id of idsOf(1, 40)) out.push(bits(await session.evaluate([id])));
    return out.join();
  },
  'a long prompt': async (session) => bits(await session.evaluate(idsOf(2, 1500))),
  'all logits': async (session) => bits(await session.evaluate(idsOf(3, 200), { logits: 'all' })),
  scores: async (session) => bits(await session.score(idsOf(4, 300))),
  'the best': async (session) => {
    const out: string[] = [];
    for (const id of idsOf(5, 30)) {
      const { ids, logProbs } = await session.evaluate([id], { top: 7 });
      out.push([...ids, bits(logProbs)].join(' '));
    }
    return out.join();
  },
  'greedy text': async (session) =>
    (await session.complete(idsOf(6, 20), { maxTokens: 50, temperature: 0 })).ids.join(),
  'sampled text': async (session) =>
    (await session.complete(idsOf(7, 90), { maxTokens: 50, seed: 3 })).ids.join(),
  'text from all tokens': async (session) =>
    (
      await session.complete(idsOf(8, 3), { maxTokens: 40, seed: 4, topK: 0, repeatPenalty: 1.1 })
    ).ids.join(),
};
const names = Object.keys(works);

async function inSession(work: Work): Promise<string> {
  const session = model.createSession();
  try {
    return await work(session);
  } finally {
    session.close();
  }
}

/** Turns of the event loop, so that sessions are in the middle of something. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((done) => setImmediate(done));
}

describe('sessions that run at the same time', () => {
  const alone: Record<string, string> = {};
  beforeAll(async () => {
    for (const name of names) alone[name] = await inSession(works[name]!);
  });
  /** Starts every work twice; returns what became of them. */
  const startAll = () =>
    [...names, ...names].map((name) => ({ name, result: inSession(works[name]!) }));

  it('get the bits they get alone: prompts beside single tokens, and all kinds of questions', async () => {
    for (const { name, result } of startAll()) expect(await result, name).toBe(alone[name]);
  });

  it('are not touched when others are aborted in the middle', async () => {
    for (const count of [1, 3, 10, 30, 100]) {
      const controller = new AbortController();
      const { signal } = controller;
      const stopped = [
        (session: Session) => session.evaluate(idsOf(9, 3000), { signal }),
        (session: Session) => session.score(idsOf(10, 3000), { signal }),
        (session: Session) => session.complete([1, 2], { maxTokens: 3000, signal }),
      ].map((call) => {
        const session = model.createSession();
        return { session, failure: rejection(call(session)) };
      });
      const others = startAll();
      await turns(count);
      controller.abort('enough');
      for (const { session, failure } of stopped) {
        expect(await failure).toMatchObject({ code: 'ERR_BITNET_ABORTED', cause: 'enough' });
        expect(session.position).toBeLessThan(3000);
        // It goes on where it stopped, as if it had been alone.
        session.reset();
        expect(await works['the best']!(session)).toBe(alone['the best']);
        session.close();
      }
      for (const { name, result } of others) expect(await result, name).toBe(alone[name]);
    }
  });

  it('are not touched when others are closed in the middle', async () => {
    for (const count of [1, 3, 10, 30, 100]) {
      const closing = [1, 2, 3].map((seed) => {
        const session = model.createSession();
        const failure = rejection(
          seed === 3
            ? session.complete([1, 2], { maxTokens: 3000 })
            : session.evaluate(idsOf(seed, 3000)),
        );
        return { session, failure };
      });
      const others = startAll();
      await turns(count);
      for (const { session } of closing) session.close();
      for (const { failure } of closing) {
        expect(await failure).toMatchObject({ code: 'ERR_BITNET_CLOSED' });
      }
      for (const { name, result } of others) expect(await result, name).toBe(alone[name]);
    }
  });

  it('keep the position where an abort left it, and what was evaluated up to there', async () => {
    const ids = idsOf(11, 3000);
    const session = model.createSession();
    const controller = new AbortController();
    const others = startAll();
    const failure = rejection(session.evaluate(ids, { signal: controller.signal }));
    await turns(5);
    controller.abort();
    expect(await failure).toMatchObject({ code: 'ERR_BITNET_ABORTED' });
    const { position } = session;
    const rest = bits(await session.evaluate(ids.slice(position, position + 100)));
    const whole = model.createSession();
    expect(bits(await whole.evaluate(ids.slice(0, position + 100)))).toBe(rest);
    for (const { result } of others) await result;
    session.close();
    whole.close();
  });

  it('in worker threads too, on the same engine', async () => {
    const library = resolve(__dirname, '../../dist/lib/index.js');
    const body = `
      const { parentPort, workerData } = require('node:worker_threads');
      const { loadModel } = require(workerData.library);
      (async () => {
        const model = await loadModel(workerData.path);
        const texts = await Promise.all([0, 1, 2].map(async () => {
          const { ids } = await model.createSession().complete(workerData.ids, { maxTokens: 50, temperature: 0 });
          return ids.join();
        }));
        model.close();
        parentPort.postMessage(texts);
      })();`;
    const workers = [0, 1, 2].map(
      () => new Worker(body, { eval: true, workerData: { library, path, ids: idsOf(6, 20) } }),
    );
    const texts = workers.map(
      (worker) =>
        new Promise((done, failed) => {
          worker.once('message', done);
          worker.once('error', failed);
        }),
    );
    for (const { name, result } of startAll()) expect(await result, name).toBe(alone[name]);
    for (const text of texts) {
      expect(await text).toEqual([0, 1, 2].map(() => alone['greedy text']));
    }
  });
});
