import { execFileSync } from 'node:child_process';
import { copyFileSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  createModelPool,
  inspectModel,
  type ModelLease,
  type ModelPool,
  type PoolOptions,
} from '../../../lib/index.js';
import { rejection } from '../../api/tiny.js';
import { tempFolder } from '../../fixtures/temp-folder.js';
import { tinyModel } from '../../fixtures/tiny-model.js';

const temp = tempFolder();
const names = ['a', 'b', 'c'] as const;
const path = (name: string) => temp(`${name}.gguf`);
/** Bytes of the weights of each model. */
let bytes = 0;

beforeAll(async () => {
  for (const [seed, name] of names.entries())
    await tinyModel({ seed, nLayer: 1 }).write(path(name));
  await tinyModel({ nLayer: 8 }).write(path('large'));
  const { ternary, dense, head, norms } = (await inspectModel(path('a'))).memory!;
  bytes = ternary + dense + head + norms;
});

const pools: ModelPool[] = [];
afterEach(async () => {
  for (const pool of pools.splice(0)) await pool[Symbol.asyncDispose]();
});

/** A pool of the models a, b and c with memory for so many of them. */
function poolFor(count: number, options: Partial<PoolOptions> = {}): ModelPool {
  const models = Object.fromEntries(names.map((name) => [name, path(name)]));
  const pool = createModelPool({ models, maxMemory: count * bytes, ...options });
  pools.push(pool);
  return pool;
}

const states = (pool: ModelPool) =>
  Object.fromEntries(Object.entries(pool.stats().models).map(([name, { state }]) => [name, state]));
const pause = () => new Promise((resolve) => setTimeout(resolve, 5));

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await pause();
}

/** Whether a promise is still pending when all that can go on has gone on. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let pending = true;
  promise.then(
    () => {
      pending = false;
    },
    () => {
      pending = false;
    },
  );
  await pause();
  return pending;
}

/** A wait for a model that is to make room and in use; until it is, others get it at once. */
async function waitFor(pool: ModelPool, name: string): Promise<{ lease: Promise<ModelLease> }> {
  for (;;) {
    const lease = pool.acquire(name);
    if (await isPending(lease)) return { lease };
    (await lease).release();
  }
}

describe('a pool', () => {
  it('loads a model when it is asked for, once for all who ask', async () => {
    const pool = poolFor(3);
    expect(states(pool)).toEqual({ a: 'unloaded', b: 'unloaded', c: 'unloaded' });
    const leases = await Promise.all(['a', 'b', 'a', 'a'].map((name) => pool.acquire(name)));
    expect(leases.map(({ name, model }) => [name, model.path])).toEqual(
      ['a', 'b', 'a', 'a'].map((name) => [name, path(name)]),
    );
    expect(leases[2]!.model).toBe(leases[0]!.model);
    expect(pool.stats()).toEqual({
      maxMemory: 3 * bytes,
      memory: 2 * bytes,
      models: {
        a: { state: 'loaded', memory: bytes, leases: 3, waiting: 0, loads: 1 },
        b: { state: 'loaded', memory: bytes, leases: 1, waiting: 0, loads: 1 },
        c: { state: 'unloaded', memory: 0, leases: 0, waiting: 0, loads: 0 },
      },
    });
    for (const lease of leases) lease.release();
    leases[0]!.release(); // again
    expect(pool.stats().models.a).toMatchObject({ state: 'loaded', leases: 0 });
  });

  it('gives a model to a function, and takes it back whatever that does', async () => {
    const pool = poolFor(1);
    const position = await pool.use('a', async (model) => {
      expect(pool.stats().models.a!.leases).toBe(1);
      const session = model.createSession();
      await session.complete('The cat', { maxTokens: 3, temperature: 0 });
      return session.position;
    });
    expect(position).toBeGreaterThan(3);
    const failure = pool.use('a', () => {
      throw new Error('mine');
    });
    expect(await rejection(failure)).toMatchObject({ message: 'mine' });
    expect(pool.stats().models.a).toMatchObject({ leases: 0, loads: 1 });
    expect(await rejection(pool.use('a', 7 as never))).toMatchObject({
      code: 'ERR_BITNET_ARGUMENT',
    });
  });

  it('takes leases back at the end of the scope that uses them', async () => {
    const pool = poolFor(1);
    const lease = await pool.acquire('a');
    await lease[Symbol.asyncDispose]();
    expect(pool.stats().models.a!.leases).toBe(0);
    (await pool.acquire('a'))[Symbol.dispose]();
    expect(pool.stats().models.a!.leases).toBe(0);
  });

  it('knows its models', async () => {
    const error = await rejection(poolFor(1).acquire('d'));
    expect(error).toMatchObject({
      code: 'ERR_BITNET_ARGUMENT',
      message: 'Expected a model of the pool ("a", "b", "c") for name, but received "d".',
    });
  });
});

