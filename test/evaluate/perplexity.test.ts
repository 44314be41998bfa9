import { beforeAll, describe, expect, it } from 'vitest';
import { cpuInfo, type Model, type Perplexity, perplexity } from '../../lib/index.js';
import { rejection } from '../api/tiny.js';
import { allLogits, modelLoader } from '../engine/engine.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyModel } from '../fixtures/tiny-model.js';
import { beginId } from '../fixtures/tiny-vocabulary.js';
import { ownStories } from './held-out.js';
import { logProbability } from './reference-perplexity.js';

const vocabSize = 320;
const file = tempFolder();
const load = modelLoader();
let withBegin: Model;
let without: Model;
beforeAll(async () => {
  const tiny = tinyModel({ vocabSize });
  await tiny.write(file('without.gguf'));
  tiny.metadata.set('tokenizer.ggml.add_bos_token', { type: 'bool', value: true });
  await tiny.write(file('with.gguf'));
  [withBegin, without] = [await load(file('with.gguf')), await load(file('without.gguf'))];
});
const text = 'the rain on the tin roof, again and then there ünd wörds. '.repeat(5);

/** What chunks or windows must give, from all logits and the formulas of docs/cli/perplexity.md. */
async function naive(model: Model, windows: readonly { ids: number[]; first: number }[]) {
  const nlls: number[] = [];
  let bytes = 0;
  for (const { ids, first } of windows) {
    const logits = await allLogits(model, ids);
    for (let i = first; i < ids.length; i++) {
      nlls.push(-logProbability(logits.subarray((i - 1) * vocabSize, i * vocabSize), ids[i]!));
      bytes += model.tokenizer.tokenBytes(ids[i]!).length;
    }
  }
  const nll = nlls.reduce((sum, v) => sum + v, 0) / nlls.length;
  const variance = nlls.reduce((sum, v) => sum + (v - nll) ** 2, 0) / (nlls.length - 1);
  const nllError = Math.sqrt(variance / nlls.length);
  return {
    tokens: nlls.length,
    bytes,
    ...{ nll, nllError, perplexity: Math.exp(nll), error: nllError * Math.exp(nll) },
    bitsPerByte: (nll * nlls.length) / Math.log(2) / bytes,
  };
}

function expectClose(actual: Perplexity, expected: Awaited<ReturnType<typeof naive>>): void {
  for (const [name, value] of Object.entries(expected)) {
    const ours = actual[name as keyof typeof expected]!;
    expect(Math.abs(ours / value - 1), name).toBeLessThan(1e-9);
  }
}

