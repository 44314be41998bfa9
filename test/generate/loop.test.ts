import { describe, expect, test, vi } from 'vitest';
import { forgetContinuation, isGenerating } from '../../lib/generate/continuation.js';
import type { Piece } from '../../lib/generate/generation.js';
import { complete, generate } from '../../lib/generate/loop.js';
import type { GenerateOptions } from '../../lib/generate/options.js';
import { babbles, recites, ToyEvaluator, toyBos, toyEos, toyTokenizer } from './toy.js';

const tokenizer = toyTokenizer();
const greedy: GenerateOptions = { temperature: 0 };

function reciter(text: string | Uint8Array, promptTokens = 1, contextLength = 1000) {
  return new ToyEvaluator({ logits: recites(text, promptTokens), contextLength });
}

describe('a generation', () => {
  test('hands out pieces and returns why it ended, what it used, how long it took and its seed', async () => {
    const model = reciter('hello', 3);
    const generation = generate(model, tokenizer, 'ab', { ...greedy, seed: 5 });
    const pieces: Piece[] = [];
    for await (const piece of generation) pieces.push(piece);
    expect(pieces).toEqual([...'hello'].map((text) => ({ text, ids: [text.charCodeAt(0)] })));
    const result = await generation.result;
    expect(result).toEqual({
      stopReason: 'end',
      usage: { promptTokens: 3, cachedTokens: 0, completionTokens: 5 },
      timings: {
        prefillMilliseconds: expect.any(Number),
        decodeMilliseconds: expect.any(Number),
        timeToFirstTokenMilliseconds: expect.any(Number),
        promptTokensPerSecond: expect.any(Number),
        tokensPerSecond: expect.any(Number),
      },
      seed: 5,
    });
    expect(model.history).toEqual([toyBos, ...Buffer.from('abhello')]);
  });

  test('is the return value of the iteration too', async () => {
    const generation = generate(reciter('a'), tokenizer, '', greedy);
    expect(await generation.next()).toEqual({ done: false, value: { text: 'a', ids: [97] } });
    const last = await generation.next();
    expect(last).toMatchObject({ done: true, value: { stopReason: 'end' } });
    expect(await generation.result).toBe(last.value);
    expect(await generation.next()).toEqual({ done: true, value: undefined });
  });

  test('does nothing before it is iterated', async () => {
    const model = reciter('a');
    generate(model, tokenizer, 'x', greedy);
    await new Promise(setImmediate);
    expect(model.calls).toEqual([]);
    expect(isGenerating(model)).toBe(false);
  });

  test('evaluates the prompt in one call and then one token at a time', async () => {
    const model = reciter('ab', 4);
    await complete(model, tokenizer, 'xyz', greedy);
    expect(model.calls).toEqual([
      { ids: [toyBos, 120, 121, 122], k: 1, extraIds: [], rows: 1 },
      { ids: [97], k: 1, extraIds: [], rows: 1 },
      { ids: [98], k: 1, extraIds: [], rows: 1 },
    ]);
  });

  test('asks for the penalized tokens by id, prompt and generated ones', async () => {
    const model = new ToyEvaluator({ logits: babbles() });
    await complete(model, tokenizer, 'ab', { maxTokens: 2, presencePenalty: 0.1, seed: 1 });
    const [first, second] = model.calls;
    expect(first).toMatchObject({ k: 43, extraIds: [toyBos, 97, 98] });
    expect(second!.extraIds).toEqual([...new Set([toyBos, 97, 98, second!.ids[0]])]);
  });

  test('asks for all logits when there is no limit on the candidates', async () => {
    const model = new ToyEvaluator({ logits: babbles() });
    await complete(model, tokenizer, 'ab', { maxTokens: 2, topK: 0, seed: 1 });
    expect(model.calls.map(({ k }) => k)).toEqual(['all', 'all']);
  });

  test('gives the same text for the same seed and reports a random one', async () => {
    const write = (seed?: number) =>
      complete(new ToyEvaluator({ logits: babbles() }), tokenizer, 'a', { maxTokens: 40, seed });
    const first = await write();
    expect(first.text).toHaveLength(40);
    expect((await write(first.seed)).text).toBe(first.text);
    expect((await write(first.seed + 1)).text).not.toBe(first.text);
  });

  test('times prefill and decoding, without the time the caller takes', async () => {
    const logits = recites('abcd', 2);
    const onEvaluate = () => new Promise<void>((resolve) => setTimeout(resolve, 20));
    const generation = generate(new ToyEvaluator({ logits, onEvaluate }), tokenizer, 'x', greedy);
    for await (const _ of generation) await new Promise((resolve) => setTimeout(resolve, 60));
    const { timings } = await generation.result;
    expect(timings.prefillMilliseconds).toBeGreaterThan(15);
    expect(timings.timeToFirstTokenMilliseconds).toBeGreaterThanOrEqual(
      timings.prefillMilliseconds,
    );
    expect(timings.decodeMilliseconds).toBeGreaterThan(60);
    expect(timings.decodeMilliseconds).toBeLessThan(4 * 60);
    expect(timings.promptTokensPerSecond).toBeCloseTo(2000 / timings.prefillMilliseconds, 6);
    expect(timings.tokensPerSecond).toBeCloseTo(4000 / timings.decodeMilliseconds, 6);
  });

  test('reports rates of 0, not NaN, when there was nothing to time', async () => {
    const { timings } = await complete(reciter(''), tokenizer, '', greedy);
    expect(timings).toMatchObject({ decodeMilliseconds: 0, tokensPerSecond: 0 });
  });
});

