import { copyFileSync, rmSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Adapter, Model } from '../../lib/index.js';
import { modelLoader } from '../engine/engine.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { type TinyAdapterOptions, tinyAdapter } from '../fixtures/tiny-adapter.js';
import { type TinyModel, tinyModel } from '../fixtures/tiny-model.js';
import { refusal } from '../safetensors/raw-file.js';
import { rejection } from './tiny.js';

const temp = tempFolder();
const load = modelLoader();
const path = temp('model.gguf');
let file: TinyModel;
let model: Model;
beforeAll(async () => {
  file = tinyModel({ nLayer: 1 });
  await file.write(path);
  model = await load(path);
});

let count = 0;
async function written(options: TinyAdapterOptions = {}): Promise<string> {
  const name = temp(`adapter-${count++}.gguf`);
  await tinyAdapter(file, options).write(name);
  return name;
}

const greedy = { maxTokens: 8, temperature: 0 } as const;

async function answer(from: Model, adapter: Adapter): Promise<string> {
  const session = from.createSession();
  const { ids } = await session.complete([1, 2, 3], { ...greedy, adapters: [{ adapter }] });
  session.close();
  return ids.join();
}

describe('model.loadAdapter', () => {
  it('says what the adapter is', async () => {
    const name = await written({ rank: 5, seed: 3 });
    const adapter = await model.loadAdapter(name);
    expect(adapter).toMatchObject({ path: name, name: 'tiny 3', rank: 5, isResident: true });
    expect(adapter.bytes).toBeGreaterThan(5 * 2 * (4 * 256 + 3 * 256));
    const other = await model.loadAdapter(name, { name: 'mine', onDemand: true });
    expect(other).toMatchObject({ name: 'mine', isResident: false });
    await Promise.all([adapter.close(), other.close()]);
  });

  it('refuses adapters of other models, and what is none', async () => {
    const wider = tinyModel({ nLayer: 1, dim: 320 });
    const cases: [TinyModel, TinyAdapterOptions, RegExp][] = [
      [file, { architecture: 'llama' }, /to be "bitnet-b1.58", but found the text "llama"/],
      [wider, {}, /to be of shape \[3, 256\] to fit the model/],
      [file, { of: /no such/ }, /tensor count of .* to be at least 2, but found 0/],
    ];
    for (const [base, options, message] of cases) {
      const name = temp(`bad-${count++}.gguf`);
      await tinyAdapter(base, options).write(name);
      const error = await refusal(model.loadAdapter(name));
      expect(error.code).toBe('ERR_BITNET_MODEL');
      expect(error.message).toMatch(message);
    }
    expect((await refusal(model.loadAdapter(path))).message).toMatch(/this is no adapter/);
    expect(await rejection(model.loadAdapter(temp('none.gguf')))).toMatchObject({
      code: 'ERR_BITNET_FILE',
    });
  });

  it('takes an adapter that is called bitnet for a model of bitnet-b1.58, as converters write it', async () => {
    const adapter = await model.loadAdapter(await written({ architecture: 'bitnet' }));
    expect(await answer(model, adapter)).not.toBe('');
  });

  it('can be aborted', async () => {
    const failed = rejection(
      model.loadAdapter(await written(), { signal: AbortSignal.abort('enough') }),
    );
    expect(await failed).toMatchObject({ code: 'ERR_BITNET_ABORTED', cause: 'enough' });
  });
});

