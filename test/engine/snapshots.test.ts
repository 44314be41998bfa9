import { readFileSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Model, Session } from '../../lib/index.js';
import { contentStart, madeSession } from '../api/made-session.js';
import { random } from '../fixtures/random.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { type TinyOptions, tinyModel } from '../fixtures/tiny-model.js';
import { allLogits, modelLoader } from './engine.js';

// A recurrent state cannot be cut: a session goes back to a snapshot and evaluates the rest again.

const temp = tempFolder();
const load = modelLoader();
const vocabSize = 320;
const contextLength = 120;
const forty = Array.from({ length: 40 }, (_, i) => i);
let model: Model;
/** Every layer has attention beside its state. */
let both: Model;

beforeAll(async () => {
  const make = async (options: TinyOptions) => {
    const path = temp(`${options.arch}.gguf`);
    await tinyModel({ dim: 128, ffnDim: 128, ...options }).write(path);
    return load(path);
  };
  model = await make({ arch: 'qwen35', nLayer: 3, attentionInterval: 3 });
  both = await make({ arch: 'falcon-h1', nLayer: 2 });
});

const bits = (logits: Float32Array) =>
  Buffer.from(logits.buffer, logits.byteOffset, logits.byteLength);

/** The logits of the last `count` tokens of a session, evaluated afresh. */
async function afresh(session: Session, count: number, by = model): Promise<Buffer> {
  const { kvType, tokens } = session;
  const all = await allLogits(by, [...tokens], tokens.length, { kvType });
  return bits(all.subarray(all.length - count * vocabSize));
}

describe('a session with recurrent layers has the bits of evaluating afresh', () => {
  it.each([
    ['f16', 'in place of attention'],
    ['q8_0', 'in place of attention'],
    ['f16', 'beside attention'],
  ] as const)(
    'after any sequence of appending, truncating, keeping a prefix, saving, loading, forking and reuse: %s, %s',
    async (kvType, where) => {
      const by = where === 'beside attention' ? both : model;
      const next = random(7);
      const below = (n: number) => Math.floor(next() * n);
      const ids = (n: number) => Array.from({ length: n }, () => below(vocabSize));
      const file = temp(`${kvType}.session`);
      let session = by.createSession({ contextLength, kvType });
      let compared = 0;
      let cached = 0;
      for (let round = 0; round < 120; round++) {
        const { position } = session;
        switch (below(9)) {
          case 0:
            session.truncate(below(position + 1));
            break;
          case 1:
            session.truncate(Math.max(0, position - below(4)));
            break;
          case 2: {
            const kept = below(position + 1);
            const text = [...session.tokens.slice(0, kept), ...ids(2)];
            expect(session.keepPrefix(text)).toBeGreaterThanOrEqual(kept);
            break;
          }
          case 3: {
            await session.save(file);
            const tokens = [...session.tokens];
            if (below(2) === 0) {
              session.close();
              session = by.createSession({ contextLength, kvType });
            }
            await session.load(file);
            expect([...session.tokens]).toEqual(tokens);
            break;
          }
          case 5: {
            // Another goes on in its place, and writes into what they shared.
            const fork = session.fork();
            if (position + 3 <= contextLength) await session.evaluate(ids(3), { logits: 'none' });
            session.close();
            session = fork;
            break;
          }
          case 6: {
            // A new one with a part of the same text, and perhaps of its keys, values and states.
            const text = [...session.tokens.slice(0, below(position + 1)), ...ids(2)];
            session.close();
            session = by.createSession({ contextLength, kvType });
            if (text.length > contextLength) break;
            const { usage } = await session.complete(text, { maxTokens: 0 });
            expect(usage.promptTokens).toBe(text.length);
            cached += usage.cachedTokens;
            expect([...session.tokens]).toEqual(text);
            break;
          }
          case 4: {
            // Stopped in the middle, or before it began.
            const text = ids(Math.min(30, contextLength - position));
            if (text.length === 0) break;
            const stop = new AbortController();
            const work = session.evaluate(text, { logits: 'none', signal: stop.signal });
            setImmediate(() => stop.abort());
            await work.catch(() => {});
            expect([position, position + text.length]).toContain(session.position);
            break;
          }
          default: {
            const count = 1 + below(Math.min(below(3) === 0 ? 40 : 3, contextLength - position));
            if (position + count > contextLength) {
              session.reset();
              break;
            }
            const logits = await session.evaluate(ids(count), { logits: 'all' });
            expect(bits(logits).equals(await afresh(session, count, by)), `round ${round}`).toBe(
              true,
            );
            compared++;
          }
        }
      }
      session.close();
      expect(compared).toBeGreaterThan(25);
      expect(cached).toBeGreaterThan(0);
    },
  );

  it('whatever is asked of the tokens', async () => {
    const text = Array.from({ length: 60 }, (_, i) => (i * 37) % vocabSize);
    const more = [5, 6, 7, 8];
    const cut = async (): Promise<Session> => {
      const session = model.createSession({ contextLength });
      await session.evaluate(text, { logits: 'none' });
      session.truncate(30);
      expect(session.position).toBe(30);
      return session;
    };
    const fresh = async (): Promise<Session> => {
      const session = model.createSession({ contextLength });
      await session.evaluate(text.slice(0, 30), { logits: 'none' });
      return session;
    };
    for (const ask of [
      (session: Session) => session.evaluate(more, { logits: 'all' }),
      (session: Session) => session.evaluate(more),
      (session: Session) => session.evaluate(more, { top: 5 }),
      (session: Session) => session.score(more),
      (session: Session) => session.states(more, 'all', undefined),
      (session: Session) => session.states(more, 'last', undefined),
      (session: Session) => session.complete('the rain', { maxTokens: 5, temperature: 0 }),
    ]) {
      const [one, two] = [await cut(), await fresh()];
      const [found, expected] = [await ask(one), await ask(two)];
      const answer = (result: unknown) =>
        result !== null && typeof result === 'object' && 'ids' in result ? result.ids : result;
      expect(answer(found)).toEqual(answer(expected));
      expect([...one.tokens]).toEqual([...two.tokens]);
      for (const session of [one, two]) session.close();
    }
  });

  it('when a chat drops what its last answer said', async () => {
    const chat = model.createChat({ contextLength, system: undefined });
    const options = { maxTokens: 6, temperature: 0 };
    await chat.complete('one', options);
    await chat.complete('two', options);
    const regenerated = await chat.regenerate(options).result;
    const { tokens } = chat.session;
    const again = model.createSession({ contextLength });
    const logits = await again.evaluate([...tokens, 3]);
    expect(await chat.session.evaluate([3])).toEqual(logits);
    expect(regenerated.keptTokens).toBeGreaterThan(0);
    chat.close();
    again.close();
  });
});

