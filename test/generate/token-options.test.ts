import { describe, expect, test } from 'vitest';
import type { TokenConstraint } from '../../lib/generate/constraint.js';
import { complete } from '../../lib/generate/loop.js';
import { type GenerateOptions, generateSettings } from '../../lib/generate/options.js';
import { Random } from '../../lib/generate/random.js';
import { Sampler } from '../../lib/generate/sampler.js';
import { babbles, recites, ToyEvaluator, topOf, toyEos, toyTokenizer, toyVocab } from './toy.js';

const tokenizer = toyTokenizer();
const babbler = () => new ToyEvaluator({ logits: babbles() });
const write = (options: GenerateOptions) =>
  complete(babbler(), tokenizer, 'ab', { maxTokens: 60, seed: 2, ...options });
const [a, e, z] = [97, 101, 122];

describe('biases', () => {
  test('are added to logits, before penalties', async () => {
    const logits = Float32Array.of(2, 1, 0, -1);
    const pick = (options: GenerateOptions, history: number[] = []) => {
      const sampler = new Sampler(generateSettings({ temperature: 0, ...options }), {
        ...{ logitBias: generateSettings(options).logitBias, endTokens: [], minTokens: 0 },
        dryBreakers: undefined as never,
      });
      const request = sampler.request(history);
      const choice = sampler.pick({ all: logits }, request);
      expect(sampler.pick(topOf(logits, request.top!, request.extraIds), request)).toBe(choice);
      return choice;
    };
    expect(pick({ logitBias: { 3: 3.5 } })).toBe(3);
    expect(pick({ logitBias: { 3: 3 } })).toBe(0); // a tie
    expect(pick({ logitBias: { 0: false } })).toBe(1);
    expect(pick({ logitBias: { 0: -Infinity, 1: -1e6 } })).toBe(2);
    expect(pick({ logitBias: { 3: 4 }, repeatPenalty: 2 }, [3])).toBe(0); // 3, halved
    expect(pick({ logitBias: { 3: 4 }, repeatPenalty: 1.4 }, [3])).toBe(3);
  });

  test('of -Infinity, false and banned tokens never come', async () => {
    const free = await write({});
    expect(free.ids).toEqual(expect.arrayContaining([a, e]));
    for (const options of [
      { bannedTokens: [a, e] },
      {
        logitBias: new Map([
          [a, false as const],
          [e, false as const],
        ]),
      },
      {
        logitBias: [
          [a, -Infinity],
          [e, false],
        ] as const,
      },
      { bannedTokens: Uint16Array.of(e), logitBias: { [a]: -Infinity } },
    ]) {
      const { ids, text } = await write(options);
      expect(ids).not.toContain(a);
      expect(ids).not.toContain(e);
      expect(text).toBe((await write({ bannedTokens: [e, a] })).text);
    }
  });

  test('that leave nothing end the generation with an error', async () => {
    const all = Array.from({ length: toyVocab }, (_, id) => id);
    for (const topK of [0, 5]) {
      await expect(write({ bannedTokens: all, topK })).rejects.toMatchObject({
        code: 'ERR_BITNET_ARGUMENT',
        message: expect.stringMatching(/^Expected some token that may come next, but the options /),
      });
    }
  });

  test.each<[string, unknown, string]>([
    ['logitBias', { x: 1 }, 'token ids from 0 to 2147483647 for the keys of option logitBias'],
    ['logitBias', { 1: Number.NaN }, 'a number from -1000000 to 1000000, -Infinity or false for'],
    ['logitBias', { 1: true }, 'a number from -1000000 to 1000000, -Infinity or false for'],
    ['logitBias', [[1]], 'a token id and a number for option logitBias[0]'],
    ['logitBias', 'x', 'an object, a Map or an array of pairs of token ids and numbers for'],
    ['bannedTokens', [-1], 'a token id from 0 to 2147483647 for option bannedTokens[0]'],
    ['stopTokens', 'x', 'an array of token ids for option stopTokens'],
    ['minTokens', -1, 'an integer of at least 0 for option minTokens'],
    ['logprobs', 1001, 'an integer from 0 to 1000 for option logprobs'],
    ['promptLogprobs', 0.5, 'an integer from 0 to 1000 for option promptLogprobs'],
    ['logprobsFrom', 'me', "'model' or 'sampler' for option logprobsFrom"],
    ['samplers', ['top_k', 'x'], 'one of penalties, dry, top_n_sigma, top_k, typ_p, top_p, min_p'],
    ['samplers', ['xtc', 'xtc'], 'every sampler at most once for option samplers[1]'],
    ['drySequenceBreakers', [''], 'a text of 1 to 40 characters for option drySequenceBreakers[0]'],
  ])('%s: %j is refused with a sentence', (name, value, sentence) => {
    expect(() => generateSettings({ [name]: value })).toThrow(
      expect.objectContaining({
        code: 'ERR_BITNET_ARGUMENT',
        message: expect.stringContaining(`Expected ${sentence}`),
      }),
    );
  });

  test('of tokens that the model does not have are refused before anything is evaluated', async () => {
    for (const options of [
      { logitBias: { [toyVocab]: 1 } },
      { bannedTokens: [toyVocab] },
      { stopTokens: [toyVocab] },
    ]) {
      await expect(write(options)).rejects.toMatchObject({ code: 'ERR_BITNET_ARGUMENT' });
    }
  });
});

