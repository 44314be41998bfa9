import { expect, it } from 'vitest';
import { AdapterMemory, type Tenant } from '../../../lib/model/adapter/adapter-memory.js';
import type { NativeAdapter, NativeModel } from '../../../lib/native-types.js';
import { rejection } from '../../api/tiny.js';

const never = new AbortController().signal;
const control = () => new Int32Array(1);

/** Adapters of given sizes whose loads end when they are told to. */
function tenants(...sizes: number[]) {
  const log: string[] = [];
  const held = { bytes: 0, most: 0 };
  const gates: (() => void)[] = [];
  let gated = false;
  const all = sizes.map((bytes, i): Tenant => {
    const name = `a${i}`;
    const load = async (): Promise<NativeAdapter> => {
      log.push(`load ${name}`);
      if (gated) await new Promise<void>((resolve) => gates.push(resolve));
      held.bytes += bytes;
      held.most = Math.max(held.most, held.bytes);
      return {
        close: () => {
          held.bytes -= bytes;
          log.push(`free ${name}`);
        },
      };
    };
    return {
      ...{ name, source: { id: i, bytes, load }, native: undefined },
      ...{ uses: 0, lastUsed: 0, closed: false, freed: [] },
    };
  });
  const gate = () => {
    gated = true;
    return () => gates.shift()?.();
  };
  return { all, log, held, gate };
}

const memoryOf = (budget: number) => new AdapterMemory(budget, () => ({}) as NativeModel);

async function use(memory: AdapterMemory, list: readonly Tenant[]): Promise<void> {
  await memory.acquire(list, never, control());
  memory.release(list);
}

it('adapters stay in memory, and those unused for the longest time make room', async () => {
  const { all, log, held } = tenants(4, 4, 4);
  const [a, b, c] = all as [Tenant, Tenant, Tenant];
  const memory = memoryOf(10);
  for (const one of [a, b, a, c, a, b]) await use(memory, [one]);
  expect(log).toEqual(['load a0', 'load a1', 'free a1', 'load a2', 'free a2', 'load a1']);
  expect(held.most).toBeLessThanOrEqual(10);
});

it('what is in use stays: another waits for it to be released', async () => {
  const { all, log, held } = tenants(6, 6);
  const [a, b] = all as [Tenant, Tenant];
  const memory = memoryOf(10);
  await memory.acquire([a], never, control());
  const waiting = memory.acquire([b], never, control());
  await new Promise((resolve) => setImmediate(resolve));
  expect(log).toEqual(['load a0']);
  memory.release([a]);
  await waiting;
  expect(log).toEqual(['load a0', 'free a0', 'load a1']);
  expect([held.bytes, held.most]).toEqual([6, 6]);
  memory.release([b]);
});

it('many at once within a budget all get theirs, and none is loaded twice at the same time', async () => {
  const { all, held } = tenants(...Array(12).fill(3));
  const memory = memoryOf(10);
  const work = Array.from({ length: 60 }, async (_, i) => {
    const list = [all[i % 12]!, all[(i * 5 + 1) % 12]!].filter((t, j, l) => l.indexOf(t) === j);
    const natives = await memory.acquire(list, never, control());
    expect(natives.every((native) => native !== undefined)).toBe(true);
    await new Promise((resolve) => setImmediate(resolve));
    expect(list.every(({ native }) => native !== undefined)).toBe(true);
    memory.release(list);
  });
  await Promise.all(work);
  expect(held.most).toBeLessThanOrEqual(10);
  expect(all.every(({ uses }) => uses === 0)).toBe(true);
});

it('what can never fit is refused with the numbers', async () => {
  const { all } = tenants(6 * 2 ** 20, 6 * 2 ** 20);
  const memory = memoryOf(10 * 2 ** 20);
  await use(memory, [all[0]!]);
  expect(await rejection(memory.acquire(all, never, control()))).toMatchObject({
    code: 'ERR_BITNET_MEMORY',
    message:
      'Expected adapters that fit into the model\'s 10.0 MiB of adapterMemory, but "a0" and "a1" take 12.0 MiB; load the model with more of it.',
  });
});

it('a wait that is aborted ends, and nobody else does', async () => {
  const { all } = tenants(6, 6, 6);
  const [a, b, c] = all as [Tenant, Tenant, Tenant];
  const memory = memoryOf(10);
  await memory.acquire([a], never, control());
  const stopping = new AbortController();
  const failed = rejection(memory.acquire([b], stopping.signal, control()));
  const next = memory.acquire([c], never, control());
  stopping.abort('enough');
  expect(await failed).toMatchObject({ code: 'ERR_BITNET_ABORTED', cause: 'enough' });
  memory.release([a]);
  await next;
  memory.release([c]);
});

it('closing waits for whoever uses it, and no other may begin', async () => {
  const { all, log } = tenants(6);
  const [a] = all as [Tenant];
  const memory = memoryOf(10);
  await memory.acquire([a], never, control());
  let over = false;
  const closed = memory.close(a).then(() => {
    over = true;
  });
  expect(await rejection(memory.acquire([a], never, control()))).toMatchObject({
    code: 'ERR_BITNET_CLOSED',
    message: 'Expected open adapters, but "a0" was closed; load it again.',
  });
  expect([over, log]).toEqual([false, ['load a0']]);
  memory.release([a]);
  await closed;
  expect(log).toEqual(['load a0', 'free a0']);
  await memory.close(a); // again
});

it('one that is closed while it is loaded is freed', async () => {
  const { all, log, gate } = tenants(6);
  const [a] = all as [Tenant];
  const memory = memoryOf(10);
  const open = gate();
  const failed = rejection(memory.acquire([a], never, control()));
  await new Promise((resolve) => setImmediate(resolve));
  await memory.close(a);
  open();
  expect(await failed).toMatchObject({ code: 'ERR_BITNET_CLOSED' });
  expect(log).toEqual(['load a0', 'free a0']);
});
