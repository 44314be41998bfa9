import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { KvType, Model, Session } from '../../lib/index.js';
import { modelLoader } from '../engine/engine.js';
import { random } from '../fixtures/random.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyModel } from '../fixtures/tiny-model.js';
import { contentStart, madeSession } from './made-session.js';
import { rejection } from './tiny.js';

const temp = tempFolder();
const load = modelLoader();
const path = temp('model.gguf');
const saved = temp('saved.session');
let model: Model;
const next = random(3);
const prompt = Array.from({ length: 70 }, () => Math.floor(next() * 320));
const rest = prompt.slice(0, 9).reverse();

beforeAll(async () => {
  await tinyModel({ nKvHead: 2 }).write(path);
  model = await load(path);
  const session = model.createSession();
  await session.evaluate(prompt, { logits: 'none' });
  await session.save(saved);
  session.close();
});

/** A session with something of its own in it, to see whether a refusal changes that. */
async function busySession(kvType: KvType = 'f16', contextLength = 256): Promise<Session> {
  const session = model.createSession({ kvType, contextLength });
  await session.evaluate([1, 2, 3], { logits: 'none' });
  return session;
}

/** The error of loading `file`; the session must be what it was and must still work. */
async function refusal(
  file: string,
  session?: Session,
): Promise<{ code: string; message: string }> {
  const mine = session ?? (await busySession());
  const error = await rejection(mine.load(file));
  expect([...mine.tokens]).toEqual([1, 2, 3]);
  expect(mine.position).toBe(3);
  const fresh = await busySession(mine.kvType);
  expect(await mine.evaluate([4])).toEqual(await fresh.evaluate([4]));
  return error as { code: string; message: string };
}

describe('a session on disk', () => {
  it.each<KvType>(['f16', 'q8_0'])(
    'goes on with the bits of one that stayed: %s',
    async (kvType) => {
      const uninterrupted = model.createSession({ kvType });
      await uninterrupted.evaluate(prompt, { logits: 'none' });
      await uninterrupted.save(temp(`${kvType}.session`));
      const expected = await uninterrupted.evaluate(rest, { logits: 'all' });
      // Another process would load the model again, and may ask for another context.
      const again = await load(path, { kernel: 'scalar', threads: 1 });
      const restored = again.createSession({ kvType, contextLength: 100 });
      await restored.evaluate([5, 6, 7], { logits: 'none' });
      expect(await restored.load(temp(`${kvType}.session`))).toBeUndefined();
      expect([...restored.tokens]).toEqual(prompt);
      expect(restored.position).toBe(prompt.length);
      const logits = await restored.evaluate(rest, { logits: 'all' });
      expect(Buffer.from(logits.buffer).equals(Buffer.from(expected.buffer))).toBe(true);
      expect([...restored.tokens]).toEqual([...prompt, ...rest]);
    },
  );

  it('remembers the token that is not evaluated yet, and what penalties look at', async () => {
    const options = { maxTokens: 12, temperature: 0, repeatPenalty: 1.5, repeatLastN: -1 };
    const one = model.createSession();
    await one.complete('abc', options);
    await one.save(temp('pending.session'));
    const two = model.createSession();
    await two.load(temp('pending.session'));
    const expected = await one.complete('d', options);
    const { ids } = await two.complete('d', options);
    expect(ids).toEqual(expected.ids);
    expect([...two.tokens]).toEqual([...one.tokens]);
  });

  it('keeps data with it, and may be empty', async () => {
    const data = { text: 'Zoë 🦙', list: [1, null, true] };
    await model.createSession().save(temp('empty.session'), { data });
    const session = await busySession();
    expect(await session.load(temp('empty.session'))).toEqual(data);
    expect(session.position).toBe(0);
    await session.evaluate([1]);
  });

  it('can be truncated, and the rest is evaluated again', async () => {
    const session = model.createSession();
    await session.load(saved);
    session.truncate(40);
    const logits = await session.evaluate(prompt.slice(40));
    expect(logits).toEqual(await model.createSession().evaluate(prompt));
  });
});

