import { describe, expect, test } from 'vitest';
import { DryBreakers } from '../../lib/generate/dry-breakers.js';
import { type GenerateOptions, generateSettings } from '../../lib/generate/options.js';
import { Random } from '../../lib/generate/random.js';
import { Sampler } from '../../lib/generate/sampler.js';
import { type SamplerName, samplerNames } from '../../lib/generate/samplers.js';
import { plainChain, probabilities } from './plain-samplers.js';
import { topOf, toyTokenizer } from './toy.js';

const off = { temperature: 1, topK: 0, topP: 1, minP: 0, seed: 1 };
const noTokens = { logitBias: new Map(), endTokens: [], minTokens: 0 };

/** Probabilities of what a sampler would draw from, by id; 0 of those that are left out. */
function chances(
  logits: ArrayLike<number>,
  options: GenerateOptions,
  history: readonly number[] = [],
  breakers: readonly number[][] = [],
): number[] {
  const tokens = { ...noTokens, dryBreakers: new DryBreakers(breakers) };
  const sampler = new Sampler(generateSettings({ ...off, ...options }), tokens);
  sampler.pick({ all: Float32Array.from(logits) }, sampler.request(history));
  const drawn = sampler.last!;
  const total = drawn.total();
  const found = Array.from(logits, () => 0);
  for (const { id, logit } of drawn.items) found[id] = Math.exp(drawn.logProbability(logit, total));
  return found;
}

const rounded = (values: readonly number[]) => values.map((value) => Number(value.toFixed(6)));
const logs = (values: readonly number[]) => values.map(Math.log);

describe('as llama.cpp defines it,', () => {
  test.each([
    [1, [0, 0, 0.428571, 0.571429]],
    [0, [0.1, 0.2, 0.3, 0.4]],
    [3, [0.1, 0.2, 0.3, 0.4]],
  ])('top-n-sigma %f leaves those that many deviations below the best', (topNSigma, expected) => {
    expect(rounded(chances(logs([0.1, 0.2, 0.3, 0.4]), { topNSigma }))).toEqual(expected);
  });

  test.each([
    [
      [0.97, 0.01, 0.01, 0.01],
      [1, 0, 0, 0],
    ],
    [
      [0.4, 0.2, 0.2, 0.2],
      [0, 0.333333, 0.333333, 0.333333],
    ],
  ])('typical 0.5 of %j leaves what is to be expected', (given, expected) => {
    expect(rounded(chances(logs(given), { typicalP: 0.5 }))).toEqual(expected);
  });

  test.each([
    [0.09, [0, 0, 0, 1]],
    [0.19, [0, 0, 0.666667, 0.333333]],
    [0.29, [0, 0.5, 0.333333, 0.166667]],
    [0.39, [0.4, 0.3, 0.2, 0.1]],
    [0.51, [0.4, 0.3, 0.2, 0.1]],
  ])('XTC from %f on leaves out all top choices but the last', (xtcThreshold, expected) => {
    const options = { xtcProbability: 1, xtcThreshold };
    expect(rounded(chances(logs([0.4, 0.3, 0.2, 0.1]), options))).toEqual(expected);
  });

  const quarters = [0.25, 0.25, 0.25, 0.25];
  const fifths = [0.2, 0.2, 0.2, 0.2, 0.2];
  interface Repetition extends GenerateOptions {
    readonly given: number[];
    readonly history: number[];
    readonly expected: number[];
    readonly breakers?: number[][];
  }
  test.each<Repetition>([
    { given: quarters, history: [0, 1], dryMultiplier: 1, expected: quarters },
    {
      ...{ given: quarters, history: [0, 1, 2, 0, 1], dryMultiplier: 1 },
      expected: [0.296923, 0.296923, 0.109231, 0.296923],
    },
    {
      ...{ given: fifths, history: [0, 1, 3, 4, 0, 1], dryMultiplier: 1, breakers: [[3]] },
      expected: fifths,
    },
    {
      ...{ given: fifths, history: [0, 1, 2, 0, 1], dryMultiplier: 2 },
      expected: [0.241818, 0.241818, 0.032727, 0.241818, 0.241818],
    },
    {
      ...{ given: fifths, history: [0, 1, 2, 3, 4, 0, 1], dryMultiplier: 1, dryAllowedLength: 4 },
      expected: fifths,
    },
  ])('DRY penalizes what would continue a repetition, %j', (example) => {
    const { given, history, breakers = [], expected, ...options } = example;
    const found = chances(logs(given), { dryBase: 1.1, ...options }, history, breakers);
    for (const [i, chance] of found.entries()) expect(chance).toBeCloseTo(expected[i]!, 5);
  });
});

