import { describe, expect, test } from 'vitest';
import type { TokenConstraint } from '../../lib/generate/constraint.js';
import { continuationOf } from '../../lib/generate/continuation.js';
import { complete, generate, guarded } from '../../lib/generate/loop.js';
import { type GenerateOptions, generateSettings } from '../../lib/generate/options.js';
import { Progress } from '../../lib/generate/progress.js';
import { DraftLength } from '../../lib/generate/speculation/draft-length.js';
import { PromptLookup } from '../../lib/generate/speculation/prompt-lookup.js';
import { babbles, recites, ToyEvaluator, type ToyLogits, toyTokenizer, toyVocab } from './toy.js';

const tokenizer = toyTokenizer();

/** A toy whose evaluations can be taken back: each takes 10 ms, and one more for each token. */
class Drafted extends ToyEvaluator {
  running = 1;
  readonly drafting = {
    most: 8,
    running: () => this.running,
    clock: () => this.calls.reduce((sum, { ids }) => sum + 10 + ids.length, 0),
  };
}

/** A model that mostly says what stood behind the last two letters before, and else babbles. */
function parrots(): ToyLogits {
  const babble = babbles();
  return (history) => {
    const logits = babble(history);
    const [a, b] = history.slice(-2);
    const before = history.findLastIndex(
      (id, at) => at < history.length - 1 && id === b && history[at - 1] === a,
    );
    const next = before === -1 ? undefined : history[before + 1];
    if (next !== undefined && next < 256) logits[next] = 7;
    return logits;
  };
}

const prompt = 'the cat sat on the mat and the cat sat on ';
const write = (options: GenerateOptions, logits: ToyLogits, contextLength = 1000) =>
  complete(new Drafted({ logits, contextLength }), tokenizer, prompt, { seed: 8, ...options });

/** What must be the same with drafts and without. */
function shown({ text, ids, logprobs, stopReason, usage }: Awaited<ReturnType<typeof write>>) {
  return { text, ids, logprobs, stopReason, usage };
}

