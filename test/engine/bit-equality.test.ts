import { beforeAll, describe, expect, it } from 'vitest';
import { cpuInfo, type LoadOptions, type Model } from '../../lib/index.js';
import { random } from '../fixtures/random.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { type TinyOptions, tinyModel } from '../fixtures/tiny-model.js';
import { allLogits, chunkedLogits, modelLoader } from './engine.js';

const temp = tempFolder();
const load = modelLoader();

// Several of everything: heads that pad, rows that end inside a tile, three sequence-block borders.
const shape = { ffnDim: 770, vocabSize: 515, contextLength: 2048, nLayer: 2 };
const variants: Record<string, TinyOptions> = {
  I2_S: { ...shape, arch: 'bitnet', dim: 320, nHead: 4, nKvHead: 2, headDim: 100 },
  'TQ2_0 with unequal scales': {
    ...shape,
    arch: 'llama',
    weightType: 'TQ2_0',
    unevenScales: true,
    ffnDim: 512,
    nKvHead: 2,
  },
  F16: { ...shape, nLayer: 1, weightType: 'F16', dim: 250, nHead: 5, nKvHead: 1 },
  'a norm before every projection, a window of 70, soft-capped logits': {
    ...shape,
    arch: 'gemma3',
    projectionNorms: true,
    logitSoftcapping: 5,
    window: 70,
    dim: 320,
    nHead: 4,
    nKvHead: 2,
    headDim: 100,
  },
  'scales, LongRoPE with its long factors': {
    ...{ ...shape, arch: 'minicpm', nLayer: 1, weightType: 'TQ2_0', unevenScales: true },
    ...{ ffnDim: 512, nKvHead: 2, longRopeAbove: 100 },
  },
  'biases where zeros are skipped': { ...shape, biases: true, dim: 320, nHead: 5, nKvHead: 1 },
  'rotated inputs, scales of groups': {
    ...shape,
    arch: 'qwen3',
    weightType: 'PTQ1_0',
    unevenScales: true,
    ...{ dim: 256, nHead: 2, nKvHead: 1, headDim: 128, ffnDim: 384, nLayer: 1, rotation: 128 },
  },
  'experts, some with scales of groups': {
    ...shape,
    arch: 'maple',
    weightType: 'Q2_0',
    unevenScales: true,
    ...{ dim: 320, nHead: 4, nKvHead: 2, headDim: 80, ropeDim: 48, ffnDim: 192 },
    ...{ experts: [6, 3], window: 70 },
  },
  'recurrent layers': {
    ...shape,
    arch: 'qwen35',
    weightType: 'Q2_0',
    unevenScales: true,
    ffnDim: 512,
    stateKeyHeads: 1,
    stateValueHeads: 3,
    stateDim: 64,
  },
  'state spaces beside attention': {
    ...shape,
    arch: 'falcon-h1',
    weightType: 'Q2_0',
    unevenScales: true,
    ...{
      ffnDim: 512,
      nLayer: 1,
      stateKeyHeads: 2,
      stateValueHeads: 6,
      stateDim: 32,
      stateKeyDim: 40,
    },
  },
  'Q8_0 and Q6_K': { ...shape, nLayer: 1, weightType: 'Q8_0', headType: 'Q6_K', ffnDim: 768 },
  'Q5_K and IQ4_NL': { ...shape, nLayer: 1, weightType: 'Q5_K', headType: 'IQ4_NL', ffnDim: 768 },
  'Q4_1 and Q5_0': { ...shape, nLayer: 1, weightType: 'Q4_1', headType: 'Q5_0', ffnDim: 800 },
  'Q4_0 and Q4_K': { ...shape, nLayer: 1, weightType: 'Q4_K', headType: 'Q4_0', ffnDim: 768 },
};
const names = Object.keys(variants);
const pathOf = (name: string) => temp(`${names.indexOf(name)}.gguf`);

const next = random(11);
const tokens = Array.from({ length: 700 }, () => Math.floor(next() * shape.vocabSize));

beforeAll(async () => {
  for (const name of names) await tinyModel(variants[name]!).write(pathOf(name));
});

/** Logits as bits, so that NaN and −0 count too. */
const bits = (logits: Float32Array) =>
  Buffer.from(logits.buffer, logits.byteOffset, logits.byteLength);