describe('where not all models fit', () => {
  it('the one that was not used for the longest time makes room', async () => {
    const pool = poolFor(2);
    for (const name of ['a', 'b', 'a', 'c']) await pool.use(name, () => {});
    expect(states(pool)).toEqual({ a: 'loaded', b: 'unloaded', c: 'loaded' });
    await pool.use('b', () => {});
    expect(states(pool)).toEqual({ a: 'unloaded', b: 'loaded', c: 'loaded' });
    expect(pool.stats().memory).toBe(2 * bytes);
  });

  it('one in use stays, and the newcomer waits until it is given back', async () => {
    const pool = poolFor(1);
    const first = await pool.acquire('a');
    const session = first.model.createSession();
    const second = pool.acquire('b');
    await until(() => pool.stats().models.b!.waiting === 1);
    expect(await isPending(second)).toBe(true);
    await session.evaluate([1, 2, 3]);
    first.release();
    expect((await second).model.path).toBe(path('b'));
    expect(states(pool)).toMatchObject({ a: 'unloaded', b: 'loaded' });
    expect(await rejection(session.evaluate([4]))).toMatchObject({ code: 'ERR_BITNET_CLOSED' });
  });

  it('one that is to make room takes no new users before, and comes back for them after', async () => {
    const pool = poolFor(1);
    const first = await pool.acquire('a');
    const order: string[] = [];
    const use = (name: string) =>
      pool.use(name, () => {
        order.push(name);
      });
    const newcomer = use('b');
    const { lease } = await waitFor(pool, 'a');
    const others = ['c', 'a'].map(use);
    await pause();
    expect(order).toEqual([]);
    first.release();
    await newcomer;
    expect(order[0]).toBe('b');
    (await lease).release();
    await Promise.all(others);
    expect(order.toSorted()).toEqual(['a', 'b', 'c']);
    expect(pool.stats().models.a!.loads).toBe(2);
  });

  it('many callers of more models than fit are all served', async () => {
    const pool = poolFor(2);
    const alone = new Map<string, string>();
    const generate = async (name: string) =>
      pool.use(name, async (model) => {
        const session = model.createSession();
        return (await session.complete('The cat', { maxTokens: 4, temperature: 0 })).text;
      });
    for (const name of names) alone.set(name, await generate(name));
    const callers = Array.from({ length: 24 }, (_, i) => names[(i * 7) % 3]!);
    const texts = await Promise.all(callers.map(generate));
    expect(texts).toEqual(callers.map((name) => alone.get(name)));
    expect(pool.stats().memory).toBeLessThanOrEqual(2 * bytes);
  });

  it('one that does not fit alone is refused with the numbers, and nothing else changes', async () => {
    const pool = poolFor(1, { models: { a: path('a'), large: path('large') } });
    await pool.use('a', () => {});
    const error = await rejection(pool.acquire('large'));
    expect(error).toMatchObject({ code: 'ERR_BITNET_MEMORY', maxMemory: bytes });
    expect((error as Error).message).toMatch(
      /^Expected the model "large" to fit into the pool's .* of memory, but its weights take .*; raise maxMemory, or use a smaller model\.$/,
    );
    expect(states(pool)).toEqual({ a: 'loaded', large: 'unloaded' });
  });

  it('two names of one file take its memory once', async () => {
    const models = { one: path('a'), other: { path: path('a'), contextLength: 16 }, c: path('c') };
    const pool = poolFor(1, { models });
    const [one, other] = await Promise.all([pool.acquire('one'), pool.acquire('other')]);
    expect(one.model).not.toBe(other.model);
    expect(other.model.createSession().contextLength).toBe(16);
    expect(pool.stats()).toMatchObject({ memory: bytes });
    one.release();
    other.release();
    await pool.use('c', () => {});
    expect(states(pool)).toEqual({ one: 'unloaded', other: 'unloaded', c: 'loaded' });
  });
});

