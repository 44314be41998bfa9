import { describe, expect, it } from 'vitest';
import { modelLoader } from '../engine/engine.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyModel } from '../fixtures/tiny-model.js';
import { loadedTinyModel, manyTokens } from './tiny.js';

const temp = tempFolder();
const load = modelLoader();

const vocabSize = 515;
const model = loadedTinyModel({ vocabSize, ffnDim: 770, nKvHead: 2, contextLength: 1200 });
const ids = manyTokens(600, vocabSize);

/** Natural logarithms of the probabilities that logits stand for. */
function logSoftmax(logits: Float32Array): Float64Array {
  const max = logits.reduce((a, b) => Math.max(a, b));
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - max), 0);
  return Float64Array.from(logits, (logit) => logit - max - Math.log(sum));
}

const row = (logits: Float32Array, i: number) =>
  logits.subarray(i * vocabSize, (i + 1) * vocabSize);

describe('evaluate', () => {
  it('gives the logits of all tokens, of the last one or none', async () => {
    const [a, b, c] = [model().createSession(), model().createSession(), model().createSession()];
    const all = await a.evaluate(ids, { logits: 'all' });
    expect(all).toHaveLength(600 * vocabSize);
    expect(await b.evaluate(ids)).toEqual(row(all, 599));
    expect(await c.evaluate(ids, { logits: 'none' })).toHaveLength(0);
    expect(await c.evaluate([5], { logits: 'last' })).toEqual(await a.evaluate([5]));
    for (const session of [a, b, c]) session.close();
  });

  it('says how far it has come, and stops when its listener throws', async () => {
    const session = model().createSession();
    const seen: number[] = [];
    const onProgress = (fraction: number) => seen.push(fraction);
    for (const evaluate of [
      () => session.evaluate(ids, { onProgress }),
      () => session.evaluate(ids, { top: 1, onProgress }),
      () => session.score(ids, { onProgress }),
      () => session.complete(ids, { maxTokens: 1, onProgress }),
    ]) {
      session.reset();
      seen.length = 0;
      await evaluate();
      expect(seen.at(-1)).toBe(1);
      expect(seen).toEqual([...seen].sort((a, b) => a - b));
    }
    session.reset();
    const thrown = (): void => {
      throw new Error('mine');
    };
    await expect(session.evaluate(ids, { onProgress: thrown })).rejects.toThrow('mine');
    await expect(session.evaluate([1], { onProgress: 1 as never })).rejects.toMatchObject({
      code: 'ERR_BITNET_ARGUMENT',
    });
    session.close();
  });

  it('takes any array of numbers', async () => {
    const session = model().createSession();
    const expected = await session.evaluate([1, 2, 3]);
    for (const list of [
      Int32Array.of(1, 2, 3),
      Uint16Array.of(1, 2, 3),
      { length: 3, 0: 1, 1: 2, 2: 3 },
    ]) {
      session.reset();
      expect(await session.evaluate(list)).toEqual(expected);
    }
    session.close();
  });

  it('keeps its own copy of the ids', async () => {
    const session = model().createSession();
    const list = Int32Array.from(ids);
    const evaluating = session.evaluate(list);
    list.fill(0);
    const result = await evaluating;
    session.reset();
    expect(await session.evaluate(ids)).toEqual(result);
    session.close();
  });

  it('ranks the best tokens with their log-probabilities', async () => {
    const [a, b] = [model().createSession(), model().createSession()];
    const expected = logSoftmax(await a.evaluate(ids));
    const order = [...expected.keys()].sort((i, j) => expected[j]! - expected[i]! || i - j);
    const { ids: best, logProbs } = await b.evaluate(ids, { top: vocabSize });
    expect([...best]).toEqual(order);
    best.forEach((id, i) => {
      expect(logProbs[i]).toBeCloseTo(expected[id]!, 10);
    });
    b.reset();
    const top = await b.evaluate(ids, { top: 3 });
    expect([...top.ids]).toEqual(order.slice(0, 3));
    expect(top.logProbs).toEqual(logProbs.slice(0, 3));
    for (const session of [a, b]) session.close();
  });

  it('ranks equal logits by id', async () => {
    const twins = tinyModel({ vocabSize, nLayer: 1 });
    const rows = twins.tensors.get('token_embd.weight')!.bytes;
    const rowBytes = rows.length / vocabSize;
    for (const id of [3, 200, 514]) rows.copyWithin(id * rowBytes, 7 * rowBytes, 8 * rowBytes);
    const path = temp('twins.gguf');
    await twins.write(path);
    const session = (await load(path)).createSession();
    const { ids: best, logProbs } = await session.evaluate([1], { top: vocabSize });
    const first = best.indexOf(3);
    expect([...best.subarray(first, first + 4)]).toEqual([3, 7, 200, 514]);
    expect(new Set(logProbs.subarray(first, first + 4)).size).toBe(1);
  });
});

