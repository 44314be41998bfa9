import { describe, expect, test } from 'vitest';
import type { TokenLogprob } from '../../lib/generate/logprobs.js';
import { complete, generate } from '../../lib/generate/loop.js';
import type { GenerateOptions } from '../../lib/generate/options.js';
import { Random } from '../../lib/generate/random.js';
import { babbles, ToyEvaluator, toyBos, toyTokenizer, toyVocab } from './toy.js';

const tokenizer = toyTokenizer();
const babbler = () => new ToyEvaluator({ logits: babbles() });
const some: GenerateOptions = { maxTokens: 12, seed: 4 };

/** log p of every token after a text of the babbling model. */
function logSoftmax(history: readonly number[]): number[] {
  const logits = [...babbles()(history)];
  const sum = Math.log(logits.reduce((total, logit) => total + Math.exp(logit), 0));
  return logits.map((logit) => logit - sum);
}

/** Compares with all logits of the model, whatever was done to them before the token was drawn. */
function expectOfModel(logprobs: readonly TokenLogprob[], before: readonly number[], n: number) {
  const history = [...before];
  for (const { id, token, logprob, top } of logprobs) {
    const expected = logSoftmax(history);
    expect(logprob).toBeCloseTo(expected[id]!, 9);
    expect(token).toBe(String.fromCharCode(id));
    const order = [...expected.keys()].sort((a, b) => expected[b]! - expected[a]! || a - b);
    expect(top.map((chance) => chance.id)).toEqual(order.slice(0, n));
    for (const chance of top) expect(chance.logprob).toBeCloseTo(expected[chance.id]!, 9);
    history.push(id);
  }
}

describe('log-probabilities', () => {
  test('of the model do not depend on how a token is drawn', async () => {
    for (const options of [
      {},
      { temperature: 0 },
      { topK: 0, topP: 1, minP: 0 },
      { presencePenalty: 2, repeatPenalty: 1.5, repeatLastN: -1 },
      { logitBias: { 97: -3, 98: 4 }, bannedTokens: [101, 102] },
      { temperature: 2, typicalP: 0.5, xtcProbability: 0.5, dryMultiplier: 1 },
    ]) {
      for (const n of [0, 3, 60]) {
        const { ids, logprobs } = await complete(babbler(), tokenizer, 'ab', {
          ...{ ...some, ...options, logprobs: n },
        });
        expect(logprobs!.map(({ id }) => id)).toEqual(ids);
        expectOfModel(logprobs!, [toyBos, 97, 98], n);
      }
    }
  });

  test('come with the piece that their tokens belong to', async () => {
    const text = Buffer.from('aé');
    const logits = (history: readonly number[]) => {
      const all = new Float32Array(toyVocab);
      all[text[history.length - 1] ?? 257] = 20;
      return all;
    };
    const pieces = [];
    const options = { temperature: 0, logprobs: 1 };
    for await (const piece of generate(new ToyEvaluator({ logits }), tokenizer, '', options)) {
      pieces.push([piece.text, piece.logprobs!.map(({ token, top }) => [token, top[0]!.id])]);
    }
    expect(pieces).toEqual([
      ['a', [['a', 97]]],
      [
        'é',
        [
          ['\ufffd', 0xc3],
          ['\ufffd', 0xa9],
        ],
      ],
    ]);
  });

  test('change no text, and are absent unless asked for', async () => {
    const without = await complete(babbler(), tokenizer, 'ab', some);
    expect(without).not.toHaveProperty('logprobs');
    for (const logprobsFrom of ['model', 'sampler'] as const) {
      const options = { ...some, logprobs: 100, logprobsFrom };
      expect((await complete(babbler(), tokenizer, 'ab', options)).text).toBe(without.text);
    }
  });

  test('of the sampler are those that the token was drawn with', async () => {
    const options = { ...some, temperature: 1.3, topK: 7, topP: 1, minP: 0, presencePenalty: 1 };
    const { ids, logprobs } = await complete(babbler(), tokenizer, 'ab', {
      ...{ ...options, logprobs: 9, logprobsFrom: 'sampler' },
    });
    const history = [toyBos, 97, 98];
    for (const [i, { id, logprob, top }] of logprobs!.entries()) {
      const logits = babbles()(history).map((logit, token) =>
        history.slice(-64).includes(token) ? logit - 1 : logit,
      );
      const order = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]! || a - b);
      const kept = order.slice(0, 7);
      const sum = kept.reduce((total, token) => total + Math.exp(logits[token]! / 1.3), 0);
      const expected = (token: number) => logits[token]! / 1.3 - Math.log(sum);
      expect(top.map((chance) => chance.id)).toEqual(kept);
      for (const chance of top) expect(chance.logprob).toBeCloseTo(expected(chance.id), 6);
      expect(id).toBe(ids[i]);
      expect(logprob).toBeCloseTo(expected(id), 6);
      history.push(id);
    }
  });

  test('of a token that had no rival is 0', async () => {
    const options = { ...some, temperature: 0, logprobs: 5, logprobsFrom: 'sampler' } as const;
    const { logprobs } = await complete(babbler(), tokenizer, 'ab', options);
    for (const { id, logprob, token, top } of logprobs!) {
      expect(logprob).toBe(0);
      expect(top).toEqual([{ id, token, logprob: 0 }]);
    }
  });

  test('are finite numbers, also where most tokens are impossible', async () => {
    const random = Random.fromSeed(9);
    const logits = () =>
      Float32Array.from({ length: toyVocab }, (_, id) =>
        id >= 97 && id < 100 ? 80 * random.next() : -Infinity,
      );
    for (const options of [{}, { topK: 0 }, { temperature: 1e-3 }]) {
      for (const logprobsFrom of ['model', 'sampler'] as const) {
        const { logprobs } = await complete(new ToyEvaluator({ logits }), tokenizer, 'ab', {
          ...{ ...some, ...options, logprobs: 10, logprobsFrom },
        });
        for (const { logprob, top } of logprobs!) {
          expect(top.length).toBeLessThanOrEqual(3);
          for (const value of [logprob, ...top.map((chance) => chance.logprob)]) {
            expect(Number.isFinite(value)).toBe(true);
          }
        }
      }
    }
  });

  test('ask for the best and the sum, and need not have all logits', async () => {
    const model = babbler();
    await complete(model, tokenizer, 'ab', { ...some, maxTokens: 2, topK: 5, logprobs: 8 });
    expect(model.calls.map(({ k }) => k)).toEqual([8, 8]);
  });
});

