import { beforeAll, describe, expect, it } from 'vitest';
import type { Model, Session } from '../../lib/index.js';
import { rejection } from '../api/tiny.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyModel } from '../fixtures/tiny-model.js';
import { modelLoader } from './engine.js';

const temp = tempFolder();
const load = modelLoader();
const ids = Array.from({ length: 24 }, (_, i) => (7 * i) % 300);
const original = 40;
let model: Model;

beforeAll(async () => {
  const path = temp('model.gguf');
  await tinyModel({ arch: 'minicpm', nLayer: 1, longRopeAbove: original }).write(path);
  model = await load(path, { kernel: 'scalar' });
});

const all = (session: Session, tokens = ids) => session.evaluate(tokens, { logits: 'all' });
const bytesOf = ({ buffer }: Float32Array) => Buffer.from(buffer);
const open = (contextLength: number) => model.createSession({ contextLength });

describe('with LongRoPE, room for more than the original context decides the factors', () => {
  it('not how much of it is used', async () => {
    const at = new Map<number, Float32Array>();
    for (const room of [ids.length, original, original + 1, 200])
      at.set(room, await all(open(room)));
    expect(at.get(original)).toEqual(at.get(ids.length));
    expect(at.get(200)).toEqual(at.get(original + 1));
    expect(at.get(200)).not.toEqual(at.get(original));
  });

  it('of each session for itself, also of those that share a step', async () => {
    const rooms = [original, 200, original, 201];
    const alone = [];
    for (const room of rooms) alone.push(await all(open(room)));
    const together = rooms.map(open);
    expect(await Promise.all(together.map((session) => all(session)))).toEqual(alone);
    const sessions = rooms.map(open);
    const rows: Float32Array[][] = rooms.map(() => []);
    for (const id of ids) {
      const step = await Promise.all(sessions.map((session) => session.evaluate([id])));
      for (const [i, row] of step.entries()) rows[i]!.push(row);
    }
    expect(rows.map((parts) => Buffer.concat(parts.map(bytesOf)))).toEqual(alone.map(bytesOf));
  });

  it('and stays, however the session is cut', async () => {
    const session = open(200);
    const expected = await all(session);
    session.truncate(7);
    const { vocabSize } = model.spec;
    expect(await all(session, ids.slice(7))).toEqual(expected.slice(7 * vocabSize));
    session.reset();
    expect(await all(session)).toEqual(expected);
  });
});

describe('a session file with LongRoPE', () => {
  const rest = [5, 6, 7];
  const files = { short: temp('short.session'), long: temp('long.session') };
  const rooms = { short: [original, 30], long: [200, original + 1] } as const;
  const names = ['short', 'long'] as const;

  it.each(names)('of %s factors goes on in any session that has them', async (name) => {
    const [room, other] = rooms[name];
    const saved = open(room);
    await saved.evaluate(ids, { logits: 'none' });
    await saved.save(files[name]);
    const expected = await saved.evaluate(rest);
    const resumed = open(other);
    await resumed.load(files[name]);
    expect(await resumed.evaluate(rest)).toEqual(expected);
  });

  it.each(names)('of %s factors is refused where the others hold', async (name) => {
    const other = name === 'long' ? 'short' : 'long';
    const [room] = rooms[other];
    const session = open(room);
    const before = await all(session, rest);
    const { code, message } = (await rejection(session.load(files[name]))) as Error & {
      code: string;
    };
    expect(code).toBe('ERR_BITNET_SESSION');
    const context = name === 'long' ? 'more than' : 'at most';
    expect(message).toBe(
      `Expected the session file "${files[name]}" to hold keys with LongRoPE’s ${other} factors, as a context of ${room} has, but they have its ${name} ones; use a context of ${context} ${original} tokens (-c, contextLength), or choose another file.`,
    );
    expect([...session.tokens]).toEqual(rest);
    session.reset();
    expect(await all(session, rest)).toEqual(before);
  });
});
