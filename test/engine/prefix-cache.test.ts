import { beforeAll, describe, expect, it } from 'vitest';
import type { GenerateOptions, Model, Session, SessionOptions } from '../../lib/index.js';
import { manyTokens } from '../api/tiny.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { type TinyOptions, tinyModel } from '../fixtures/tiny-model.js';
import { modelLoader } from './engine.js';

// Generations take over what others that begin alike have evaluated. Nothing of that may show in their results.

const temp = tempFolder();
const load = modelLoader();
const kinds: Record<string, TinyOptions> = {
  'full attention': {},
  'sliding windows': { arch: 'gemma3', nLayer: 3, window: 40, nKvHead: 2 },
  'recurrent layers': { arch: 'qwen35', nLayer: 3, attentionInterval: 3 },
  'states beside attention': { arch: 'falcon-h1', nLayer: 2 },
};
const models = new Map<string, { kept: Model; apart: Model }>();

beforeAll(async () => {
  for (const [name, options] of Object.entries(kinds)) {
    const path = temp(`${options.arch ?? 'bitnet'}.gguf`);
    await tinyModel({ dim: 128, ffnDim: 256, contextLength: 512, ...options }).write(path);
    models.set(name, {
      kept: await load(path, { threads: 2 }),
      apart: await load(path, { threads: 1, prefixCache: false }),
    });
  }
});

const text = manyTokens(150, 320);
const greedy: GenerateOptions = { maxTokens: 12, temperature: 0 };

/** A generation in a session of its own, and the logits that follow it. */
async function answer(model: Model, ids: readonly number[], options = greedy, of?: SessionOptions) {
  const session = model.createSession(of);
  const { usage, ids: made } = await session.complete(ids, options);
  const logits = await session.evaluate([7]);
  session.close();
  return { usage, result: { made, logits } };
}

describe.each(Object.keys(kinds))('with %s', (kind) => {
  it.each(['f16', 'q8_0'] as const)(
    'a prompt that begins like another has the bits of one that is evaluated: %s',
    async (kvType) => {
      const { kept, apart } = models.get(kind)!;
      const of = { kvType };
      const alone = async (ids: readonly number[], options?: GenerateOptions) => {
        const { usage, result } = await answer(apart, ids, options, of);
        expect(usage.cachedTokens).toBe(0);
        return result;
      };
      const first = await answer(kept, text, greedy, of);
      expect(first.usage).toMatchObject({ promptTokens: 150, cachedTokens: 0 });
      expect(first.result).toEqual(await alone(text));
      const recurrent = kind.includes('state') || kind.includes('recurrent');
      const sampled = { maxTokens: 8, temperature: 2, topK: 0, seed: 5, repeatPenalty: 1.3 };
      for (const [length, options] of [
        [150, greedy],
        [149, sampled],
        [96, sampled],
        [77, greedy],
        [20, greedy],
      ] as const) {
        const ids = [...text.slice(0, length), 3, 4, 5, 6];
        const { usage, result } = await answer(kept, ids, options, of);
        expect(result).toEqual(await alone(ids, options));
        expect(usage.promptTokens).toBe(ids.length);
        // A state is where one was kept: eight tokens before the end of a prompt.
        if (!recurrent) expect(usage.cachedTokens).toBe(length);
        else if (length < 142) expect(usage.cachedTokens).toBe(0);
        else expect(usage.cachedTokens).toBeGreaterThanOrEqual(142);
      }
      // What is all there: the last token is evaluated nevertheless.
      const again = await answer(kept, text, greedy, of);
      if (recurrent) expect(again.usage.cachedTokens).toBeGreaterThanOrEqual(142);
      else expect(again.usage.cachedTokens).toBe(149);
      expect(again.result).toEqual(first.result);
    },
  );
});