describe('a session file of a model with recurrent layers', () => {
  it('holds its snapshots, for another session', async () => {
    const session = model.createSession({ contextLength });
    await session.evaluate(forty, { logits: 'none' });
    const file = temp('whole.session');
    await session.save(file);
    const other = model.createSession({ contextLength: 40 });
    await other.load(file);
    for (const each of [session, other]) each.truncate(35);
    expect(await other.evaluate([1, 2])).toEqual(await session.evaluate([1, 2]));
    for (const each of [session, other]) each.close();
  });

  it('is refused when its states are not those of its tokens, or no numbers', async () => {
    const session = model.createSession({ contextLength });
    await session.evaluate(forty, { logits: 'none' });
    const file = temp('sound.session');
    await session.save(file);
    const bytes = readFileSync(file);
    const { states } = JSON.parse(bytes.toString('utf8', 16, contentStart(bytes) - 32));
    expect(states).toEqual([32, 40]);
    const refused = async (made: Buffer, message: RegExp) => {
      writeFileSync(temp('made.session'), made);
      const error = await session.load(temp('made.session')).catch((thrown: Error) => thrown);
      expect(error).toMatchObject({ code: 'ERR_BITNET_SESSION' });
      expect((error as Error).message).toMatch(message);
      expect(session.position).toBe(40);
    };
    const also = (fields: object) => (json: string) =>
      JSON.stringify({ ...JSON.parse(json), ...fields });
    const wrong = [
      ...[[], [32], [40, 32], [40, 40], [0, 40], [32, 41], [-1, 40], [1.5, 40], ['32', 40]],
      ...[null, undefined, 40, {}, [32, null], [[32], 40], [31, 32, 40], [40]],
    ];
    for (const positions of wrong) {
      await refused(madeSession(bytes, also({ states: positions })), /to be intact, but/);
    }
    for (const odd of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      const made = madeSession(
        bytes,
        (json) => json,
        (content) => content.writeFloatLE(odd, content.length - 4),
      );
      await refused(
        made,
        /^Expected the states in the session file ".*" to be finite numbers, but/,
      );
    }
    session.close();
  });
});