describe('every sampler', () => {
  const random = Random.fromSeed(14);
  const among = <T>(items: readonly T[]) => items[Math.floor(random.next() * items.length)]!;
  const shuffled = () => {
    const names: SamplerName[] = [...samplerNames];
    for (let i = names.length - 1; i > 0; i--) {
      const j = Math.floor(random.next() * (i + 1));
      [names[i], names[j]] = [names[j]!, names[i]!];
    }
    return names.slice(0, among([9, 9, 4]));
  };

  test('in any order leaves what a plain implementation leaves, from all logits and from the best', () => {
    let fromTop = 0;
    for (let trial = 0; trial < 3000; trial++) {
      const vocabSize = among([5, 40, 300]);
      const logits = Float32Array.from(
        { length: vocabSize },
        () => 8 * (random.next() + random.next() - 1),
      );
      const history = Array.from({ length: among([0, 4, 60]) }, () =>
        Math.floor(random.next() * among([4, vocabSize])),
      );
      const options = {
        temperature: among([0.3, 0.8, 1, 1.5]),
        topK: among([0, 1, 5, 40]),
        topP: among([0.5, 0.95, 1]),
        minP: among([0, 0.05, 0.5]),
        topNSigma: among([0, 0, 1, 2.5]),
        typicalP: among([1, 0.2, 0.9]),
        xtcProbability: among([0, 0, 1]),
        xtcThreshold: among([0.05, 0.2, 0.5]),
        repeatPenalty: among([1, 1.3]),
        repeatLastN: among([-1, 8]),
        presencePenalty: among([0, 0.5]),
        frequencyPenalty: among([0, 0.3]),
        dryMultiplier: among([0, 0.8]),
        dryBase: 1.75,
        dryAllowedLength: among([1, 2, 3]),
        dryPenaltyLastN: among([-1, 20]),
        samplers: trial % 2 ? shuffled() : samplerNames,
      };
      const breakers = among([[], [2]]);
      const tokens = { ...noTokens, dryBreakers: new DryBreakers(breakers.map((id) => [id])) };
      const settings = generateSettings({ ...options, seed: trial });
      const expected = plainChain(logits, options, history, options.xtcProbability === 1, breakers);
      const sampler = new Sampler(settings, tokens);
      const request = sampler.request(history);
      const choice = sampler.pick({ all: logits }, request);
      const drawn = sampler.last!;
      const what = JSON.stringify({ trial, options, breakers });
      expect(
        [...drawn.list].map(({ id }) => id),
        what,
      ).toEqual(expected.map(({ id }) => id));
      const total = drawn.total();
      for (const [i, p] of probabilities(expected).entries()) {
        expect(Math.exp(drawn.logProbability(drawn.list[i]!.logit, total)), what).toBeCloseTo(p, 6);
      }
      if (request.top === undefined) continue;
      fromTop++;
      const best = topOf(logits, request.top, request.extraIds);
      expect(new Sampler(settings, tokens).pick(best, request), what).toBe(choice);
    }
    expect(fromTop).toBeGreaterThan(500);
  });

  test('but top-k, and what changes single logits, needs all logits before it', () => {
    const top = (options: GenerateOptions) =>
      new Sampler(generateSettings(options)).request([1, 2, 1, 2, 1]).top;
    expect(top({ topNSigma: 1 })).toBeUndefined();
    expect(top({ samplers: ['top_p', 'top_k'] })).toBeUndefined();
    expect(
      top({ samplers: ['temperature', 'penalties', 'top_k'], presencePenalty: 1 }),
    ).toBeUndefined();
    expect(top({ samplers: ['temperature', 'top_k'] })).toBe(40);
    expect(top({ samplers: ['top_k', 'penalties'], presencePenalty: 1 })).toBe(40);
    expect(top({ typicalP: 0.5, xtcProbability: 1, dryMultiplier: 1 })).toBe(41);
  });

  test('at temperature 0 the best after penalties is taken, whatever would take it away', () => {
    const pick = (options: GenerateOptions, history: number[] = []) => {
      const sampler = new Sampler(generateSettings({ temperature: 0, ...options }));
      return sampler.pick({ all: Float32Array.of(3, 2, 1) }, sampler.request(history));
    };
    expect(pick({ xtcProbability: 1, xtcThreshold: 0, typicalP: 0.01, topNSigma: 1 })).toBe(0);
    const late: GenerateOptions = { samplers: ['top_k', 'penalties', 'temperature'], topK: 2 };
    expect(pick({ ...late, presencePenalty: 5 }, [0])).toBe(1);
    expect(pick({ ...late, presencePenalty: 5, topK: 1 }, [0])).toBe(0);
  });

  test('that is not in the list does nothing: without temperature it is 1', () => {
    const given = chances([2, 1, 0], { samplers: [], temperature: 0.1, topK: 1 });
    expect(rounded(given)).toEqual([0.665241, 0.244728, 0.090031]);
  });
});

