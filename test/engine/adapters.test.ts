import { beforeAll, describe, expect, it } from 'vitest';
import type { AdapterUse, Model } from '../../lib/index.js';
import { cpuInfo } from '../../lib/index.js';
import { random } from '../fixtures/random.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { type TinyAdapterOptions, tinyAdapter } from '../fixtures/tiny-adapter.js';
import { type TinyModel, type TinyOptions, tinyModel } from '../fixtures/tiny-model.js';
import { withAdapters } from '../reference/adapters.js';
import { difference } from '../reference/difference.js';
import { compareWithTies } from '../reference/ties.js';
import { referenceModel } from '../reference/weights.js';
import { allLogits, chunkedLogits, modelLoader } from './engine.js';

const temp = tempFolder();
const load = modelLoader();

const idsOf = (seed: number, count: number, vocabSize: number) => {
  const next = random(seed);
  return Array.from({ length: count }, () => Math.floor(next() * vocabSize));
};
const bits = (logits: Float32Array) =>
  Buffer.from(logits.buffer, logits.byteOffset, logits.byteLength).toString('base64');

async function written(
  name: string,
  options: TinyOptions,
): Promise<{ model: TinyModel; path: string }> {
  const model = tinyModel(options);
  const path = temp(`${name}.gguf`);
  await model.write(path);
  return { model, path };
}

async function adapterFor(model: TinyModel, name: string, options: TinyAdapterOptions) {
  const path = temp(`${name}.gguf`);
  await tinyAdapter(model, options).write(path);
  return path;
}

describe('adapters give the logits of a naive forward pass', () => {
  const cases: Record<string, [TinyOptions, TinyAdapterOptions]> = {
    'bitnet-b1.58, F16': [{ dim: 320, nHead: 5, nKvHead: 1 }, { rank: 5 }],
    'bitnet-b1.58, F32, with the embedding': [
      { nKvHead: 2, ffnDim: 384 },
      { rank: 2, type: 'F32', alpha: 7, embedding: true },
    ],
    'bitnet, BF16, without an alpha': [
      { arch: 'bitnet', dim: 384, nHead: 4 },
      { rank: 17, type: 'BF16', alpha: 0 },
    ],
    'llama, Q8_0, one layer only': [
      { arch: 'llama', weightType: 'TQ2_0', ffnDim: 512, nKvHead: 2 },
      { rank: 32, type: 'Q8_0', of: /^blk\.1\.(attn|ffn)_(q|v|output|up|down)\.weight$/ },
    ],
    'qwen2 in F16, with biases': [{ arch: 'qwen2', weightType: 'F16', nHead: 2 }, { rank: 8 }],
    'gemma3, norms after layers': [{ arch: 'gemma3', nKvHead: 2, window: 7 }, { rank: 4 }],
    'minicpm, scales': [
      { arch: 'minicpm', nKvHead: 2 },
      { rank: 4, embedding: true },
    ],
  };

  it.each(Object.keys(cases))('%s', async (name) => {
    const [options, adapterOptions] = cases[name]!;
    const { model, path } = await written('reference', options);
    const file = await adapterFor(model, 'adapter', adapterOptions);
    const loaded = await load(path);
    const adapter = await loaded.loadAdapter(file);
    const ids = idsOf(3, 12, loaded.spec.vocabSize);
    const plain = await referenceModel(path, ids.length);
    const [floor, most] = options.weightType === 'F16' ? [5e-5, 1e-4] : [1e-6, 1e-3];
    for (const scale of [1, -0.5]) {
      const adapters = [{ adapter, scale }];
      const logits = await allLogits(loaded, ids, ids.length, { adapters });
      const expected = await withAdapters(plain, [{ path: file, scale }]);
      expect(compareWithTies(expected, ids, logits, floor).error).toBeLessThan(most);
      const without = await allLogits(loaded, ids);
      expect(difference(logits, without).rms).toBeGreaterThan(0.01);
    }
  });
});

describe('logits with adapters have the same bits', () => {
  const shapes: Record<string, TinyOptions> = {
    'where zeros are skipped': { dim: 320, nHead: 5, nKvHead: 1, ffnDim: 770, nLayer: 2 },
    'of a llama in TQ2_0': {
      ...{ arch: 'llama', weightType: 'TQ2_0', unevenScales: true },
      ...{ ffnDim: 512, nKvHead: 2, nLayer: 1 },
    },
    'in F16': { arch: 'bitnet', weightType: 'F16', dim: 250, nHead: 5, ffnDim: 330, nLayer: 1 },
  };
  const ids = idsOf(11, 90, 320);

  it.each(Object.keys(shapes))('%s', async (name) => {
    const { model, path } = await written('bits', shapes[name]!);
    const files = [
      await adapterFor(model, 'a', { rank: 5, seed: 1, embedding: true }),
      await adapterFor(model, 'b', { rank: 19, type: 'F32', seed: 2 }),
    ];
    const used = async (loaded: Model): Promise<AdapterUse[]> => [
      { adapter: await loaded.loadAdapter(files[0]!) },
      { adapter: await loaded.loadAdapter(files[1]!), scale: 0.3 },
    ];
    const scalar = await load(path, { kernel: 'scalar', threads: 1 });
    const expected = bits(
      await allLogits(scalar, ids, ids.length, { adapters: await used(scalar) }),
    );
    const kernels = cpuInfo().kernels.filter(({ usable }) => usable);
    for (const options of [
      ...kernels.map((kernel) => ({ kernel: kernel.name })),
      ...[1, 3].map((threads) => ({ threads })),
      { skipInactive: false },
    ]) {
      const loaded = await load(path, options);
      const adapters = await used(loaded);
      for (const chunk of [1, 7, ids.length]) {
        const logits = await allLogits(loaded, ids, chunk, { adapters });
        expect(bits(logits) === expected, `${JSON.stringify(options)} ${chunk}`).toBe(true);
      }
    }
  });
});

