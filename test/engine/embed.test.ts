import { describe, expect, it } from 'vitest';
import { cpuInfo, type Model, type ModelSpec } from '../../lib/index.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { type TinyOptions, tinyModel } from '../fixtures/tiny-model.js';
import { engineRounding, ReferenceSequence } from '../reference/forward.js';
import { referenceModel } from '../reference/weights.js';
import { modelLoader } from './engine.js';

const temp = tempFolder();
const load = modelLoader();

/** Small versions of the two BitNet embedding models, and models that were made to write text. */
const models: Record<string, TinyOptions> = {
  qwen3: {
    ...{ arch: 'qwen3', projectionNorms: true, normType: 'F16', nKvHead: 2, headDim: 128 },
    ...{ ffnDim: 768, poolingType: 3, addEos: true },
  },
  gemma3: {
    ...{ arch: 'gemma3', projectionNorms: true, normType: 'F16', nHead: 2, nKvHead: 1 },
    ...{ headDim: 256, poolingType: 1 },
  },
  llama: { arch: 'llama', weightType: 'F16' },
  'bitnet-b1.58': { poolingType: 1 },
};

const texts = [
  'there is a train in the rain',
  'query: when does the next train leave, and from which of the two stations in the town?',
  'The rain.',
];

async function write(name: string): Promise<string> {
  const path = temp(`${name}.gguf`);
  await tinyModel({ vocabSize: 515, contextLength: 512, ...models[name] }).write(path);
  return path;
}

function pooled(states: Float64Array[], pooling: ModelSpec['pooling']): Float64Array {
  if (pooling === 'first') return states[0]!;
  if (pooling === 'last') return states.at(-1)!;
  return states[0]!.map(
    (_, d) => states.reduce((sum, state) => sum + state[d]!, 0) / states.length,
  );
}

const dot = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Array.from(a).reduce((sum, value, i) => sum + value * b[i]!, 0);

async function expected(path: string, model: Model, text: string, pooling: ModelSpec['pooling']) {
  const sequence = new ReferenceSequence(await referenceModel(path), engineRounding);
  const ids = model.tokenizer.encode(text, { addSpecial: true });
  const state = pooled(
    ids.map((id) => sequence.nextState(id)),
    pooling,
  );
  return state.map((value) => value / Math.sqrt(dot(state, state)));
}