describe('a prompt', () => {
  test('gets the beginning token at position 0 only', async () => {
    const model = reciter('', 3);
    await complete(model, tokenizer, 'ab', greedy);
    await complete(model, tokenizer, 'cd', greedy);
    expect(model.history).toEqual([toyBos, ...Buffer.from('abcd')]);
  });

  test('gets no beginning token if the tokenizer wants none', async () => {
    const model = reciter('', 2);
    await complete(model, toyTokenizer({ addBos: false }), 'ab', greedy);
    expect(model.history).toEqual([97, 98]);
  });

  test('of token ids is used as it is, typed arrays included', async () => {
    for (const ids of [[5, 6], Int32Array.of(5, 6)]) {
      const model = reciter('', 2);
      const { usage } = await complete(model, tokenizer, ids, greedy);
      expect(model.history).toEqual([5, 6]);
      expect(usage.promptTokens).toBe(2);
    }
  });

  test('of token ids is copied when the generation is made', async () => {
    const ids = [97];
    const model = reciter('', 1);
    const generation = generate(model, tokenizer, ids, greedy);
    ids[0] = 98;
    await generation.next();
    expect(model.history).toEqual([97]);
  });

  test('holds special tokens only if parseSpecial is on, and never two beginning tokens', async () => {
    const plain = reciter('', 4);
    await complete(plain, tokenizer, '<s>', greedy);
    expect(plain.history).toEqual([toyBos, ...Buffer.from('<s>')]);
    const parsed = reciter('', 2);
    await complete(parsed, toyTokenizer({ bos: 258 }), '<s>a', { ...greedy, parseSpecial: true });
    expect(parsed.history).toEqual([258, 97]);
  });

  test('may be empty if the model begins with a token of its own', async () => {
    const model = reciter('hi', 1);
    expect((await complete(model, tokenizer, '', greedy)).text).toBe('hi');
  });

  test('that is empty without such a token is an error', async () => {
    const run = complete(reciter(''), toyTokenizer({ addBos: false }), '', greedy);
    await expect(run).rejects.toMatchObject({
      code: 'ERR_BITNET_ARGUMENT',
      message:
        'Expected a prompt of at least one token, but received an empty one, and this model does not begin with a token of its own; write some text.',
    });
  });

  test.each<[unknown, string]>([
    [undefined, 'a string or an array of token ids for the prompt, but received undefined.'],
    [
      [{ role: 'user', content: 'Hi' }],
      'a string or an array of token ids for the prompt, but received messages; model.createChat() keeps a conversation.',
    ],
    [{ length: 1 }, 'a string or an array of token ids for the prompt, but received an object.'],
    [[1, -1], 'a token id from 0 to 2147483647 for prompt[1], but received -1.'],
    [[1.5], 'a token id from 0 to 2147483647 for prompt[0], but received 1.5.'],
    [['a'], 'a token id from 0 to 2147483647 for prompt[0], but received "a".'],
  ])('%o is refused at once', (prompt, sentence) => {
    expect(() => generate(reciter(''), tokenizer, prompt as string, greedy)).toThrow(
      expect.objectContaining({ code: 'ERR_BITNET_ARGUMENT', message: `Expected ${sentence}` }),
    );
  });

  test('that does not fit the context is an error before anything is evaluated', async () => {
    const model = reciter('', 0, 4);
    await expect(complete(model, tokenizer, 'abcd', greedy)).rejects.toMatchObject({
      code: 'ERR_BITNET_CONTEXT',
      message:
        'Expected a prompt that fits the context, but it has 5 tokens and there is room for 4; shorten the prompt or use a longer context (-c, contextLength).',
      tokens: 5,
      room: 4,
      contextLength: 4,
    });
    expect(model.calls).toEqual([]);
    await complete(model, tokenizer, 'ab', { ...greedy, maxTokens: 0 });
    await expect(complete(model, tokenizer, 'cd', greedy)).rejects.toThrow(
      'it has 2 tokens and there is room for 1 (3 of 4 are used); shorten the prompt, reset the session or use',
    );
  });
});