describe('what is kept of a text', () => {
  const model = () => models.get('full attention')!.kept;
  const fresh = (seed: number) => manyTokens(100, 320).map((id) => (id * 3 + seed) % 320);

  it('is not used by another type of keys and values', async () => {
    await answer(model(), fresh(1), greedy, { kvType: 'f16' });
    const other = await answer(model(), fresh(1), greedy, { kvType: 'q8_0' });
    expect(other.usage.cachedTokens).toBe(0);
  });

  it('is there for chats and for generations in the middle of a session', async () => {
    await answer(model(), fresh(2));
    const session = model().createSession();
    await session.evaluate(fresh(2).slice(0, 10), { logits: 'none' });
    const { usage } = await session.complete(fresh(2).slice(10), greedy);
    expect(usage).toMatchObject({ promptTokens: 90, cachedTokens: 89 });
    session.close();
    const system = 'Answer in one word, and never in more than one: this is said to everybody.';
    const chats = [0, 1].map(() =>
      models.get('full attention')!.kept.createChat({
        system,
        chatTemplate: { name: 'chatml' },
      }),
    );
    const asked = [
      await chats[0]!.complete('Who?', greedy),
      await chats[1]!.complete('When?', greedy),
    ];
    expect(asked[0]!.usage.cachedTokens).toBe(0);
    expect(asked[1]!.usage.cachedTokens).toBeGreaterThan(20);
    for (const chat of chats) chat.close();
  });

  it('is the answer too', async () => {
    const session = model().createSession();
    const { ids } = await session.complete(fresh(3), { ...greedy, maxTokens: 40 });
    session.close();
    const all = [...fresh(3), ...ids.slice(0, -1), 9, 9];
    expect((await answer(model(), all)).usage.cachedTokens).toBe(all.length - 2);
  });

  it('changes nothing for those that come at once', async () => {
    const ids = manyTokens(300, 320).map((id) => (id * 5 + 1) % 320);
    const { apart } = models.get('full attention')!;
    const ends = [1, 2, 3, 4];
    const found = await Promise.all(ends.map((end) => answer(model(), [...ids, end])));
    for (const [i, end] of ends.entries()) {
      expect(found[i]!.result).toEqual((await answer(apart, [...ids, end])).result);
      expect(found[i]!.usage.promptTokens).toBe(301);
    }
  });

  it('is nothing that only evaluate, score or embed have seen, and nothing from a file', async () => {
    const session = model().createSession();
    await session.evaluate(fresh(4), { logits: 'none' });
    await session.save(temp('kept.session'));
    session.close();
    await model().embed([fresh(4)]);
    expect((await answer(model(), fresh(4).slice(0, 90))).usage.cachedTokens).toBe(0);
    const loaded = model().createSession();
    await loaded.load(temp('kept.session'));
    await loaded.complete([1, 2, 3], greedy);
    loaded.close();
    const { usage } = await answer(model(), [...fresh(4), 1, 2]);
    expect(usage.cachedTokens).toBe(90);
  });

  it('goes when there is no room, what was of use longest ago first', async () => {
    const path = temp('small.gguf');
    await tinyModel({ dim: 128, ffnDim: 128, contextLength: 512 }).write(path);
    const { bytesPerToken } = model().createSession();
    const small = await load(path, { kvMemory: 14 * 32 * bytesPerToken });
    const cached = async (seed: number) =>
      (await answer(small, fresh(seed), { ...greedy, maxTokens: 2 })).usage.cachedTokens;
    // Four blocks each.
    expect([await cached(1), await cached(2), await cached(3)]).toEqual([0, 0, 0]);
    expect(await cached(1)).toBe(99);
    expect(await cached(4)).toBe(0); // in place of 2
    expect([await cached(1), await cached(3)]).toEqual([99, 99]);
    expect(await cached(2)).toBeLessThan(99);
    const { used, cached: free, budget, prefixHits, prefixLookups } = small.native.info().kv;
    expect(used).toBe(free);
    expect(used).toBeLessThanOrEqual(budget);
    expect(prefixLookups).toBe(8);
    expect(prefixHits).toBeGreaterThanOrEqual(3);
  });
});

describe('with LongRoPE', () => {
  it('a context that is long shares nothing with one that is not', async () => {
    const path = temp('long.gguf');
    await tinyModel({ arch: 'minicpm', nLayer: 1, longRopeAbove: 100 }).write(path);
    const long = await load(path);
    const ids = manyTokens(60, 300);
    const cached = async (contextLength: number) =>
      (await answer(long, ids, { ...greedy, maxTokens: 4 }, { contextLength })).usage.cachedTokens;
    expect(await cached(200)).toBe(0);
    expect(await cached(100)).toBe(0);
    expect(await cached(201)).toBe(59);
    expect(await cached(90)).toBe(59);
  });
});