describe('speculation', () => {
  test.each<[string, GenerateOptions]>([
    ['greedy', { temperature: 0 }],
    ['seeded', { temperature: 1 }],
    ['from all logits', { topK: 0 }],
    ['with penalties', { presencePenalty: 0.5, repeatPenalty: 1.1, frequencyPenalty: 0.1 }],
    ['with few tokens under penalty', { repeatLastN: 5, presencePenalty: 1 }],
    ['with DRY and XTC', { dryMultiplier: 0.8, xtcProbability: 0.4, xtcThreshold: 0.05 }],
    ['with a stop text', { stop: ['cat s', 'xyz', 'mat'] }],
    ['with a stop token', { stopTokens: [109] }],
    ['with biases and a late end', { logitBias: { 97: 1, 257: 20 }, minTokens: 50 }],
    ['with log-probabilities', { logprobs: 3, promptLogprobs: 1 }],
    ['with those of the sampler', { logprobs: 3, logprobsFrom: 'sampler' }],
    ['of one token', { maxTokens: 1 }],
    ['of the prompt alone', { maxTokens: 0 }],
  ])('changes no text, %s', async (_, options) => {
    let drafted = 0;
    for (const logits of [parrots(), babbles(), recites(`${prompt}. `.repeat(3), 43)]) {
      for (const seed of [1, 2, 3]) {
        const all = { maxTokens: 120, ...options, seed };
        const plain = await write(all, logits);
        const lookup = await write({ ...all, lookup: true }, logits);
        expect(shown(lookup)).toEqual(shown(plain));
        drafted += lookup.timings.acceptedTokens!;
      }
    }
    if ((options.maxTokens ?? 120) > 1) expect(drafted).toBeGreaterThan(0);
  });

  test('leaves the session as it is without, wherever it ends or is left', async () => {
    for (let leave = 1; leave < 40; leave++) {
      const states = [];
      for (const lookup of [false, true]) {
        const model = new Drafted({ logits: parrots() });
        const options = { seed: 4, lookup, maxTokens: 60 };
        let pieces = 0;
        for await (const _ of generate(model, tokenizer, prompt, options)) {
          if (++pieces === leave) break;
        }
        const { history, pending, busy } = continuationOf(model);
        const more = await complete(model, tokenizer, ' and', { seed: 5, lookup, maxTokens: 9 });
        states.push([history.slice(), pending, busy, model.history.slice(), more.text]);
      }
      expect(states[1]).toEqual(states[0]);
    }
  });

  test('ends where the context is full', async () => {
    for (let length = 45; length < 75; length++) {
      const options = { maxTokens: 100, temperature: 0 };
      const plain = await write(options, parrots(), length);
      expect(shown(await write({ ...options, lookup: true }, parrots(), length))).toEqual(
        shown(plain),
      );
      expect(plain.stopReason).toBe('context');
    }
  });

  test('that is aborted keeps no token that was not chosen', async () => {
    const controller = new AbortController();
    const model = new Drafted({
      logits: parrots(),
      onEvaluate: (ids) => {
        if (ids.length > 3 && ids.length < 10) controller.abort();
      },
    });
    const options = { temperature: 0, lookup: true, signal: controller.signal };
    const error = await complete(model, tokenizer, prompt, options).catch((caught) => caught);
    expect(error.code).toBe('ERR_BITNET_ABORTED');
    const text = Buffer.from(model.history.slice(1)).toString();
    expect(`${prompt}${error.text}`.startsWith(text)).toBe(true);
  });

  test('is told in timings, and takes fewer steps where the text repeats', async () => {
    const logits = recites(prompt.repeat(4), 43);
    const options = { temperature: 0, maxTokens: 160 };
    const model = new Drafted({ logits });
    const { timings, ids } = await complete(model, tokenizer, prompt, { ...options, lookup: true });
    expect(ids).toHaveLength(160);
    expect(timings.acceptedTokens).toBeGreaterThan(60);
    expect(timings.draftedTokens).toBeGreaterThanOrEqual(timings.acceptedTokens!);
    expect(model.calls.length).toBeLessThanOrEqual(160 - timings.acceptedTokens!);
    const plain = await complete(new Drafted({ logits }), tokenizer, prompt, options);
    expect(plain.timings).not.toHaveProperty('draftedTokens');
  });

  test('rests while three sequences run, and where nothing can be taken back', async () => {
    const busy = new Drafted({ logits: parrots() });
    busy.running = 3;
    for (const model of [busy, new ToyEvaluator({ logits: parrots() })]) {
      const { timings } = await complete(model, tokenizer, prompt, { lookup: true, seed: 1 });
      expect(timings).toMatchObject({ draftedTokens: 0, acceptedTokens: 0 });
      expect(model.calls.every(({ rows }) => rows === 1)).toBe(true);
    }
  });

  test('never drafts more than it is told to', async () => {
    const model = new Drafted({ logits: parrots() });
    await complete(model, tokenizer, prompt, { lookup: true, maxDraft: 2, maxTokens: 90, seed: 1 });
    expect(Math.max(...model.calls.map(({ rows }) => rows))).toBe(3);
  });

  test('keeps to a constraint, whose state is that of the chosen tokens', async () => {
    const texts = [];
    for (const lookup of [false, true]) {
      const settings = {
        ...generateSettings({ seed: 5, lookup, maxTokens: 80 }, toyVocab),
        constraint: alternating(),
      };
      const progress = new Progress(5);
      const model = new Drafted({ logits: parrots() });
      const pieces = guarded(model, tokenizer, prompt, settings, progress);
      while (!(await pieces.next()).done);
      texts.push(progress.text);
      if (lookup) expect(progress.summary().timings.acceptedTokens).toBeGreaterThan(0);
    }
    expect(texts[1]).toBe(texts[0]);
    expect(texts[0]).toMatch(/^([a-m ][n-z ])*[a-m ]?$/);
  });
});