describe('a session file is refused', () => {
  it('when it is cut anywhere', async () => {
    const bytes = readFileSync(saved);
    const header = 16 + bytes.readUInt32LE(12) + 32;
    const lengths = [0, 1, 7, 8, 9, 15, 16, 17, header - 33, header - 1, header, header + 1];
    lengths.push(header + 280, bytes.length >> 1, bytes.length - 8, bytes.length - 1);
    const file = temp('cut.session');
    for (const length of lengths) {
      writeFileSync(file, bytes.subarray(0, length));
      const { code, message } = await refusal(file);
      expect(code, `${length}`).toBe('ERR_BITNET_SESSION');
      expect(message).toMatch(
        length < 8 ? /another kind of file/ : /^Expected the session file ".*" to be intact, but/,
      );
    }
    writeFileSync(file, Buffer.concat([bytes, Buffer.alloc(1)]));
    expect((await refusal(file)).code).toBe('ERR_BITNET_SESSION');
  });

  it('when any byte is another', async () => {
    const bytes = readFileSync(saved);
    const header = 16 + bytes.readUInt32LE(12) + 32;
    const file = temp('flipped.session');
    const places = Array.from({ length: header + 8 }, (_, i) => i).filter((i) => i % 5 === 0);
    for (let i = 0; i < 40; i++) places.push(header + Math.floor(next() * (bytes.length - header)));
    places.push(8, 9, 11, 12, 15, bytes.length - 8, bytes.length - 1);
    const session = await busySession();
    for (const place of places) {
      const flipped = Buffer.from(bytes);
      flipped[place]! ^= 1 << (place & 7);
      writeFileSync(file, flipped);
      const error = (await rejection(session.load(file))) as { code: string };
      expect(error.code, `byte ${place}`).toBe('ERR_BITNET_SESSION');
      expect(session.position).toBe(3);
    }
    expect((await refusal(file, session)).code).toBe('ERR_BITNET_SESSION');
  });

  it('when its header is none, with a right checksum', async () => {
    const bytes = readFileSync(saved);
    expect(madeSession(bytes, (json) => json).equals(bytes)).toBe(true);
    const file = temp('header.session');
    const session = await busySession();
    const also = (fields: object) => (json: string) =>
      JSON.stringify({ ...JSON.parse(json), ...fields });
    const headers: ((json: string) => string)[] = [
      ...['', '{', 'null', '5', '"x"', '[]', '{}', '[[[', 'nul'].map((json) => () => json),
      (json) => json.slice(0, -1),
      also({ model: null }),
      also({ model: 'tiny' }),
      also({ model: { name: 5, identity: 'x' } }),
      ...['f32', null, 0, '__proto__', 'x'.repeat(1000)].map((kvType) => also({ kvType })),
      ...[-1, 0.5, 2 ** 53, 1e300, '70', null].map((position) => also({ position })),
      ...[71, -1, null, [1]].map((history) => also({ history })),
      ...[-2, 320, 2 ** 31, 1.5, null].map((pending) => also({ pending })),
      ...[0, 1, 69, 71, 256].map((position) => also({ position, history: 0 })),
      also({ model: { name: '\u009b31m'.repeat(1000), identity: 'x' } }),
    ];
    for (const header of headers) {
      writeFileSync(file, madeSession(bytes, header));
      const error = (await rejection(session.load(file))) as Error;
      const json = header('{}').slice(0, 80);
      expect(error, json).toMatchObject({ name: 'BitnetError', code: 'ERR_BITNET_SESSION' });
      expect(error.message.length, json).toBeLessThan(600);
      expect(session.position).toBe(3);
    }
    expect((await refusal(file, session)).code).toBe('ERR_BITNET_SESSION');
  });

  it.each<KvType>(['f16', 'q8_0'])(
    'when keys or values are not numbers, with a right checksum: %s',
    async (kvType) => {
      const session = await busySession(kvType);
      await session.save(temp('three.session'));
      const bytes = readFileSync(temp('three.session'));
      const end = bytes.length - contentStart(bytes) - 8;
      const file = temp('numbers.session');
      // Of the last row: its last value of f16, its last scale of q8_0.
      for (const half of [0x7c00, 0xfc00, 0x7e00, 0x7c01, 0xffff]) {
        const odd = madeSession(
          bytes,
          (json) => json,
          (content) => content.writeUInt16LE(half, end - 2),
        );
        writeFileSync(file, odd);
        const { code, message } = await refusal(file, await busySession(kvType));
        expect(code).toBe('ERR_BITNET_SESSION');
        expect(message).toMatch(
          /^Expected the keys and values in .* to be finite numbers, but some/,
        );
      }
      for (const half of [0x7bff, 0xfbff, 0]) {
        const sound = madeSession(
          bytes,
          (json) => json,
          (content) => content.writeUInt16LE(half, end - 2),
        );
        writeFileSync(file, sound);
        await session.load(file);
        expect(session.position).toBe(3);
      }
    },
  );

  it('when its header and its content are of two files', async () => {
    const other = model.createSession();
    await other.evaluate([...prompt].reverse(), { logits: 'none' });
    await other.save(temp('other.session'), { data: 'x' });
    await other.save(temp('same-length.session'), { data: 'y' });
    const [a, b] = [readFileSync(temp('other.session')), readFileSync(temp('same-length.session'))];
    const header = 16 + a.readUInt32LE(12) + 32;
    writeFileSync(
      temp('mixed.session'),
      Buffer.concat([a.subarray(0, header), b.subarray(header)]),
    );
    expect((await refusal(temp('mixed.session'))).message).toMatch(/its checksum does not match/);
  });

  it('when it is of another model, graph or type, or too long', async () => {
    await tinyModel({ nKvHead: 2, seed: 2 }).write(temp('other.gguf'));
    const write = async (owner: Model, name: string, kvType: KvType = 'f16') => {
      const session = owner.createSession({ kvType });
      await session.evaluate(prompt, { logits: 'none' });
      await session.save(temp(name));
      return temp(name);
    };
    const weights = await refusal(await write(await load(temp('other.gguf')), 'weights.session'));
    expect(weights.code).toBe('ERR_BITNET_SESSION');
    expect(weights.message).toMatch(/of the model "tiny", but it is of another "tiny"/);
    const silu = await load(path, { activation: 'silu' });
    const graph = await refusal(await write(silu, 'graph.session'));
    expect(graph.code).toBe('ERR_BITNET_SESSION');
    const type = await refusal(await write(model, 'type.session', 'q8_0'));
    expect(type.code).toBe('ERR_BITNET_SESSION');
    expect(type.message).toMatch(/to hold keys and values as f16, but it holds q8_0/);
    const long = await refusal(saved, await busySession('f16', 69));
    expect(long.code).toBe('ERR_BITNET_CONTEXT');
    expect(long.message).toMatch(/at most 69 tokens, but the file ".*" holds 70/);
  });

  it('is accepted by the same weights in a file with other metadata', async () => {
    const renamed = tinyModel({ nKvHead: 2 });
    renamed.metadata.set('general.name', { type: 'string', value: 'a longer name than before' });
    await renamed.write(temp('renamed.gguf'));
    const session = (await load(temp('renamed.gguf'))).createSession();
    await session.load(saved);
    expect(session.position).toBe(prompt.length);
  });

  it('when it is no file, or not of this version', async () => {
    expect((await refusal(temp('nothere'))).code).toBe('ERR_BITNET_FILE');
    expect((await refusal(join(temp('.'), 'a\nb'))).code).toBe('ERR_BITNET_FILE');
    expect((await refusal(temp('.'))).message).toMatch(/no regular file/);
    expect((await refusal(path)).message).toMatch(/to be a session file of this program/);
    const newer = readFileSync(saved);
    newer.writeUInt32LE(3, 8);
    writeFileSync(temp('newer.session'), newer);
    expect((await refusal(temp('newer.session'))).message).toMatch(
      /version 2, but it is of version 3/,
    );
  });

  it('with wrong arguments', async () => {
    const session = await busySession();
    const call = session as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
    for (const wrong of [undefined, '', 3, 'a\0b']) {
      expect(await rejection(call.load!(wrong))).toMatchObject({ code: 'ERR_BITNET_ARGUMENT' });
      expect(await rejection(call.save!(wrong))).toMatchObject({ code: 'ERR_BITNET_ARGUMENT' });
    }
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;
    for (const options of [{ dta: 1 }, { data: cyclic }, { data: 1n }]) {
      expect(await rejection(call.save!(temp('never'), options))).toMatchObject({
        code: 'ERR_BITNET_ARGUMENT',
      });
    }
    expect(existsSync(temp('never'))).toBe(false);
  });
});

