import { describe, expect, it } from 'vitest';
import type { AllLogits, LogitsRequest, TopLogits } from '../../lib/generate/evaluator.js';
import type { Model } from '../../lib/index.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { type TinyOptions, tinyModel } from '../fixtures/tiny-model.js';
import { modelLoader } from './engine.js';

const temp = tempFolder();
const load = modelLoader();
const vocabSize = 320;
const ids = [5, 17, 200, 3, 41, 8, 8, 119, 64, 2, 300, 77];
const all = { top: undefined, extraIds: [] };

async function tiny(name: string, options: TinyOptions): Promise<Model> {
  await tinyModel({ vocabSize, nLayer: 2, ...options }).write(temp(name));
  return load(temp(name));
}

/** All logits after each of the ids, which are evaluated one at a time. */
async function oneByOne(model: Model): Promise<Float32Array[]> {
  const session = model.createSession();
  const rows: Float32Array[] = [];
  for (const id of ids) rows.push(await session.evaluate([id]));
  session.close();
  return rows;
}

describe.each<[string, TinyOptions]>([
  ['attention', {}],
  ['recurrent layers', { arch: 'qwen35' }],
])('of a model with %s,', (name, options) => {
  it('the last tokens of an evaluation have the logits they have one by one', async () => {
    const model = await tiny(`${name}.gguf`, options);
    const expected = await oneByOne(model);
    const session = model.createSession();
    const { evaluator } = session;
    for (const rows of [1, 3, ids.length]) {
      session.reset();
      const found = (await evaluator.evaluate(ids, Array(rows).fill(all))) as AllLogits[];
      expect(found.map((row) => row.all)).toEqual(expected.slice(-rows));

      session.reset();
      const requests: LogitsRequest[] = expected.slice(-rows).map((_, row) => ({
        top: row + 1,
        extraIds: Array.from({ length: row % 3 }, (_, i) => i),
      }));
      const best = (await evaluator.evaluate(ids, requests, { logSumExp: true })) as TopLogits[];
      for (const [row, { ids: top, logits, extraLogits, logSumExp }] of best.entries()) {
        const truth = expected.slice(-rows)[row]!;
        const order = [...truth.keys()].sort((a, b) => truth[b]! - truth[a]! || a - b);
        expect([...top]).toEqual(order.slice(0, rows));
        expect([...logits]).toEqual(order.slice(0, rows).map((id) => truth[id]));
        const extra = requests[row]!.extraIds.map((id) => truth[id]);
        expect([...extraLogits.subarray(0, extra.length)]).toEqual(extra);
        const sum = truth.reduce((total, logit) => total + Math.exp(logit), 0);
        expect(logSumExp).toBeCloseTo(Math.log(sum), 9);
      }
    }
    model.close();
  });

  it('a truncated evaluation goes on as if nothing had been cut off', async () => {
    const model = await tiny(`cut ${name}.gguf`, options);
    const expected = await oneByOne(model);
    const { evaluator } = model.createSession();
    await evaluator.evaluate(ids.slice(0, 4), [all]);
    for (let at = 4; at < ids.length - 3; at++) {
      // Two tokens of the text, two that are not what follows.
      const drafted = [...ids.slice(at, at + 2), 1, 1];
      const rows = (await evaluator.evaluate(drafted, Array(4).fill(all))) as AllLogits[];
      expect(rows[0]!.all).toEqual(expected[at]);
      expect(rows[1]!.all).toEqual(expected[at + 1]);
      evaluator.truncate(at + 1);
      expect(evaluator.position).toBe(at + 1);
    }
    model.close();
  });
});

it('the last tokens of a prompt may be evaluated in several steps', async () => {
  const model = await tiny('long.gguf', { contextLength: 600 });
  const prompt = Array.from({ length: 514 }, (_, i) => (i * 7) % vocabSize); // 512 of them at once
  const session = model.createSession();
  const expected = await session.evaluate(prompt, { logits: 'all' });
  session.reset();
  const rows = await session.evaluator.evaluate(prompt, Array(5).fill(all), { logSumExp: true });
  for (const [i, row] of (rows as AllLogits[]).entries()) {
    const at = (prompt.length - rows.length + i) * vocabSize;
    const truth = expected.subarray(at, at + vocabSize);
    expect(row.all).toEqual(truth);
    const sum = truth.reduce((total, logit) => total + Math.exp(logit), 0);
    expect(row.logSumExp).toBeCloseTo(Math.log(sum), 9);
  }
});

it('the sum of all logits is the same whatever else is asked for', async () => {
  const model = await tiny('sums.gguf', {});
  const session = model.createSession();
  const sums = [];
  for (const request of [all, { top: 5, extraIds: [1] }, { top: vocabSize, extraIds: [] }]) {
    session.reset();
    const [row] = await session.evaluator.evaluate(ids, [request], { logSumExp: true });
    sums.push(row!.logSumExp);
  }
  expect(new Set(sums).size).toBe(1);
  expect(sums[0]).toBeDefined();
});
