import { beforeAll, describe, expect, it } from 'vitest';
import {
  type ChoiceItem,
  type EvalResult,
  evalItems,
  type LastWordItem,
  type Model,
} from '../../lib/index.js';
import { rejection } from '../api/tiny.js';
import { allLogits, modelLoader } from '../engine/engine.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyModel } from '../fixtures/tiny-model.js';
import { logProbability } from './reference-perplexity.js';

const vocabSize = 320;
const file = tempFolder();
const load = modelLoader();
const models: Model[] = [];
beforeAll(async () => {
  for (const begin of [true, false]) {
    const tiny = tinyModel({ vocabSize });
    tiny.metadata.set('tokenizer.ggml.add_bos_token', { type: 'bool', value: begin });
    await tiny.write(file(`${begin}.gguf`));
    models.push(await load(file(`${begin}.gguf`)));
  }
});

const questions: ChoiceItem[] = [
  { question: 'The sky is', choices: ['blue', 'made of old cheese', 'red'], label: 0 },
  { question: 'Two and two are ', choices: ['five', 'four, of course'], label: 1 },
  {
    question: 'In the theatre on the hill',
    choices: ['they sing', 'they sit', 'none', 'öl'],
    label: 3,
  },
  { question: 'There', choices: ['x', 'the rain in there on a tin roof'], label: 0 },
  { question: '', choices: ['On', 'off it goes'], label: 1 },
];
const blanks: ChoiceItem[] = [
  { question: 'The cup fell on the mat and _ broke.', choices: ['the cup', 'the mat'], label: 0 },
  { question: '_ was late, so Ann waited.', choices: ['Ann', 'Bob'], label: 1 },
];
const texts: LastWordItem[] = [
  { text: 'the rain on the tin roof' },
  { text: 'one\n and another  ' },
  { text: 'again and again and again' },
];

/** Σ ln p of the continuation's tokens, from all logits of the whole text. */
async function scored(model: Model, context: string, continuation: string) {
  const begin = model.tokenizer.addBos ? [model.tokenizer.bos!] : [];
  const before = [...begin, ...model.tokenize(context)];
  let ids = [...begin, ...model.tokenize(context + continuation)];
  let from = before.findIndex((id, i) => id !== ids[i]);
  if (from < 0) from = before.length;
  if (from === 0) [ids, from] = [[model.tokenizer.bos!, ...ids], 1];
  const logits = await allLogits(model, ids);
  const rows = ids.slice(from).map((id, i) => ({
    id,
    row: logits.subarray((from + i - 1) * vocabSize, (from + i) * vocabSize),
  }));
  return {
    sum: rows.reduce((sum, { row, id }) => sum + logProbability(row, id), 0),
    likeliest: rows.every(({ row, id }) => row.indexOf(Math.max(...row)) === id),
  };
}

const best = (values: readonly number[]) => values.indexOf(Math.max(...values));