describe.each(names)('logits of %s have the same bits', (name) => {
  const ids = tokens.slice(0, 140);
  let expected: Buffer;
  beforeAll(async () => {
    expected = bits(
      await allLogits(await load(pathOf(name), { kernel: 'scalar', threads: 1 }), ids),
    );
  });
  const sameWith = async (options: LoadOptions, chunk?: number) => {
    const logits = await allLogits(await load(pathOf(name), options), ids, chunk);
    expect(bits(logits).equals(expected)).toBe(true);
  };

  it.each(
    cpuInfo()
      .kernels.filter(({ usable }) => usable)
      .map((kernel) => kernel.name),
  )('with kernel %s, at once, in chunks and step by step', async (kernel) => {
    await sameWith({ kernel });
    await sameWith({ kernel }, 7);
    await sameWith({ kernel }, 1);
  });

  it.each([1, 2, 3, 7])('with %d threads', async (threads) => {
    await sameWith({ threads });
    await sameWith({ threads }, 65);
  });
});

describe('a sequence of 700 tokens has the same bits', () => {
  let model: Model;
  let expected: Buffer;
  beforeAll(async () => {
    model = await load(pathOf('I2_S'));
    expected = bits(await allLogits(model, tokens, 1));
  });

  it.each([2, 7, 64, 65, 511, 512, 513, 700])('in chunks of %d', async (chunk) => {
    expect(bits(await allLogits(model, tokens, chunk)).equals(expected)).toBe(true);
  });

  it('in chunks of every size', async () => {
    const session = model.createSession();
    const parts: Buffer[] = [];
    for (let i = 0, size = 1; i < tokens.length; i += size++) {
      parts.push(bits(await session.evaluate(tokens.slice(i, i + size), { logits: 'all' })));
    }
    session.close();
    expect(Buffer.concat(parts).equals(expected)).toBe(true);
  });

  it('after it was truncated and evaluated again, in another chunking', async () => {
    const session = model.createSession();
    await session.evaluate(tokens, { logits: 'none' });
    await session.evaluate([1, 2, 3], { logits: 'none' });
    for (const position of [699, 600, 513, 512, 65, 64, 63, 1, 0]) {
      session.truncate(position);
      expect(session.position).toBe(position);
      const logits = await chunkedLogits(session, tokens.slice(position), 100);
      const tail = expected.subarray(position * shape.vocabSize * 4);
      expect(bits(logits).equals(tail), `from ${position}`).toBe(true);
    }
    session.close();
  });

  it('when sequences take turns', async () => {
    const sessions = [tokens, tokens.slice(100), tokens.slice(100, 300)].map((ids) => ({
      ids,
      session: model.createSession(),
      parts: [] as Buffer[],
    }));
    for (let i = 0; i < tokens.length; i += 50) {
      await Promise.all(
        sessions.map(async ({ ids, session, parts }) => {
          const chunk = ids.slice(i, i + 50);
          if (chunk.length > 0) parts.push(bits(await session.evaluate(chunk, { logits: 'all' })));
        }),
      );
    }
    expect(Buffer.concat(sessions[0]!.parts).equals(expected)).toBe(true);
    expect(sessions[2]!.parts.length).toBe(4);
    const [, b, c] = sessions.map(({ parts }) => Buffer.concat(parts));
    expect(b!.subarray(0, c!.length).equals(c!)).toBe(true);
    for (const { session } of sessions) session.close();
  });

  it('when models that share threads run at the same time', async () => {
    const models = await Promise.all(names.map((name) => load(pathOf(name), { threads: 2 })));
    const ids = tokens.slice(0, 150);
    const alone: Buffer[] = [];
    for (const each of models) alone.push(bits(await allLogits(each, ids, 50)));
    const together = await Promise.all(
      [...models, ...models].map((each) => allLogits(each, ids, 50)),
    );
    together.forEach((logits, i) => {
      expect(bits(logits).equals(alone[i % models.length]!)).toBe(true);
    });
  });

  it('when models on different numbers of threads run at the same time', async () => {
    const models = await Promise.all(
      [1, 2, 3, 7].map((threads) => load(pathOf('I2_S'), { threads })),
    );
    const ids = tokens.slice(0, 300);
    for (const logits of await Promise.all(models.map((each) => allLogits(each, ids, 100)))) {
      expect(bits(logits).equals(expected.subarray(0, 300 * shape.vocabSize * 4))).toBe(true);
    }
  });
});