describe('a model', () => {
  it('that cannot be loaded fails for all who wait, and is tried again for the next', async () => {
    const models = { late: temp('late.gguf') };
    const pool = createModelPool({ models });
    pools.push(pool);
    const errors = await Promise.all([1, 2].map(() => rejection(pool.acquire('late'))));
    for (const error of errors) expect(error).toMatchObject({ code: 'ERR_BITNET_FILE' });
    expect(pool.stats()).toMatchObject({ memory: 0, models: { late: { state: 'unloaded' } } });
    copyFileSync(path('a'), temp('late.gguf'));
    await pool.use('late', (model) => expect(model.path).toBe(temp('late.gguf')));
    rmSync(temp('late.gguf'));
    await pool.use('late', () => {}); // it is there
  });

  it('that somebody else has closed is loaded again', async () => {
    const pool = poolFor(1);
    const lease = await pool.acquire('a');
    lease.model.close();
    const again = await pool.acquire('a');
    expect(again.model.isClosed).toBe(false);
    lease.release();
    expect(pool.stats().models.a).toMatchObject({ leases: 1, loads: 2 });
    again.model.close();
    await pool.use('b', () => {}); // for which nobody had to leave
    again.release();
    expect(states(pool)).toMatchObject({ a: 'unloaded', b: 'loaded' });
  });

  it('is unloaded some time after its last use, or at once, or never', async () => {
    const soon = poolFor(1, { keepAlive: 1 });
    await soon.use('a', () => {});
    await until(() => soon.stats().models.a!.state === 'unloaded');
    const once = poolFor(1, { keepAlive: 0 });
    await once.use('a', () => {});
    expect(once.stats().models.a!.state).toBe('unloading');
    await until(() => once.stats().memory === 0);
    const never = poolFor(1, { keepAlive: Number.POSITIVE_INFINITY });
    await never.use('a', () => {});
    await pause();
    expect(never.stats().models.a!.state).toBe('loaded');
    const used = poolFor(1, { keepAlive: 1 });
    const lease = await used.acquire('a');
    for (let i = 0; i < 3; i++) {
      await used.use('a', () => {});
      await pause();
    }
    expect(used.stats().models.a).toMatchObject({ state: 'loaded', loads: 1 });
    lease.release();
  });
});