describe('log-probabilities of a prompt', () => {
  test('are those of its tokens after all before them, none of the first', async () => {
    const { promptLogprobs, usage, text } = await complete(babbler(), tokenizer, 'abcab', {
      ...{ ...some, promptLogprobs: 2 },
    });
    expect(usage.promptTokens).toBe(6);
    expect(promptLogprobs![0]).toBeNull();
    expectOfModel(promptLogprobs!.slice(1) as TokenLogprob[], [toyBos], 2);
    expect(promptLogprobs!.slice(1).map((chance) => chance!.token)).toEqual([...'abcab']);
    expect((await complete(babbler(), tokenizer, 'abcab', some)).text).toBe(text);
  });

  test('of a text that goes on begin with its first token, and leave out the pending one', async () => {
    const model = babbler();
    const first = await complete(model, tokenizer, 'ab', some);
    const second = await complete(model, tokenizer, 'c', { ...some, promptLogprobs: 0 });
    expect(second.usage.promptTokens).toBe(1);
    expect(second.promptLogprobs).toHaveLength(1);
    expectOfModel(second.promptLogprobs as TokenLogprob[], [toyBos, 97, 98, ...first.ids], 0);
  });

  test('of one token are nothing, and the prompt alone can be asked about', async () => {
    const one = { ...some, maxTokens: 0, promptLogprobs: 1 };
    const { promptLogprobs } = await complete(babbler(), tokenizer, '', one);
    expect(promptLogprobs).toEqual([null]);
    const { ids, promptLogprobs: all } = await complete(babbler(), tokenizer, 'xyz', one);
    expect(ids).toEqual([]);
    expectOfModel(all!.slice(1) as TokenLogprob[], [toyBos], 1);
  });
});