describe('the end of a text', () => {
  const recite = (text: string, options: GenerateOptions) =>
    complete(new ToyEvaluator({ logits: recites(text, 1) }), tokenizer, '', {
      ...{ temperature: 0, maxTokens: 8, ...options },
    });

  test('is forbidden before minTokens, and by ignoreEnd', async () => {
    expect(await recite('abc', {})).toMatchObject({ stopReason: 'end', text: 'abc' });
    const late = await recite('abc', { minTokens: 5 });
    expect(late.stopReason).toBe('end');
    expect(late.ids).toHaveLength(5);
    expect(await recite('abc', { ignoreEnd: true })).toMatchObject({
      stopReason: 'length',
      usage: { completionTokens: 8 },
    });
    expect((await recite('abc', { minTokens: 3 })).text).toBe('abc');
  });

  test('is also a stop token, which is no part of it, and comes no sooner than minTokens', async () => {
    expect(await recite('abcdef', { stopTokens: [100, 101] })).toMatchObject({
      ...{ stopReason: 'stop', text: 'abc', usage: { completionTokens: 3 } },
    });
    const late = await recite('abcdef', { stopTokens: [100], minTokens: 5 });
    expect(late.ids).not.toContain(100);
    expect(late.ids.length).toBeGreaterThanOrEqual(5);
  });

  test('by a stop token is not evaluated: the session goes on without it', async () => {
    const model = new ToyEvaluator({ logits: recites('abc', 1) });
    await complete(model, tokenizer, '', { temperature: 0, stopTokens: [99] });
    expect(model.history).toEqual([256, 97, 98]);
  });
});

/** Only texts of some letters, a different one of them forbidden each time, that end after `length`. */
function letters(length: number, count = 0): TokenConstraint {
  const mask = () => {
    const words = new Uint32Array(Math.ceil(toyVocab / 32));
    const set = (id: number) => (words[id >>> 5]! |= 1 << (id & 31));
    if (count >= length) set(toyEos);
    else for (let id = a; id <= z; id++) if (id % 5 !== count % 5) set(id);
    return words;
  };
  return {
    mask,
    allows: (id) => ((mask()[id >>> 5]! >>> (id & 31)) & 1) === 1,
    get allowsEnd() {
      return count >= length;
    },
    accept(id) {
      expect(this.allows(id)).toBe(true);
      count++;
    },
    fork: () => letters(length, count),
  };
}

describe('a constraint', () => {
  test('is applied before any token is taken away: the best of those allowed, and the same from all logits', () => {
    const random = Random.fromSeed(6);
    for (let trial = 0; trial < 500; trial++) {
      const logits = Float32Array.from({ length: 200 }, () => 6 * random.next());
      const allowed = Uint32Array.from(
        { length: 7 },
        () => random.nextUint32() & random.nextUint32(),
      );
      allowed[2]! |= 1;
      const constraint = { mask: () => allowed } as TokenConstraint;
      const settings = generateSettings({
        ...{ topK: trial % 30, topP: 0.9, presencePenalty: 0.4, seed: trial },
        temperature: trial % 4 === 0 ? 0 : 0.8,
      });
      const history = Array.from({ length: 9 }, () => Math.floor(200 * random.next()));
      const request = new Sampler(settings).request(history, { constraint });
      const masked = logits.map((logit, id) =>
        (allowed[id >>> 5]! >>> (id & 31)) & 1 ? logit : -Infinity,
      );
      const free = new Sampler(settings).request(history);
      const expected = new Sampler(settings).pick({ all: masked }, free);
      expect(new Sampler(settings).pick({ all: logits }, request)).toBe(expected);
      if (request.top === undefined) continue;
      const best = topOf(logits, request.top, request.extraIds, allowed);
      expect(new Sampler(settings).pick(best, request)).toBe(expected);
    }
  });

  test('decides with the loop what comes, and when the text ends', async () => {
    const { guarded } = await import('../../lib/generate/loop.js');
    const { Progress } = await import('../../lib/generate/progress.js');
    for (const options of [{}, { topK: 0 }, { temperature: 0 }, { logprobs: 2 }]) {
      const settings = {
        ...generateSettings({ seed: 5, ...options }, toyVocab),
        constraint: letters(9),
      };
      const progress = new Progress(5);
      const pieces = guarded(babbler(), tokenizer, 'ab', settings, progress);
      let step = await pieces.next();
      while (!step.done) step = await pieces.next();
      expect(step.value.stopReason).toBe('end');
      expect(progress.text).toMatch(/^[a-z]{9}$/);
    }
  });
});