describe.each([0, 1])('evalItems, with and without a begin token (%i)', (which) => {
  it('finds the choices a straightforward computation finds', async () => {
    const model = models[which]!;
    const seen: EvalResult[] = [];
    const result = await evalItems(model, questions, { onProgress: (r) => void seen.push(r) });
    let [right, rightPerByte, chance] = [0, 0, 0];
    for (const [i, { question, choices, label }] of questions.entries()) {
      const sums: number[] = [];
      for (const choice of choices) {
        const space = question === '' ? '' : ' ';
        sums.push((await scored(model, question.trimEnd(), space + choice)).sum);
      }
      right += Number(best(sums) === label);
      rightPerByte += Number(
        best(sums.map((sum, c) => sum / Buffer.byteLength(choices[c]!))) === label,
      );
      chance += 1 / choices.length;
      const n = i + 1;
      const share = (count: number) => ({
        value: count / n,
        error: n > 1 ? Math.sqrt(((count / n) * (1 - count / n)) / (n - 1)) : null,
      });
      expect(seen[i]).toMatchObject({
        ...{ kind: 'choice', items: n, itemsInAll: questions.length, perplexity: null },
        ...{ accuracy: share(right), normalizedAccuracy: share(rightPerByte) },
      });
    }
    expect(result).toEqual(seen.at(-1));
    expect(result.chance).toBeCloseTo(chance / questions.length, 12);
  });

  it('fills blanks, and scores what follows them', async () => {
    const model = models[which]!;
    const result = await evalItems(model, blanks, { blank: true });
    let right = 0;
    for (const { question, choices, label } of blanks) {
      const [before, after] = question.split('_') as [string, string];
      const sums: number[] = [];
      for (const choice of choices) sums.push((await scored(model, before + choice, after)).sum);
      right += Number(best(sums) === label);
    }
    expect(result.accuracy.value).toBe(right / blanks.length);
    const own = blanks.map((item) => ({ ...item, blank: true }));
    expect(await evalItems(model, own)).toEqual(result);
  });

  it('predicts last words', async () => {
    const model = models[which]!;
    const words = [' roof', ' another', ' again'];
    const contexts = ['the rain on the tin', 'one\n and', 'again and again and'];
    const result = await evalItems(model, texts);
    let [sum, right] = [0, 0];
    for (const [i, word] of words.entries()) {
      const { sum: logProbability, likeliest } = await scored(model, contexts[i]!, word);
      sum += logProbability;
      right += Number(likeliest);
    }
    expect(result).toMatchObject({ kind: 'last-word', normalizedAccuracy: null, chance: null });
    expect(result.accuracy.value).toBe(right / 3);
    expect(Math.abs(result.perplexity! / Math.exp(-sum / 3) - 1)).toBeLessThan(1e-9);
  });
});

describe('evalItems', () => {
  it('evaluates a question once for all of its choices', async () => {
    const [model] = models;
    const question = 'a long story about rain and tin. '.repeat(4);
    const choices = ['yes', 'no', 'perhaps', 'never'];
    const { tokens } = await evalItems(model!, [{ question, choices, label: 0 }]);
    const length = model!.tokenize(question).length;
    const answers = choices.reduce((sum, choice) => sum + model!.tokenize(` ${choice}`).length, 0);
    expect(tokens).toBeGreaterThan(length);
    expect(tokens).toBeLessThanOrEqual(length + answers + 2 * choices.length);
  });

  it('leaves out the beginning of what is too long, and refuses answers that are', async () => {
    const [model] = models;
    const item = { question: `${'so '.repeat(50)}the end`, choices: ['is near', 'came'], label: 0 };
    const result = await evalItems(model!, [item], { contextLength: 40 });
    expect(result.shortened).toBe(1);
    const short = { ...item, choices: ['x', 'very '.repeat(30)] };
    const error = await rejection(evalItems(model!, [short], { contextLength: 40 }));
    expect(error).toMatchObject({ code: 'ERR_BITNET_CONTEXT' });
  });

  it('stops at the limit, or when aborted, with what there was', async () => {
    const [model] = models;
    const limited = await evalItems(model!, questions, { limit: 2 });
    expect(limited).toMatchObject({ items: 2, itemsInAll: 2 });
    const controller = new AbortController();
    const { signal } = controller;
    const onProgress = ({ items }: EvalResult) => void (items === 2 && controller.abort());
    const error = await rejection(evalItems(model!, questions, { signal, onProgress }));
    expect(error).toMatchObject({
      code: 'ERR_BITNET_ABORTED',
      result: { ...limited, itemsInAll: questions.length },
    });
  });

  it('refuses questions without a blank, and wrong options', async () => {
    const [model] = models;
    const cases: [Promise<unknown>, RegExp][] = [
      [evalItems(model!, questions, { blank: true }), /^Expected one _ .* item 1 has 0;/],
      [evalItems(model!, []), /^Expected at least one item for items/],
      [evalItems(model!, questions, { limit: 0 }), /for option limit, but received 0/],
      [evalItems(model!, questions, { limits: 0 } as object), /did you mean limit/],
    ];
    for (const [promise, message] of cases) {
      const error = await rejection(promise);
      expect(error).toMatchObject({ code: 'ERR_BITNET_ARGUMENT' });
      expect((error as Error).message).toMatch(message);
    }
  });
});