describe('a generation stops', () => {
  test.each([toyEos, 258])(
    'at the end-of-generation token %i, which is not handed out',
    async (id) => {
      const endOfGeneration = new Set([toyEos, 258]);
      const logits = (history: readonly number[]) => {
        const all = new Float32Array(259);
        all[history.length < 3 ? 97 : id] = 1;
        return all;
      };
      const model = new ToyEvaluator({ logits });
      const result = await complete(model, toyTokenizer({ endOfGeneration }), '', greedy);
      expect(result).toMatchObject({ text: 'aa', ids: [97, 97], stopReason: 'end' });
      expect(model.history).toEqual([toyBos, 97, 97]);
    },
  );

  test('after maxTokens tokens', async () => {
    const result = await complete(reciter('abcdef'), tokenizer, '', { ...greedy, maxTokens: 3 });
    expect(result).toMatchObject({ text: 'abc', stopReason: 'length' });
    expect(result.usage.completionTokens).toBe(3);
  });

  test('after the prompt if maxTokens is 0', async () => {
    const model = reciter('abc', 2);
    const result = await complete(model, tokenizer, 'x', { ...greedy, maxTokens: 0 });
    expect(result).toMatchObject({ text: '', ids: [], stopReason: 'length' });
    expect(model.position).toBe(2);
  });

  test('when the context is full', async () => {
    const model = reciter('abcdefgh', 2, 5);
    const result = await complete(model, tokenizer, 'x', { ...greedy, maxTokens: Infinity });
    expect(result).toMatchObject({ text: 'abcd', stopReason: 'context' });
    expect(model.position).toBe(5);
  });

  test('at a stop text, which is not part of the text, however it is cut into tokens', async () => {
    const result = await complete(reciter('one\nUser: two'), tokenizer, '', {
      ...greedy,
      stop: ['\nUser:', '\nSystem:'],
    });
    expect(result).toMatchObject({ text: 'one', stopReason: 'stop' });
    expect(Buffer.from(result.ids).toString()).toBe('one\nUser:');
  });

  test('without losing text that only began like a stop text', async () => {
    const stop = 'END';
    const whole = await complete(reciter('the EN'), tokenizer, '', { ...greedy, stop });
    expect(whole).toMatchObject({ text: 'the EN', stopReason: 'end' });
    const cut = await complete(reciter('the ENxyz'), tokenizer, '', {
      ...greedy,
      stop,
      maxTokens: 6,
    });
    expect(cut).toMatchObject({ text: 'the EN', stopReason: 'length' });
  });

  test('and every id is in exactly one piece, also when its text was held back', async () => {
    const generation = generate(reciter('aé€😀EN', 1), tokenizer, '', { ...greedy, stop: 'END' });
    const pieces: Piece[] = [];
    for await (const piece of generation) pieces.push(piece);
    expect(pieces.map(({ text }) => text)).toEqual(['a', 'é', '€', '😀', 'EN']);
    expect(pieces.map(({ ids }) => ids.length)).toEqual([1, 2, 3, 4, 2]);
  });
});