/** Letters of the first half of the alphabet, then of the second, in turn. */
function alternating(count = 0): TokenConstraint {
  const allows = (id: number) =>
    id === 32 || (count % 2 === 0 ? id >= 97 && id < 110 : id >= 110 && id <= 122);
  return {
    allows,
    allowsEnd: false,
    mask() {
      const mask = new Uint32Array(Math.ceil(toyVocab / 32));
      for (let id = 0; id < toyVocab; id++) if (allows(id)) mask[id >>> 5]! |= 1 << (id & 31);
      return mask;
    },
    accept(id) {
      expect(allows(id)).toBe(true);
      count++;
    },
    fork: () => alternating(count),
  };
}

describe('prompt lookup', () => {
  const draft = (text: string, most = 8) => {
    const tokens = [...Buffer.from(text)];
    return Buffer.from([...new PromptLookup(100).draft(tokens, most)]).toString();
  };

  test('drafts what followed the place that shares the most, of equal ones the last', () => {
    expect(draft('abcde--abc', 2)).toBe('de');
    expect(draft('xabc1 yabc2 xabc', 1)).toBe('1');
    expect(draft('zabc1 zabc2 zabc', 1)).toBe('2');
  });

  test('drafts nothing where fewer than three tokens are the same', () => {
    for (const text of ['', 'a', 'abc', 'abxab', 'abcdef']) expect(draft(text)).toBe('');
  });

  test('runs on into what it drafts', () => {
    expect(draft('abcabc', 8)).toBe('abcabcab');
    expect(draft('aaaa', 3)).toBe('aaa');
  });

  test('goes on with a text that grows, and is never longer than its context', () => {
    const lookup = new PromptLookup(12);
    const tokens = [...Buffer.from('abcd')];
    expect([...lookup.draft(tokens, 4)]).toEqual([]);
    tokens.push(...Buffer.from('abc'));
    expect(Buffer.from([...lookup.draft(tokens, 4)]).toString()).toBe('dabc');
    tokens.push(...Buffer.from('dabcdabcd'));
    expect(() => lookup.draft(tokens, 4)).not.toThrow();
  });
});

describe('the length of drafts', () => {
  /** Steps of a machine where one more token costs `cost` of a step, and drafts are right at a rate of `right` in 10. */
  function drafts(cost: number, right: number, steps = 400) {
    const length = new DraftLength(8);
    let tokens = 0;
    let milliseconds = 0;
    let lengths = 0;
    for (let i = 0; i < steps; i++) {
      const drafted = length.next();
      let accepted = 0;
      while (accepted < drafted && (tokens + accepted) % 10 < right) accepted++;
      length.record({ drafted, accepted, milliseconds: 10 * (1 + drafted * cost) });
      milliseconds += 10 * (1 + drafted * cost);
      tokens += 1 + accepted;
      lengths += drafted;
    }
    return { speed: (10 * tokens) / milliseconds, mean: lengths / steps };
  }

  test('grows to the most where all is right', () => {
    const { speed, mean } = drafts(0.15, 10);
    expect(mean).toBeGreaterThan(7);
    expect(speed).toBeGreaterThan(3.5);
  });

  test('is nothing most of the time where nothing is right, or too little for what it costs', () => {
    expect(drafts(0.2, 0).speed).toBeGreaterThan(0.98);
    expect(drafts(0.2, 0).mean).toBeLessThan(0.1);
    expect(drafts(1.5, 5).speed).toBeGreaterThan(0.97);
  });

  test('is between where some is right', () => {
    const { speed, mean } = drafts(0.15, 8);
    expect(speed).toBeGreaterThan(1.4);
    expect(mean).toBeGreaterThan(1);
  });

  test('is nothing for the first step, which says what one takes', () => {
    expect(new DraftLength(8).next()).toBe(0);
    expect(new DraftLength(0).next()).toBe(0);
  });
});