describe('adapters within adapterMemory', () => {
  it('are read again when they are needed, and give the same text', async () => {
    const files = [
      await written({ seed: 11 }),
      await written({ seed: 12 }),
      await written({ seed: 13 }),
    ];
    const roomy = await Promise.all(files.map((name) => model.loadAdapter(name)));
    const expected = [];
    for (const adapter of roomy) expected.push(await answer(model, adapter));
    const tight = await load(path, { adapterMemory: Math.ceil(1.5 * roomy[0]!.bytes) });
    const adapters = await Promise.all(
      files.map((name) => tight.loadAdapter(name, { onDemand: true })),
    );
    for (const i of [0, 1, 2, 0, 2]) {
      expect(await answer(tight, adapters[i]!)).toBe(expected[i]);
      expect(adapters.map(({ isResident }) => isResident)).toEqual(
        [0, 1, 2].map((other) => other === i),
      );
    }
    // All at the same time: they take turns.
    const all = [...adapters, ...adapters].map((adapter) => answer(tight, adapter));
    expect(await Promise.all(all)).toEqual([...expected, ...expected]);
  });

  it('may be hundreds, of which as many are there as fit', async () => {
    const files = [await written({ seed: 31 }), await written({ seed: 32 })];
    const { bytes } = await model.loadAdapter(files[0]!);
    const tight = await load(path, { adapterMemory: 5 * bytes });
    const adapters: Adapter[] = [];
    for (let i = 0; i < 300; i++) {
      adapters.push(await tight.loadAdapter(files[i % 2]!, { onDemand: true }));
    }
    const expected = [await answer(tight, adapters[0]!), await answer(tight, adapters[1]!)];
    const used = Array.from({ length: 24 }, (_, i) => (i * 89) % 300);
    const texts = await Promise.all(used.map((i) => answer(tight, adapters[i]!)));
    expect(texts).toEqual(used.map((i) => expected[i % 2]));
    expect(adapters.filter(({ isResident }) => isResident).length).toBe(5);
  });

  it('must be the files they were', async () => {
    const name = await written({ seed: 21 });
    const adapter = await model.loadAdapter(name, { onDemand: true });
    copyFileSync(await written({ seed: 22, rank: 4 }), name);
    const error = await refusal(answer(model, adapter));
    expect(error.code).toBe('ERR_BITNET_FILE');
    rmSync(name);
    expect((await refusal(answer(model, adapter))).code).toBe('ERR_BITNET_FILE');
    writeFileSync(name, 'something else');
    expect((await refusal(answer(model, adapter))).code).toBe('ERR_BITNET_FILE');
  });

  it('must fit into it one by one', async () => {
    const small = await load(path, { adapterMemory: 100 });
    expect(await rejection(small.loadAdapter(await written()))).toMatchObject({
      code: 'ERR_BITNET_MEMORY',
    });
  });
});

describe('an adapter that is closed', () => {
  it('ends generations under way, and nothing else', async () => {
    const one = await model.loadAdapter(await written());
    const other = await model.loadAdapter(await written({ seed: 2 }));
    const session = model.createSession();
    const expected = await answer(model, other);
    const options = { maxTokens: 200, temperature: 0, adapters: [{ adapter: one }] };
    const generation = session.generate([1], options);
    await generation.next();
    const beside = answer(model, other);
    await one.close();
    expect(one.isResident).toBe(false);
    expect(await rejection(generation.next())).toMatchObject({ code: 'ERR_BITNET_CLOSED' });
    expect(await beside).toBe(expected);
    // The session goes on without it, as if it had been alone.
    const { ids } = await session.complete([5], greedy);
    expect(ids.length).toBeGreaterThan(0);
    session.close();
  });

  it('is closed with its model', async () => {
    const own = await load(path);
    const adapter = await own.loadAdapter(await written());
    own.close();
    expect(adapter.isResident).toBe(false);
    expect(await rejection(own.loadAdapter(await written()))).toMatchObject({
      code: 'ERR_BITNET_CLOSED',
    });
  });
});

describe('the option adapters', () => {
  it('takes adapters of the same model, each once', async () => {
    const adapter = await model.loadAdapter(await written());
    const other = await load(path);
    const use = { adapter };
    const session = other.createSession();
    for (const call of [
      () => other.createSession({ adapters: [use] }),
      () => session.complete([1], { adapters: [use] }),
    ]) {
      expect(await rejection((async () => call())())).toMatchObject({
        code: 'ERR_BITNET_ARGUMENT',
        message:
          'Expected what loadAdapter() of the same model gave for option adapters[0].adapter, but received "tiny 1".',
      });
    }
    expect(() => model.createSession({ adapters: [use, use] })).toThrow(/each adapter once/);
    for (const scale of [Number.NaN, 1001, '1' as never]) {
      expect(() => model.createSession({ adapters: [{ adapter, scale }] })).toThrow(
        /a number from -1000 to 1000 for option adapters\[0\].scale/,
      );
    }
    session.close();
  });
});