describe('the next generation of a session', () => {
  test('first evaluates the last token of the one before', async () => {
    const model = reciter('abcdefgh', 2);
    const first = await complete(model, tokenizer, 'x', { ...greedy, maxTokens: 3 });
    expect(model.position).toBe(2 + 2);
    const second = await complete(model, tokenizer, '', { ...greedy, maxTokens: 3 });
    expect(first.text + second.text).toBe('abcdef');
    expect(second.usage.promptTokens).toBe(0);
  });

  test('puts its prompt after it', async () => {
    const model = reciter('abcdefgh', 2);
    await complete(model, tokenizer, 'x', { ...greedy, maxTokens: 2 });
    await complete(model, tokenizer, 'YZ', { ...greedy, maxTokens: 1 });
    expect(model.history).toEqual([toyBos, ...Buffer.from('xabYZ')]);
  });

  test('penalizes tokens of the one before', async () => {
    const model = new ToyEvaluator({ logits: babbles() });
    const options = { presencePenalty: 1, maxTokens: 2, seed: 3 };
    const { ids } = await complete(model, tokenizer, 'a', options);
    await complete(model, tokenizer, 'b', options);
    expect(model.calls.at(-1)!.extraIds.slice(0, 5)).toEqual([
      ...new Set([toyBos, 97, ...ids, 98]),
    ]);
  });

  test('needs room for that token too', async () => {
    const model = reciter('abcdefgh', 1, 4);
    await complete(model, tokenizer, '', { ...greedy, maxTokens: 3 });
    await expect(complete(model, tokenizer, 'x', greedy)).rejects.toThrow(
      /has 2 tokens and there is room for 1 /,
    );
  });

  test('forgets it when the session was moved or told to forget', async () => {
    const model = reciter('abcdefgh', 1);
    await complete(model, tokenizer, '', { ...greedy, maxTokens: 3 });
    model.history.length = 1;
    await complete(model, tokenizer, 'x', { ...greedy, maxTokens: 1 });
    expect(model.history).toEqual([toyBos, 120]);
    forgetContinuation(model);
    await expect(complete(model, tokenizer, '', greedy)).rejects.toThrow(/at least one token/);
  });

  test('has to wait: a second one meanwhile is an error, and the first goes on', async () => {
    const model = reciter('abc', 1);
    const first = generate(model, tokenizer, '', greedy);
    await first.next();
    expect(isGenerating(model)).toBe(true);
    await expect(complete(model, tokenizer, 'x', greedy)).rejects.toMatchObject({
      code: 'ERR_BITNET_BUSY',
    });
    expect(await first.next()).toMatchObject({ value: { text: 'b' } });
    await first.return();
    expect(isGenerating(model)).toBe(false);
  });
});