describe('random numbers', () => {
  const logits = Float32Array.from({ length: 50 }, (_, id) => Math.sin(id));
  const picks = (options: GenerateOptions, skipped: readonly number[]) => {
    const sampler = new Sampler(generateSettings({ ...off, ...options, seed: 3 }));
    return Array.from({ length: 20 }, (_, i) => {
      if (!skipped.includes(i)) return sampler.pick({ all: logits }, sampler.request([]));
      sampler.skip();
      return undefined;
    });
  };

  test('belong to places: a token that was not drawn here changes none of those that follow', () => {
    for (const options of [{}, { topK: 5 }, { xtcProbability: 0.5, xtcThreshold: 0.02 }]) {
      const all = picks(options, []);
      const some = picks(options, [0, 3, 4]);
      expect(some).toEqual(all.map((id, i) => ([0, 3, 4].includes(i) ? undefined : id)));
    }
  });

  test('of XTC are others than those that draw', () => {
    const without = picks({ xtcProbability: 1e-9, xtcThreshold: 0.01 }, []);
    expect(without).toEqual(picks({}, []));
  });
});

describe('sequence breakers', () => {
  test('are found in tokens that contain them, or end with their beginning', () => {
    const texts = ['a', 'b\n', '\n\n', 'x:', ':', 'y'];
    const tokenizer = toyTokenizer({
      vocabSize: texts.length,
      tokenBytes: (id) => Buffer.from(texts[id]!),
      encode: (text) => [...text].map((character) => texts.indexOf(character)),
    });
    const breakers = DryBreakers.of(['\n', ':y'], tokenizer);
    expect(texts.map((_, id) => breakers.isBreaker(id))).toEqual([
      ...[false, true, true, false, false, false],
    ]);
    const distance = (tokens: number[]) =>
      breakers.distance((i) => tokens.at(-1 - i)!, tokens.length);
    expect(distance([0, 1, 0, 0])).toBe(2);
    expect(distance([0, 3, 5, 0])).toBe(1); // x:y
    expect(distance([0, 3, 0, 5])).toBe(4);
    expect(distance([0, 0])).toBe(2);
  });
});
