import { describe, expect, test } from 'vitest';
import { descending, largestLogit } from '../../lib/generate/candidates.js';
import { type GenerateOptions, generateSettings } from '../../lib/generate/options.js';
import { Random } from '../../lib/generate/random.js';
import { Sampler } from '../../lib/generate/sampler.js';
import { topOf } from './toy.js';

const off: GenerateOptions = { temperature: 1, topK: 0, topP: 1, minP: 0, seed: 1 };

/** Chooses with a fresh sampler, from all logits and, where that is possible, from the best few. */
function pick(logits: ArrayLike<number>, options: GenerateOptions, history: number[] = []): number {
  const settings = generateSettings(options);
  const all = Float32Array.from(logits);
  const sampler = new Sampler(settings);
  const request = sampler.request(history);
  const choice = new Sampler(settings).pick({ all }, request);
  if (request.top !== undefined) {
    expect(sampler.pick(topOf(all, request.top, request.extraIds), request)).toBe(choice);
  }
  return choice;
}

/** How often each token is chosen over many seeds. */
function shares(logits: number[], options: GenerateOptions, history: number[] = []): number[] {
  const counts = logits.map(() => 0);
  for (let seed = 0; seed < 4000; seed++) {
    const id = pick(logits, { ...options, seed }, history);
    counts[id] = counts[id]! + 1;
  }
  return counts.map((count) => count / 4000);
}

describe('the sampler', () => {
  test('temperature 0 takes the best token, ties to the lower id', () => {
    expect(pick([1, 3, 2, 3], { temperature: 0 })).toBe(1);
    expect(pick([5, 5, 5], { temperature: 0, topK: 0 })).toBe(0);
  });

  test('temperature 0 chooses after penalties', () => {
    expect(pick([1, 3, 2.9], { temperature: 0, repeatPenalty: 1.1 }, [1])).toBe(2);
    expect(pick([1, 3, 2.9], { temperature: 0, repeatPenalty: 1.1, repeatLastN: 0 }, [1])).toBe(1);
  });

  test('without limits the shares are the softmax of the logits', () => {
    const observed = shares([Math.log(5), Math.log(3), Math.log(2)], off);
    for (const [i, share] of [0.5, 0.3, 0.2].entries()) expect(observed[i]).toBeCloseTo(share, 1);
  });

  test('temperature 0.5 squares the probabilities', () => {
    const observed = shares([Math.log(2), 0], { ...off, temperature: 0.5 });
    expect(observed[0]).toBeCloseTo(0.8, 1);
  });

  test('top-k leaves the k best, ties to the lower id', () => {
    expect(shares([1, 0, 1, 1], { ...off, topK: 2 })[3]).toBe(0);
    expect(shares([1, 0, 1, 1], { ...off, topK: 2 })[2]).toBeGreaterThan(0.4);
  });

  test('top-p leaves the fewest tokens that reach it, at temperature 1', () => {
    const logits = [0.5, 0.3, 0.15, 0.05].map(Math.log);
    expect(shares(logits, { ...off, topP: 0.75, temperature: 3 }).slice(2)).toEqual([0, 0]);
    expect(shares(logits, { ...off, topP: 0.85 })[2]).toBeGreaterThan(0.1);
    expect(shares(logits, { ...off, topP: 0 })[0]).toBe(1);
  });

  test('top-p counts only what top-k left', () => {
    const logits = [0.3, 0.2, 0.2, 0.2, 0.1].map(Math.log);
    expect(shares(logits, { ...off, topK: 2, topP: 0.55 })[1]).toBe(0);
    expect(shares(logits, { ...off, topP: 0.55 })[2]).toBeGreaterThan(0);
  });

  test('min-p drops tokens below a fraction of the best', () => {
    const logits = [0.6, 0.31, 0.09].map(Math.log);
    expect(shares(logits, { ...off, minP: 0.2 })[2]).toBe(0);
    expect(shares(logits, { ...off, minP: 0.2 })[1]).toBeGreaterThan(0.2);
    expect(shares(logits, { ...off, minP: 1 })[0]).toBe(1);
  });

  test('the repeat penalty divides positive and multiplies negative logits', () => {
    const options = { temperature: 0, repeatPenalty: 2 };
    expect(pick([4, 2.1], options, [0])).toBe(1);
    expect(pick([4, 1.9], options, [0])).toBe(0);
    expect(pick([-1, -1.9], options, [0])).toBe(1);
  });

  test('presence counts once, frequency every time', () => {
    const history = [0, 0, 0];
    expect(pick([4, 2.5], { temperature: 0, presencePenalty: 1 }, history)).toBe(0);
    expect(pick([4, 2.5], { temperature: 0, frequencyPenalty: 1 }, history)).toBe(1);
  });

  test('negative penalties can lift a token that was not among the best', () => {
    const logits = Array.from({ length: 200 }, (_, id) => -id);
    expect(pick(logits, { temperature: 0, presencePenalty: -100 }, [90])).toBe(90);
  });

  test('only the last repeatLastN tokens are penalized, or all with -1', () => {
    const options = { temperature: 0, presencePenalty: 5 };
    expect(pick([4, 2], { ...options, repeatLastN: 2 }, [0, 1, 1])).toBe(0);
    expect(pick([4, 2, -9], { ...options, repeatLastN: -1 }, [0, 2, 2])).toBe(1);
  });

  test('it asks for top-k plus the penalized tokens, never for more than it needs', () => {
    const request = (options: GenerateOptions, history: number[] = [7, 8, 7]) =>
      new Sampler(generateSettings(options)).request(history);
    expect(request({}).top).toBe(40);
    expect(request({ temperature: 0 }).top).toBe(1);
    expect(request({ temperature: 0, repeatPenalty: 1.1 })).toMatchObject({
      extraIds: [7, 8],
      top: 3,
    });
    expect(request({ topK: 0 }).top).toBeUndefined();
    expect(request({ topK: 100_000 }).top).toBeUndefined();
  });

  test('tokens with a logit of -Infinity are never chosen', () => {
    expect(shares([-Infinity, 0, -Infinity], { ...off, temperature: 100 })).toEqual([0, 1, 0]);
    expect(shares([-Infinity, 0, -Infinity], { ...off, topK: 3 })).toEqual([0, 1, 0]);
  });

  test.each([
    ['NaN', [1, Number.NaN, 2], 'one of them is NaN'],
    ['+Infinity', [1, Number.POSITIVE_INFINITY], 'one of them is Infinity'],
    ['only -Infinity', [-Infinity, -Infinity], 'no token has a finite logit'],
  ])('%s among the logits is an error, whichever way they come', (_, logits, reason) => {
    const settings = generateSettings({ topK: 2 });
    const all = Float32Array.from(logits);
    const error = expect.objectContaining({
      code: 'ERR_BITNET_NUMERIC',
      message: `Expected finite logits from the model, but ${reason}; the model file is probably damaged or uses weights this version misreads.`,
    });
    const request = new Sampler(settings).request([]);
    const top = { ids: Int32Array.of(0, 1), logits: all, extraLogits: new Float32Array() };
    expect(() => new Sampler(settings).pick({ all }, request)).toThrow(error);
    expect(() => new Sampler(settings).pick(top, request)).toThrow(error);
  });

  test('an extreme but finite range of logits is sampled', () => {
    expect(pick([3e38, -3e38, 3e38], { ...off, temperature: 1e-300, seed: 3 })).not.toBe(1);
    expect([0, 1, 2]).toContain(pick([3e38, -3e38, 0], { ...off, temperature: 1e300 }));
  });
});