describe('a generation ended from outside', () => {
  test('rejects between two tokens with what there was', async () => {
    const controller = new AbortController();
    const model = reciter('abcdef', 2);
    const signal = controller.signal;
    const generation = generate(model, tokenizer, 'x', { ...greedy, signal, seed: 9 });
    const reason = new Error('enough');
    let text = '';
    const iteration = (async () => {
      for await (const piece of generation) {
        text += piece.text;
        if (text === 'abc') controller.abort(reason);
      }
    })();
    const error = {
      name: 'AbortError',
      code: 'ERR_BITNET_ABORTED',
      message: 'The generation was aborted after 3 tokens.',
      text: 'abc',
      ids: [97, 98, 99],
      usage: { promptTokens: 2, completionTokens: 3 },
      seed: 9,
      cause: reason,
    };
    await expect(iteration).rejects.toMatchObject(error);
    await expect(generation.result).rejects.toMatchObject(error);
    const next = await complete(model, tokenizer, '', { ...greedy, maxTokens: 2 });
    expect(next.text).toBe('de');
  });

  test('rejects within the prefill, as the evaluator notices', async () => {
    const controller = new AbortController();
    const onEvaluate = () => controller.abort();
    const model = new ToyEvaluator({ logits: babbles(), onEvaluate });
    const run = complete(model, tokenizer, 'abc', { signal: controller.signal });
    const error = await run.catch((reason) => reason);
    expect(error).toMatchObject({
      name: 'AbortError',
      message: 'The generation was aborted after 0 tokens.',
      text: '',
      cause: controller.signal.reason,
    });
    expect(isGenerating(model)).toBe(false);
  });

  test('counts only the tokens of the prompt that were evaluated by then', async () => {
    const controller = new AbortController();
    const model = reciter('ab', 1);
    await complete(model, tokenizer, '', { ...greedy, maxTokens: 1 });
    let aborts = 0;
    const signal = new Proxy(controller.signal, {
      get: (target, name) => {
        if (name === 'aborted') return aborts++ > 5;
        const value = Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const run = complete(model, tokenizer, 'abcdef', { ...greedy, signal });
    await expect(run).rejects.toMatchObject({ usage: { promptTokens: 2, completionTokens: 0 } });
    expect(model.history).toEqual([toyBos, ...Buffer.from('aab')]); // one was pending
  });

  test('evaluates nothing if it was aborted before it began', async () => {
    const model = reciter('a');
    const run = complete(model, tokenizer, 'x', { signal: AbortSignal.abort() });
    await expect(run).rejects.toMatchObject({ code: 'ERR_BITNET_ABORTED' });
    expect(model.calls).toEqual([]);
  });

  test('is free again after break, and its result says it was aborted', async () => {
    const model = reciter('abcdef', 1);
    const generation = generate(model, tokenizer, '', greedy);
    for await (const piece of generation) if (piece.text === 'b') break;
    expect(isGenerating(model)).toBe(false);
    await expect(generation.result).rejects.toMatchObject({
      code: 'ERR_BITNET_ABORTED',
      text: 'ab',
    });
    expect((await complete(model, tokenizer, '', { ...greedy, maxTokens: 2 })).text).toBe('cd');
  });

  test('never evaluates anything if it is returned before it began', async () => {
    const model = reciter('abc');
    const generation = generate(model, tokenizer, '', greedy);
    expect(await generation.return()).toEqual({ done: true, value: undefined });
    expect(await generation.next()).toEqual({ done: true, value: undefined });
    expect(model.calls).toEqual([]);
  });

  test('can be thrown into and disposed of', async () => {
    const model = reciter('abcdef', 1);
    const generation = generate(model, tokenizer, '', greedy);
    await generation.next();
    await expect(generation.throw(new Error('mine'))).rejects.toThrow('mine');
    await expect(generation.result).rejects.toThrow('mine');
    const second = generate(model, tokenizer, '', greedy);
    await second.next();
    await second[Symbol.asyncDispose]();
    expect(isGenerating(model)).toBe(false);
  });

  test('leaves no unhandled rejection behind', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    const generation = generate(reciter('abc'), tokenizer, '', { signal: AbortSignal.abort() });
    await generation.next().catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 20));
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });
});