describe('perplexity', () => {
  it('says how far it has come, also within a chunk', async () => {
    const seen: number[] = [];
    const onFraction = (fraction: number) => seen.push(fraction);
    const { chunks } = await perplexity(withBegin, text, { contextLength: 16, onFraction });
    expect(seen.length).toBeGreaterThanOrEqual(2 * chunks); // context and what is scored after it
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.at(-1)).toBe(1);
  });

  it('of chunks is that of the second half of each, after a begin token', async () => {
    const all = withBegin.tokenize(text, { addSpecial: true });
    for (const contextLength of [3, 16, 33]) {
      const chunks = Math.floor(all.length / contextLength);
      const windows = Array.from({ length: chunks }, (_, i) => {
        const ids = all.slice(i * contextLength, (i + 1) * contextLength);
        ids[0] = beginId(vocabSize);
        return { ids, first: Math.floor(contextLength / 2) + 1 };
      });
      const result = await perplexity(withBegin, text, { contextLength });
      expect(result).toMatchObject({ chunks, chunksInAll: chunks, contextLength, stride: null });
      expectClose(result, await naive(withBegin, windows));
    }
  });

  it('of chunks overwrites no token where the model wants no begin token', async () => {
    const ids = without.tokenize(text).slice(0, 64);
    const windows = [0, 32].map((at) => ({ ids: ids.slice(at, at + 32), first: 17 }));
    const result = await perplexity(without, text, { contextLength: 32, chunks: 2 });
    expectClose(result, await naive(without, windows));
  });

  it('by strides scores every token once, with at least context - stride before it', async () => {
    const ids = withBegin.tokenize(text);
    const [contextLength, stride] = [24, 7];
    const room = contextLength - 1;
    const windows: { ids: number[]; first: number }[] = [];
    for (let start = 0, done = 0; done < ids.length; start += stride) {
      const some = ids.slice(start, start + room);
      windows.push({ ids: [beginId(vocabSize), ...some], first: 1 + done - start });
      done = start + some.length;
    }
    const result = await perplexity(withBegin, text, { contextLength, stride });
    expect(result).toMatchObject({ chunks: windows.length, stride, tokens: ids.length });
    expect(result.bytes).toBe(Buffer.byteLength(text));
    expectClose(result, await naive(withBegin, windows));

    const all = without.tokenize(text);
    const naked = await perplexity(without, text, { contextLength: 256, stride: 1 });
    expect(naked).toMatchObject({ chunks: 1, tokens: all.length - 1 });
    expectClose(naked, await naive(without, [{ ids: all, first: 1 }]));

    const once = await perplexity(withBegin, 'of', { contextLength, stride });
    expect(once).toMatchObject({ tokens: withBegin.tokenize('of').length, chunks: 1 });
  });

  it('counts the text of control tokens only where asked to', async () => {
    const options = { contextLength: 64, stride: 32 };
    const marked = `${text}<|end_of_text|>`;
    const plain = await perplexity(withBegin, marked, options);
    const special = await perplexity(withBegin, marked, { ...options, parseSpecial: true });
    expect(special.tokens).toBe(withBegin.tokenize(text).length + 1);
    expect(plain.tokens).toBeGreaterThan(special.tokens);
    expect(special.bytes).toBe(Buffer.byteLength(text));
  });

  it('reports the value after each chunk, and stops after as many as asked for', async () => {
    const seen: Perplexity[] = [];
    const onProgress = (soFar: Perplexity) => void seen.push(soFar);
    const options = { contextLength: 16, chunks: 3, onProgress };
    const result = await perplexity(withBegin, text, options);
    expect(seen.map(({ chunks, chunksInAll }) => [chunks, chunksInAll])).toEqual([
      [1, 3],
      [2, 3],
      [3, 3],
    ]);
    expect(seen[2]).toEqual(result);
  });

  it('gives the value so far to whoever aborts it', async () => {
    const controller = new AbortController();
    let last: Perplexity | undefined;
    const onProgress = (soFar: Perplexity) => {
      last = soFar;
      if (soFar.chunks === 2) controller.abort();
    };
    const { signal } = controller;
    const error = await rejection(
      perplexity(withBegin, text, { contextLength: 16, signal, onProgress }),
    );
    expect(error).toMatchObject({ code: 'ERR_BITNET_ABORTED', result: last });
    const before = await rejection(perplexity(withBegin, text, { contextLength: 16, signal }));
    expect(before).toMatchObject({ code: 'ERR_BITNET_ABORTED' });
    expect(before).not.toHaveProperty('result');
  });

  it('refuses texts that are too short and wrong options', async () => {
    const cases: [string, object, RegExp][] = [
      ['the', {}, /^Expected a text of at least 256 tokens, but it has 3; give more text, a sh/],
      ['', { stride: 3 }, /^Expected a text of at least 1 tokens, but it has 1; give more text\.$/],
      [text, { contextLength: 2 }, /from 3 to \d+ for option contextLength, but received 2/],
      [text, { contextLength: 16, stride: 16 }, /from 1 to 15 for option stride/],
      [text, { chunks: 0 }, /of at least 1 for option chunks/],
      [text, { strid: 1 }, /did you mean stride/],
    ];
    for (const [given, options, message] of cases) {
      const error = await rejection(perplexity(withBegin, given, options));
      expect(error).toMatchObject({ code: 'ERR_BITNET_ARGUMENT' });
      expect((error as Error).message).toMatch(message);
    }
  });
});

it('the perplexity of the embedded model has the same bits on every kernel', async () => {
  const values = new Set<number>();
  const text = ownStories(4_000);
  for (const { name: kernel } of cpuInfo().kernels.filter(({ usable }) => usable)) {
    const model = await load(undefined, { kernel });
    values.add((await perplexity(model, text, { chunks: 2 })).nll);
    values.add((await perplexity(model, text, { contextLength: 64, stride: 30, chunks: 4 })).nll);
  }
  expect(values.size).toBe(2);
});