describe('best candidates and all logits', () => {
  test('lead to the same choice for all settings over thousands of draws', () => {
    const random = Random.fromSeed(2024);
    const among = <T>(items: readonly T[]) => items[Math.floor(random.next() * items.length)]!;
    for (let trial = 0; trial < 6000; trial++) {
      const vocabSize = among([3, 17, 100, 700]);
      const spread = among([0.5, 4, 30]);
      // Rounding makes ties; the offset makes logits that are all negative or all positive.
      const grain = among([0, 0, 0.5]);
      const offset = among([0, -50, 50]);
      const logits = Float32Array.from({ length: vocabSize }, () => {
        const logit = offset + spread * (random.next() + random.next() - 1);
        return grain ? Math.round(logit / grain) * grain : logit;
      });
      const history = Array.from({ length: among([0, 3, 80]) }, () =>
        Math.floor(random.next() * vocabSize),
      );
      const options = {
        temperature: among([0, 0.3, 0.8, 1.5]),
        topK: among([0, 1, 5, 40, vocabSize, 2000]),
        topP: among([0, 0.5, 0.95, 1]),
        minP: among([0, 0.05, 0.5, 1]),
        repeatPenalty: among([1, 1.1, 2, 0.7]),
        repeatLastN: among([-1, 0, 5, 64]),
        presencePenalty: among([0, 0.5, -1]),
        frequencyPenalty: among([0, 0.3, -0.2]),
        seed: random.nextUint32(),
      };
      pick(logits, options, history);
    }
  });

  test('top-k of the whole vocabulary means no top-k', () => {
    const random = Random.fromSeed(11);
    for (let seed = 0; seed < 1000; seed++) {
      const logits = Float32Array.from({ length: 300 }, () => 6 * random.next());
      const options = { topP: 0.9, minP: 0.01, seed };
      expect(pick(logits, { ...options, topK: 0 })).toBe(pick(logits, { ...options, topK: 300 }));
    }
  });
});

describe('descending', () => {
  test('keeps apart the largest ids and the smallest differences', () => {
    const logits = new Float32Array(2 ** 22).fill(-Infinity);
    const [zero, tiny] = [2 ** 22 - 3, 2 ** 22 - 2];
    logits.set([0, 1e-45, -0], zero);
    logits[5] = -3e38;
    logits[6] = Math.fround(3.4e38);
    const sorted = [...descending(logits, largestLogit(logits))].map(({ id }) => id);
    expect(sorted).toEqual([6, tiny, zero, zero + 2, 5]);
  });

  test('gives every token once, best first, ties to the lower id', () => {
    const random = Random.fromSeed(5);
    for (const spread of [0, 1, 100, 1e6, 1e37]) {
      const logits = Float32Array.from({ length: 500 }, () =>
        Math.fround(spread * Math.round(20 * random.next() - 10) * random.next()),
      );
      const sorted = [...descending(logits, largestLogit(logits))];
      const expected = topOf(logits, 500, []);
      expect(sorted.map(({ id }) => id)).toEqual([...expected.ids]);
      expect(sorted.map(({ logit }) => logit)).toEqual([...expected.logits]);
    }
  });
});