describe('the result of a generation', () => {
  const texts = async (pieces: AsyncIterable<Piece>) => {
    const all: string[] = [];
    for await (const { text } of pieces) all.push(text);
    return all;
  };

  test('starts it by being asked for, and lets it run to its end', async () => {
    const model = reciter('abc');
    const generation = generate(model, tokenizer, '', greedy);
    expect(await generation.result).toMatchObject({ stopReason: 'end', seed: expect.any(Number) });
    expect(isGenerating(model)).toBe(false);
    expect(await generation.result).toBe(await generation.result);
  });

  test('takes no piece away from an iteration after it', async () => {
    const generation = generate(reciter('abc'), tokenizer, '', greedy);
    const result = await generation.result;
    expect(await texts(generation)).toEqual(['a', 'b', 'c']);
    expect(await generation.next()).toEqual({ done: true, value: undefined });
    expect(await generation.result).toBe(result);
  });

  test('takes no piece away from an iteration before it, or at the same time', async () => {
    const generation = generate(reciter('abcdef'), tokenizer, '', greedy);
    expect((await generation.next()).value).toMatchObject({ text: 'a' });
    const { result } = generation;
    expect((await generation.next()).value).toMatchObject({ text: 'b' });
    const steps = [generation.next(), generation.next()];
    expect((await Promise.all(steps)).map(({ value }) => (value as Piece).text)).toEqual([...'cd']);
    await result;
    expect(await texts(generation)).toEqual(['e', 'f']);
  });

  test('asked for before the loop comes with the same pieces', async () => {
    const generation = generate(reciter('abc'), tokenizer, '', greedy);
    const { result } = generation;
    expect(await texts(generation)).toEqual(['a', 'b', 'c']);
    expect(await result).toMatchObject({ stopReason: 'end' });
  });

  test('rejects where the loop is left, which ends the generation', async () => {
    const model = reciter('abcdef'.repeat(50));
    const generation = generate(model, tokenizer, '', greedy);
    const { result } = generation;
    for await (const { text } of generation) if (text === 'c') break;
    await expect(result).rejects.toMatchObject({ code: 'ERR_BITNET_ABORTED' });
    expect(isGenerating(model)).toBe(false);
    expect(model.history.length).toBeLessThan(50);
    expect(await texts(generation)).toEqual([]);
  });

  test('does not start what was ended before it began', async () => {
    const model = reciter('abc');
    const generation = generate(model, tokenizer, '', greedy);
    await generation.return();
    await expect(generation.result).rejects.toMatchObject({ code: 'ERR_BITNET_ABORTED' });
    expect(model.calls).toEqual([]);
  });

  test('rejects with what an iteration meets after its pieces, and leaves nothing unhandled', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    const onEvaluate = (ids: readonly number[]) => {
      if (ids[0] === 98) throw new Error('no more memory');
    };
    const evaluator = new ToyEvaluator({ logits: recites('abc', 1), onEvaluate });
    const generation = generate(evaluator, tokenizer, '', greedy);
    void generation.result; // nobody listens
    await new Promise((resolve) => setTimeout(resolve, 20));
    await expect(generation.result).rejects.toThrow('no more memory');
    expect(await generation.next()).toMatchObject({ value: { text: 'a' } });
    expect(await generation.next()).toMatchObject({ value: { text: 'b' } });
    await expect(generation.next()).rejects.toThrow('no more memory');
    expect(await generation.next()).toEqual({ done: true, value: undefined });
    process.off('unhandledRejection', unhandled);
    expect(unhandled).not.toHaveBeenCalled();
  });
});

describe('progress', () => {
  test('is asked for while the prompt is read, and not after it', async () => {
    const asked: unknown[] = [];
    const model = reciter('abc', 2);
    const evaluate = model.evaluate.bind(model);
    const spied = Object.create(model, {
      evaluate: {
        value: (...args: Parameters<typeof evaluate>) => {
          asked.push(args[2]?.onProgress);
          return evaluate(...args);
        },
      },
      position: { get: () => model.position },
    });
    const onProgress = () => {};
    await complete(spied, tokenizer, 'x', { ...greedy, onProgress });
    expect(asked).toEqual([onProgress, undefined, undefined, undefined]);
  });
});

describe('a failure of the evaluator', () => {
  test('reaches the caller as it is and frees the session', async () => {
    const failure = new Error('out of memory');
    let fail = true;
    const onEvaluate = () => {
      if (fail) throw failure;
    };
    const model = new ToyEvaluator({ logits: recites('ab', 2), onEvaluate });
    await expect(complete(model, tokenizer, 'x', greedy)).rejects.toBe(failure);
    fail = false;
    expect((await complete(model, tokenizer, 'x', greedy)).text).toBe('ab');
  });

  test('to give finite logits is an error with a code', async () => {
    const model = new ToyEvaluator({ logits: () => new Float32Array(259).fill(Number.NaN) });
    await expect(complete(model, tokenizer, 'x')).rejects.toMatchObject({
      code: 'ERR_BITNET_NUMERIC',
    });
  });
});