describe('an abort', () => {
  const reason = new Error('enough');
  const aborted = { code: 'ERR_BITNET_ABORTED', name: 'AbortError', cause: reason };

  it('ends one wait, and no other', async () => {
    const pool = poolFor(1);
    const controller = new AbortController();
    const { signal } = controller;
    const failures = [1, 2].map(() => rejection(pool.acquire('a', { signal })));
    const other = pool.acquire('a');
    controller.abort(reason);
    for (const failure of failures) expect(await failure).toMatchObject(aborted);
    expect((await other).model.path).toBe(path('a'));
    expect(pool.stats().models.a).toMatchObject({ leases: 1, loads: 1 });
    expect(await rejection(pool.acquire('a', { signal }))).toMatchObject(aborted);
  });

  it('of all who wait ends the load, and the next begins anew', async () => {
    const pool = poolFor(1);
    for (let i = 0; i < 5; i++) {
      const controller = new AbortController();
      const failure = rejection(pool.acquire('a', { signal: controller.signal }));
      if (i > 0) await new Promise((resolve) => setTimeout(resolve, i));
      controller.abort(reason);
      const lease = await pool.acquire('a');
      lease.release();
      lease.model.close();
      await failure.catch(() => {}); // it may have been faster
    }
  });

  it('of a wait for memory lets the next in, and nobody has to leave any more', async () => {
    const pool = poolFor(1);
    const first = await pool.acquire('a');
    const controller = new AbortController();
    const failure = rejection(pool.acquire('b', { signal: controller.signal }));
    const { lease: late } = await waitFor(pool, 'a');
    controller.abort(reason);
    expect(await failure).toMatchObject(aborted);
    expect((await late).model).toBe(first.model);
    first.release();
    expect(pool.stats().models.a).toMatchObject({ leases: 1, loads: 1 });
    (await late).release();
  });
});

describe('a pool that is closed', () => {
  const closed = { code: 'ERR_BITNET_CLOSED' };

  it('closes its models, and nobody waits any longer', async () => {
    const pool = poolFor(2);
    const lease: ModelLease = await pool.acquire('a');
    const idle = await pool.acquire('b');
    idle.release();
    const waits = [pool.acquire('c'), pool.acquire('c')].map(rejection);
    pool.close();
    pool.close();
    for (const wait of waits) expect(await wait).toMatchObject(closed);
    expect([lease, idle].map(({ model }) => model.isClosed)).toEqual([true, true]);
    expect(await rejection(pool.acquire('a'))).toMatchObject(closed);
    lease.release();
    await pool[Symbol.asyncDispose]();
    expect(pool.stats()).toMatchObject({ memory: 0 });
  });

  it('ends loads at every moment', async () => {
    for (let milliseconds = 0; milliseconds < 12; milliseconds++) {
      const pool = poolFor(2);
      const waits = names.map((name) => rejection(pool.use(name, pause)).catch(() => {}));
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
      await pool[Symbol.asyncDispose]();
      await Promise.all(waits);
      expect(pool.stats().memory).toBe(0);
      expect(Object.values(states(pool))).toEqual(['unloaded', 'unloaded', 'unloaded']);
    }
  });
});

it('a process with a pool in use ends by itself', () => {
  const root = resolve(__dirname, '../../..');
  const script = `
    const { createModelPool } = require(${JSON.stringify(root)});
    const pool = createModelPool({ models: { a: {}, b: {} , c: ${JSON.stringify(path('a'))} } });
    (async () => {
      await pool.use('c', () => {});
      await pool.acquire('c');
      console.log('done');
    })();`;
  const output = execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' });
  expect(output).toBe('done\n');
});

it.each<[string, unknown]>([
  ['no options', undefined],
  ['no models', { models: {} }],
  ['models in an array', { models: [] }],
  ['an empty path', { models: { a: '' } }],
  ['nothing', { models: { a: null } }],
  ['an unknown option of a model', { models: { a: { path: 'a', size: 1 } } }],
  ['a signal', { models: { a: { path: 'a', signal: AbortSignal.abort() } } }],
  ['negative memory', { models: { a: 'a' }, maxMemory: -1 }],
  ['no number', { models: { a: 'a' }, keepAlive: Number.NaN }],
  ['an unknown option', { models: { a: 'a' }, ttl: 1 }],
])('%s are refused', (_, options) => {
  expect(() => createModelPool(options as PoolOptions)).toThrow(
    expect.objectContaining({ code: 'ERR_BITNET_ARGUMENT' }),
  );
});