describe('score', () => {
  it('is the log-softmax of all logits, across chunks', async () => {
    const [a, b] = [model().createSession(), model().createSession()];
    const all = await a.evaluate(ids, { logits: 'all' });
    const scores = await b.score(ids);
    expect(scores).toHaveLength(599);
    scores.forEach((score, i) => {
      expect(score).toBeCloseTo(logSoftmax(row(all, i))[ids[i + 1]!]!, 10);
    });
    expect(b.position).toBe(600);
    expect(await b.evaluate([3])).toEqual(await a.evaluate([3]));
    for (const session of [a, b]) session.close();
  });

  it('goes on where the session is, and scores nothing for a single token', async () => {
    const session = model().createSession();
    const scores = await session.score(ids.slice(0, 100));
    session.truncate(40);
    expect(await session.score(ids.slice(40, 100))).toEqual(scores.slice(40));
    expect(await session.score([7])).toHaveLength(0);
    expect(session.position).toBe(101);
    session.close();
  });
});

describe('a session', () => {
  it('counts positions, up and down', async () => {
    const session = model().createSession();
    expect([session.position, session.contextLength]).toEqual([0, 1200]);
    await session.evaluate(ids);
    expect(session.position).toBe(600);
    session.truncate(600);
    expect(session.position).toBe(600);
    session.truncate(10);
    expect(session.position).toBe(10);
    session.reset();
    expect(session.position).toBe(0);
    session.close();
  });

  it('refuses what does not fit its context, and stays as it was', async () => {
    const session = model().createSession({ contextLength: 8 });
    await session.evaluate([1, 2, 3, 4, 5]);
    const message =
      'Expected at most 3 more tokens (position 5 of a context of 8), but received 4; ' +
      'evaluate fewer, truncate or reset the session, or create one with a longer context.';
    for (const call of [session.evaluate([1, 2, 3, 4]), session.score([1, 2, 3, 4])]) {
      await expect(call).rejects.toMatchObject({ code: 'ERR_BITNET_CONTEXT', message });
    }
    const prompt = session.complete([1, 2, 3, 4]);
    await expect(prompt).rejects.toMatchObject({ code: 'ERR_BITNET_CONTEXT' });
    expect(session.position).toBe(5);
    await session.evaluate([1, 2, 3]);
    expect(session.position).toBe(8);
    await expect(session.evaluate([1])).rejects.toMatchObject({ code: 'ERR_BITNET_CONTEXT' });
    session.close();
  });

  it('generates until its context is full', async () => {
    const session = model().createSession({ contextLength: 8 });
    const { ids: written, stopReason } = await session.complete([1, 2, 3], { temperature: 0 });
    // The last token stands behind the context: it is written, but not evaluated.
    expect([stopReason, written.length, session.position]).toEqual(['context', 6, 8]);
    session.close();
  });

  it('generates what evaluate finds likeliest', async () => {
    const [a, b] = [model().createSession(), model().createSession()];
    const { ids: written } = await a.complete([1, 2, 3], { temperature: 0, maxTokens: 10 });
    let next = await b.evaluate([1, 2, 3], { top: 1 });
    for (const id of written) {
      expect(id).toBe(next.ids[0]);
      next = await b.evaluate([id], { top: 1 });
    }
    for (const session of [a, b]) session.close();
  });

  it('has a model that says what it uses', () => {
    const { kernel, threads, memory, path, spec } = model();
    expect(kernel.ternary).toMatch(/^\w+-\w+$/);
    expect(threads).toBeGreaterThanOrEqual(1);
    // At least 1.6 bits a weight, packed five to a byte; two bytes each in the embedding.
    expect(memory.ternary).toBeGreaterThan((2 * (256 * (512 + 256) + 3 * 256 * 770)) / 5 - 1);
    expect(memory.head).toBe(vocabSize * 256 * 2);
    expect([path.endsWith('tiny.gguf'), spec.vocabSize]).toEqual([true, vocabSize]);
  });
});