describe.each(Object.keys(kinds))('forks, with %s,', (kind) => {
  it.each(['kept', 'apart'] as const)('go their own ways, prefixes %s', async (which) => {
    const model = models.get(kind)![which];
    const { apart } = models.get(kind)!;
    const bits = (logits: Float32Array) => Buffer.from(logits.buffer).toString('base64');
    const alone = async (ids: readonly number[]) => {
      const session = apart.createSession();
      const logits = await session.evaluate(ids);
      session.close();
      return bits(logits);
    };
    const parent = model.createSession();
    await parent.evaluate(text.slice(0, 45), { logits: 'none' });
    const children: Session[] = [parent.fork(), parent.fork()];
    children.push(children[0]!.fork());
    const sessions = [parent, ...children];
    expect(children.map(({ position }) => position)).toEqual([45, 45, 45]);
    // At once: all write into the block they share.
    const logits = await Promise.all(
      sessions.map(async (session, i) => bits(await session.evaluate([i, i + 1, i + 2]))),
    );
    for (const [i, found] of logits.entries())
      expect(found).toBe(await alone([...text.slice(0, 45), i, i + 1, i + 2]));
    parent.truncate(20);
    await parent.evaluate(text.slice(0, 30), { logits: 'none' });
    parent.close();
    children[1]!.truncate(40);
    expect(bits(await children[1]!.evaluate([9]))).toBe(await alone([...text.slice(0, 40), 9]));
    expect(bits(await children[0]!.evaluate([9]))).toBe(
      await alone([...text.slice(0, 45), 1, 2, 3, 9]),
    );
    for (const child of children) child.close();
  });
});

describe('completions of one prompt', () => {
  it.each(['kept', 'apart'] as const)('are those of its seeds, prefixes %s', async (which) => {
    const model = models.get('full attention')![which];
    const options = { maxTokens: 10, temperature: 1.5, repeatPenalty: 1.2 };
    const session = model.createSession();
    await session.complete([1, 2, 3], greedy); // leaves a token pending
    const { tokens } = session;
    const before = session.fork();
    const { choices, usage } = await session.complete(text, { ...options, n: 3, seed: 40 });
    expect(usage).toMatchObject({ promptTokens: 150, completionTokens: 30 });
    expect(choices.map((one) => one.usage.cachedTokens).slice(1)).toEqual([149, 149]);
    for (const [i, one] of choices.entries()) {
      const alone = before.fork();
      const { ids, text: said, seed } = await alone.complete(text, { ...options, seed: 40 + i });
      expect({ ids: one.ids, text: one.text, seed: one.seed }).toEqual({ ids, text: said, seed });
      alone.close();
    }
    // The session holds the prompt.
    expect(session.hasPending).toBe(true);
    expect(session.position).toBe(tokens.length + 1 + 149);
    const next = await session.complete([5], greedy);
    const alone = before.fork();
    expect((await alone.complete([...text, 5], greedy)).ids).toEqual(next.ids);
    for (const each of [session, before, alone]) each.close();
  });

  it('begin a text as one would', async () => {
    const model = await load();
    const session = model.createSession();
    const { choices } = await session.complete('', { n: 2, maxTokens: 8, seed: 1 });
    const one = model.createSession();
    expect((await one.complete('', { maxTokens: 8, seed: 2 })).text).toBe(choices[1]!.text);
  });

  it('end together when one fails or the signal aborts, and leave the session free', async () => {
    const model = models.get('full attention')!.apart;
    const session = model.createSession();
    const stop = new AbortController();
    const work = session.complete(text, { n: 4, maxTokens: 300, signal: stop.signal });
    setImmediate(() => stop.abort());
    await expect(work).rejects.toMatchObject({ code: 'ERR_BITNET_ABORTED' });
    session.reset();
    expect(await session.evaluate([1])).toHaveLength(320);
    for (const n of [0, 257, 1.5, '2']) {
      // biome-ignore lint/suspicious/noExplicitAny: the types would refuse it
      const refused = session.complete(text, { n: n as any });
      await expect(refused).rejects.toMatchObject({ code: 'ERR_BITNET_ARGUMENT' });
    }
    session.close();
  });
});