describe('an adapter', () => {
  let loaded: Model;
  let file: TinyModel;
  const open = async (options: TinyAdapterOptions) =>
    loaded.loadAdapter(await adapterFor(file, `of-${JSON.stringify(options).length}`, options));
  beforeAll(async () => {
    const { model, path } = await written('one', { ffnDim: 768, vocabSize: 515 });
    file = model;
    loaded = await load(path);
  });
  const ids = idsOf(5, 40, 515);
  const logitsOf = async (adapters: readonly AdapterUse[], chunk = 40) =>
    bits(await allLogits(loaded, ids, chunk, { adapters }));

  it('whose B is zero changes no bit, nor does one with a scale of 0', async () => {
    const plain = await logitsOf([]);
    const zero = await open({ size: 0 });
    const other = await open({ seed: 4 });
    for (const chunk of [1, 40]) {
      expect(await logitsOf([{ adapter: zero }], chunk)).toBe(plain);
      expect(await logitsOf([{ adapter: zero, scale: -3 }], chunk)).toBe(plain);
      expect(await logitsOf([{ adapter: other, scale: 0 }], chunk)).toBe(plain);
      expect(await logitsOf([{ adapter: other }], chunk)).not.toBe(plain);
    }
  });

  it('gives each of several sequences in one step the bits it gets alone', async () => {
    const [a, b] = [await open({ seed: 6, rank: 4 }), await open({ seed: 77, type: 'F32' })];
    const sets: AdapterUse[][] = [
      [],
      [{ adapter: a }],
      [{ adapter: b, scale: 0.5 }],
      [{ adapter: a, scale: 2 }, { adapter: b }],
      [{ adapter: a }],
    ];
    const all = sets.map((adapters, i) => ({ adapters, ids: idsOf(20 + i, 30 + 40 * i, 515) }));
    const alone: string[] = [];
    for (const { adapters, ids } of all) {
      alone.push(bits(await allLogits(loaded, ids, ids.length, { adapters })));
    }
    // Prompts at once, and one by one beside them.
    const together = await Promise.all(
      [...all, ...all].map(async ({ adapters, ids }, i) => {
        const session = loaded.createSession({ adapters });
        const logits = await chunkedLogits(session, ids, i < all.length ? ids.length : 1);
        session.close();
        return bits(logits);
      }),
    );
    expect(together.map((logits, i) => logits === alone[i % all.length])).toEqual(
      Array(2 * all.length).fill(true),
    );
  });

  it('is evaluated afresh with what a session holds when it is another than before', async () => {
    const adapter = await open({ seed: 8, size: 0.2 });
    const use = [{ adapter }];
    const options = { maxTokens: 12, temperature: 0 } as const;
    const session = loaded.createSession();
    const first = await session.complete(ids, options);
    const second = await session.complete([7], { ...options, adapters: use });
    const third = await session.complete([9], options);
    const fresh = async (tokens: readonly number[], adapters: readonly AdapterUse[]) => {
      const other = loaded.createSession({ adapters });
      const { ids: answer } = await other.complete(tokens, options);
      other.close();
      return answer;
    };
    const soFar = [...ids, ...first.ids, 7];
    expect(second.ids).toEqual(await fresh(soFar, use));
    expect(second.ids).not.toEqual(await fresh(soFar, []));
    expect(third.ids).toEqual(await fresh([...soFar, ...second.ids, 9], []));
    expect(session.position).toBe(soFar.length + second.ids.length + 1 + third.ids.length - 1);
    session.close();
  });

  it('stays part of what a session is on disk', async () => {
    const use = [{ adapter: await open({ seed: 9 }) }];
    const path = temp('session.bitnet');
    const session = loaded.createSession({ adapters: use });
    await session.evaluate(ids, { logits: 'none' });
    await session.save(path);
    const expected = bits(await session.evaluate([1]));
    const plain = loaded.createSession();
    await expect(plain.load(path)).rejects.toMatchObject({ code: 'ERR_BITNET_SESSION' });
    const again = loaded.createSession({ adapters: use });
    await again.load(path);
    expect(bits(await again.evaluate([1]))).toBe(expected);
    for (const one of [session, plain, again]) one.close();
  });
});