describe('saving a session', () => {
  it('leaves a file that is there, and nothing else, when it cannot write', async () => {
    const folder = temp('folder');
    mkdirSync(folder);
    const session = await busySession();
    const missing = await rejection(session.save(join(folder, 'not', 'there')));
    expect(missing).toMatchObject({ code: 'ERR_BITNET_FILE' });
    expect((missing as Error).message).toMatch(
      /the file ".*not.there", but its folder does not exist; make the folder first\.$/,
    );
    mkdirSync(join(folder, 'taken', 'inside'), { recursive: true });
    expect(await rejection(session.save(join(folder, 'taken')))).toMatchObject({
      code: 'ERR_BITNET_FILE',
    });
    expect(readdirSync(folder)).toEqual(['taken']);
    expect(session.position).toBe(3);
  });

  it.skipIf(process.platform === 'win32' || process.getuid?.() === 0)(
    'says when the folder may not be written',
    async () => {
      const folder = temp('locked');
      mkdirSync(folder);
      chmodSync(folder, 0o500);
      const error = await rejection((await busySession()).save(join(folder, 'x')));
      expect(error).toMatchObject({ code: 'ERR_BITNET_FILE' });
    },
  );

  it.skipIf(process.platform === 'win32')('says when there is no room', async () => {
    // A limit on the size of files takes the place of a full disk: the same call fails.
    const script = `
      const { loadModel } = require(${JSON.stringify(resolve(__dirname, '../../dist/lib/index.js'))});
      (async () => {
        const model = await loadModel(${JSON.stringify(path)}, { threads: 1 });
        const session = model.createSession();
        await session.evaluate(Array(200).fill(1), { logits: 'none' });
        await session.save(${JSON.stringify(temp('full.session'))}).catch((error) => {
          console.log(error.code, error.message, session.position);
        });
      })();`;
    writeFileSync(temp('full.cjs'), script);
    const limited = `trap '' XFSZ; ulimit -f 8; exec "$0" "$1"`;
    const { stdout } = spawnSync('sh', ['-c', limited, process.execPath, temp('full.cjs')], {
      encoding: 'utf8',
    });
    expect(stdout).toMatch(
      /^ERR_BITNET_FILE Expected to write the file ".*full.session", but .* the free space\. 200\n$/,
    );
    expect(readdirSync(temp('.')).filter((name) => name.startsWith('full.s'))).toEqual([]);
  });

  it('is refused while the session works, and the session while it saves', async () => {
    const session = await busySession();
    const saving = session.save(temp('busy.session'));
    expect(() => session.truncate(0)).toThrow(/still evaluating/);
    expect(await rejection(session.evaluate([1]))).toMatchObject({ code: 'ERR_BITNET_BUSY' });
    await saving;
    const evaluating = session.evaluate(prompt);
    expect(await rejection(session.save(temp('x')))).toMatchObject({ code: 'ERR_BITNET_BUSY' });
    await evaluating;
    session.close();
    expect(await rejection(session.save(temp('x')))).toMatchObject({ code: 'ERR_BITNET_CLOSED' });
  });

  it('can be aborted, and by closing', async () => {
    const session = await busySession();
    const signal = AbortSignal.abort();
    expect(await rejection(session.save(temp('gone'), { signal }))).toMatchObject({
      code: 'ERR_BITNET_ABORTED',
    });
    const saving = rejection(
      session.save(temp('gone')).then(() => Promise.reject({ code: 'ERR_BITNET_CLOSED' })),
    );
    session.close();
    expect(await saving).toMatchObject({ code: 'ERR_BITNET_CLOSED' });
    expect(readdirSync(temp('.')).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  it.each(['abort', 'close'] as const)(
    'is not hurt by the %s of another that began first',
    async (how) => {
      const fresh = await load(path); // whose content is not known yet: both wait for that
      const [one, two] = [fresh.createSession(), fresh.createSession()];
      const controller = new AbortController();
      const first = rejection(one.save(temp('one.session'), { signal: controller.signal }));
      const second = two.save(temp('two.session'));
      if (how === 'abort') controller.abort();
      else one.close();
      expect(await first).toMatchObject({
        code: how === 'abort' ? 'ERR_BITNET_ABORTED' : 'ERR_BITNET_CLOSED',
      });
      await second;
      expect(await two.load(temp('two.session'))).toBeUndefined();
      expect(existsSync(temp('one.session'))).toBe(false);
    },
  );

  it('replaces no other file, and keeps what it writes to this user', async () => {
    const session = await busySession();
    const victim = temp('victim.gguf');
    copyFileSync(path, victim);
    const error = await rejection(session.save(victim));
    expect(error).toMatchObject({ code: 'ERR_BITNET_FILE', replaceable: true });
    expect((error as Error).message).toContain('a new name or a session file at');
    expect(readFileSync(victim).equals(readFileSync(path))).toBe(true);
    await session.save(victim, { overwrite: true });
    await session.save(victim);
    expect(await session.load(victim)).toBeUndefined();
    await session.save(temp('private.session'));
    if (process.platform !== 'win32') {
      expect(statSync(temp('private.session')).mode & 0o777).toBe(0o600);
    }
  });

  it('does not ask for the model file once it is known who the model is', async () => {
    copyFileSync(path, temp('moving.gguf'));
    const owner = await load(temp('moving.gguf'));
    const session = owner.createSession();
    await session.evaluate(prompt, { logits: 'none' });
    await owner.identify(new AbortController().signal);
    utimesSync(temp('moving.gguf'), 1, 1);
    await session.save(temp('touched.session'));
    renameSync(temp('moving.gguf'), temp('moved.gguf'));
    await session.save(temp('moved.session'));
    for (const name of ['touched.session', 'moved.session']) {
      const other = model.createSession();
      await other.load(temp(name));
      expect([...other.tokens]).toEqual(prompt);
      other.close();
    }
  });

  it('asks for the model file that was loaded', async () => {
    copyFileSync(path, temp('changing.gguf'));
    const session = (await load(temp('changing.gguf'))).createSession();
    utimesSync(temp('changing.gguf'), 1, 1);
    const error = await rejection(session.save(temp('changed.session')));
    expect((error as Error).message).toMatch(/unchanged since it was loaded.*but it has changed/);
    truncateSync(temp('changing.gguf'), 10);
    expect(await rejection(session.save(temp('changed.session')))).toMatchObject({
      code: 'ERR_BITNET_FILE',
    });
  });
});
