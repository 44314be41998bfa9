import { describe, expect, it } from 'vitest';
import { modelLoader } from '../engine/engine.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyModel } from '../fixtures/tiny-model.js';
import { manyTokens, rejection } from './tiny.js';

const load = modelLoader();
const path = tempFolder()('tiny.gguf');
const ids = (count: number) => manyTokens(count, 320);

async function limited(blocks: number) {
  await tinyModel({ vocabSize: 320, nLayer: 2, contextLength: 512 }).write(path);
  const unlimited = await load(path, { kvMemory: Number.POSITIVE_INFINITY });
  const { bytesPerToken } = unlimited.createSession();
  const model = await load(path, { kvMemory: blocks * 32 * bytesPerToken });
  return { model, unlimited, block: 32 * bytesPerToken };
}

describe('kvMemory', () => {
  it('is what keys and values of all sessions may take; more is an error that loses nothing', async () => {
    const { model, unlimited, block } = await limited(4);
    const [first, second] = [model.createSession(), model.createSession()];
    await first.evaluate(ids(60), { logits: 'none' });
    await second.evaluate(ids(40), { logits: 'none' });
    expect(model.native.info().kv).toMatchObject({ budget: 4 * block, used: 4 * block });
    const error = await rejection(second.evaluate(ids(30), { logits: 'none' }));
    expect(error).toMatchObject({ code: 'ERR_BITNET_MEMORY' });
    expect((error as Error).message).toMatch(
      /^Expected .* of free memory for keys and values, but of the .* MB that the model's sessions may use together, .* are in use and .* promised; close sessions, or allow more \(--kv-memory, kvMemory\)\.$/,
    );
    expect(second.position).toBe(40);
    first.close();
    expect(model.native.info().kv.used).toBe(2 * block);
    const logits = await second.evaluate(ids(30));
    const alone = unlimited.createSession();
    await alone.evaluate(ids(40), { logits: 'none' });
    expect(await alone.evaluate(ids(30))).toEqual(logits);
    second.close();
    expect(model.native.info().kv.used).toBe(0);
  });

  it('fails one of several that share a step, not the others', async () => {
    const { model } = await limited(4);
    const sessions = [40, 40, 40].map(() => model.createSession());
    const done = await Promise.allSettled(sessions.map((session) => session.evaluate(ids(40))));
    const failed = done.filter(({ status }) => status === 'rejected');
    expect(failed.length).toBe(1);
    const positions = sessions.map(({ position }) => position);
    expect([...positions].sort((a, b) => a - b)).toEqual([0, 40, 40]);
  });

  it('lets a session that is alone fill its context by default, however long', async () => {
    const model = await load(path);
    const { budget } = model.native.info().kv;
    const contextLength = 2 ** 22;
    const session = model.createSession({ contextLength });
    const needed = contextLength * session.bytesPerToken;
    expect(model.native.info().kv.budget).toBe(Math.max(budget, needed));
  });
});