describe('embeddings', () => {
  it.each([
    ['qwen3', 'last'],
    ['gemma3', 'last'],
    ['llama', 'last'],
    ['bitnet-b1.58', 'mean'],
  ] as const)(
    'of %s are the %s state of the reference, scaled to length 1',
    async (name, pooling) => {
      const path = await write(name);
      const model = await load(path);
      const vectors = await model.embed(texts);
      for (const [i, text] of texts.entries()) {
        const vector = vectors[i]!;
        expect(vector).toHaveLength(model.spec.dim);
        expect(dot(vector, vector)).toBeCloseTo(1, 6);
        // A flipped int8 code turns the vector by some 1e-3 (test/reference/ties.ts).
        expect(dot(vector, await expected(path, model, text, pooling))).toBeGreaterThan(1 - 1e-4);
      }
    },
  );

  it.each(['last', 'mean', 'first'] as const)('follow the option pooling: %s', async (pooling) => {
    const path = await write('llama');
    const model = await load(path);
    const [vector] = await model.embed([texts[1]!], { pooling });
    const reference = await expected(path, model, texts[1]!, pooling);
    vector!.forEach((value, d) => {
      expect(Math.abs(value - reference[d]!)).toBeLessThan(1e-5);
    });
  });

  it('end with the end token where the model wants it', async () => {
    const model = await load(await write('qwen3'));
    const ids = model.tokenizer.encode(texts[0]!, { addSpecial: true });
    expect(ids.at(-1)).toBe(model.tokenizer.eos);
    const [[ofText], [ofIds]] = await Promise.all([model.embed([texts[0]!]), model.embed([ids])]);
    expect(ofText).toEqual(ofIds);
    const [without] = await model.embed([ids.slice(0, -1)]);
    expect(dot(without!, ofText!)).toBeLessThan(0.999);
  });

  it('have the same bits with every kernel and number of threads, alone and together', async () => {
    const path = await write('gemma3');
    // More than are under way at a time.
    const many = Array.from({ length: 20 }, (_, i) => 'rain and a train '.slice(i % 16) + i);
    const scalar = await load(path, { kernel: 'scalar', threads: 1 });
    const alone: Float32Array[] = [];
    for (const text of many) alone.push(...(await scalar.embed([text], { pooling: 'mean' })));
    for (const { name, usable } of cpuInfo().kernels) {
      if (!usable) continue;
      const model = await load(path, { kernel: name, threads: 3 });
      expect(await model.embed(many, { pooling: 'mean' })).toEqual(alone);
    }
  });

  it('of long texts are means over all of their tokens', async () => {
    const path = temp('long.gguf');
    await tinyModel({ nLayer: 1, dim: 64, nHead: 1, ffnDim: 64, contextLength: 1200 }).write(path);
    const model = await load(path);
    const ids = Array.from({ length: 1200 }, (_, i) => (7 * i) % 250);
    const [vector] = await model.embed([ids], { pooling: 'mean', normalize: false });
    const session = model.createSession({ contextLength: 1200 });
    const sum = new Float64Array(64);
    for (const id of ids) {
      const state = await session.states([id], 'last', undefined);
      state.forEach((value, d) => {
        sum[d]! += value;
      });
    }
    expect(vector).toEqual(Float32Array.from(sum, (value) => value / 1200));
  });

  it('are not scaled where that is not wanted, and none for no texts', async () => {
    const model = await load(await write('llama'));
    const [raw] = await model.embed(['rain'], { normalize: false });
    const [unit] = await model.embed(['rain']);
    const length = Math.sqrt(dot(raw!, raw!));
    expect(Math.abs(length - 1)).toBeGreaterThan(0.1);
    raw!.forEach((value, d) => {
      expect(unit![d]).toBeCloseTo(value / length, 6);
    });
    expect(await model.embed([])).toEqual([]);
  });

  it('leave no session behind, whatever happens', async () => {
    const model = await load(await write('llama'));
    const controller = new AbortController();
    const long = Array.from({ length: 512 }, () => 65);
    const running = model.embed(
      Array.from({ length: 100 }, () => long),
      { signal: controller.signal },
    );
    setImmediate(() => controller.abort());
    await expect(running).rejects.toMatchObject({ code: 'ERR_BITNET_ABORTED' });
    expect(await model.embed(['rain'])).toHaveLength(1);
  });

  it('are refused with the reason', async () => {
    const model = await load(await write('llama'));
    const refused = (argument: unknown, options?: object) =>
      model.embed(argument as string[], options).then(
        () => 'accepted',
        ({ code, message }: { code: string; message: string }) => `${code}: ${message}`,
      );
    expect(await refused('rain')).toBe(
      'ERR_BITNET_ARGUMENT: Expected an array of texts for texts, but received "rain".',
    );
    expect(await refused(['a', 7])).toBe(
      'ERR_BITNET_ARGUMENT: Expected a text or an array of token ids for texts[1], but received 7.',
    );
    expect(await refused(['a', []])).toBe(
      'ERR_BITNET_ARGUMENT: Expected at least one token in texts[1], but it is empty, and this model adds none of its own; leave it out.',
    );
    expect(await refused([Array.from({ length: 513 }, () => 65)])).toBe(
      'ERR_BITNET_CONTEXT: Expected at most 512 tokens in texts[0], the context the model was trained with, but it has 513; shorten or split it.',
    );
    expect(await refused([[515]])).toMatch(
      /^ERR_BITNET_ARGUMENT: Expected a token id from 0 to 514/,
    );
    expect(await refused(['a'], { pooling: 'max' })).toBe(
      `ERR_BITNET_ARGUMENT: Expected 'last', 'mean' or 'first' for option pooling, but received "max".`,
    );
    expect(await refused(['a'], { normalize: 1 })).toMatch(/^ERR_BITNET_ARGUMENT/);
    expect(await refused(['a'], { pool: 'mean' })).toMatch(/did you mean pooling\?$/);
    model.close();
    expect(await refused(['a'])).toMatch(/^ERR_BITNET_CLOSED/);
  });
});
