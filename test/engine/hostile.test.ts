import { existsSync, readdirSync } from 'node:fs';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { modelTemplates } from '../../lib/chat/template.js';
import { readGguf } from '../../lib/gguf/reader.js';
import { BitnetError, loadModel } from '../../lib/index.js';
import { readSpec } from '../../lib/model/spec/read-spec.js';
import { createTokenizer } from '../../lib/tokenizer/index.js';
import { type DenseType, denseTypes, encodeDense, type TernaryType } from '../fixtures/encode.js';
import { processorTime } from '../fixtures/processor-time.js';
import { random } from '../fixtures/random.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { type TinyModel, type TinyOptions, tinyModel } from '../fixtures/tiny-model.js';

const temp = tempFolder();

/** 'ok', the code of a BitnetError, or any other error in full. */
async function outcomeOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return 'ok';
  } catch (error) {
    return error instanceof BitnetError ? error.code : `${(error as Error).stack}`;
  }
}

async function parse(path: string) {
  const file = await readGguf(path);
  readSpec(file);
  modelTemplates(file, await createTokenizer(file));
}

async function run(path: string) {
  const model = await loadModel(path);
  try {
    const options = { maxTokens: 4, temperature: 0 };
    await model.createSession().complete('the end', options);
  } finally {
    model.close();
  }
}

/** File descriptors of this process, where Linux tells. */
function openFiles(): number {
  const folder = '/proc/self/fd';
  return existsSync(folder) ? readdirSync(folder).length : 0;
}

/** Changes some bytes of an open file, runs work, and puts them back. */
async function withBytes(
  handle: FileHandle,
  sound: Buffer,
  places: readonly number[],
  value: () => number,
  work: () => Promise<unknown>,
): Promise<void> {
  for (const at of places) await handle.write(Buffer.of(value()), 0, 1, at);
  await work();
  for (const at of places) await handle.write(sound, at, 1, at);
}

describe('a model file with some bytes changed', () => {
  it('is refused or runs, 10,000 times in its header and 300 of those that parse to the end', async () => {
    const path = temp('flipped.gguf');
    const options = { dim: 128, ffnDim: 128, nHead: 2, nLayer: 1, vocabSize: 270, ropeFreqs: true };
    await tinyModel({ ...options, weightType: 'IQ1_BN' }).write(path);
    const sound = await readFile(path);
    const { dataStart } = await readGguf(path);
    const handle = await open(path, 'r+');
    const next = random(20);
    const outcomes = new Map<string, number>();
    const count = (outcome: string) => outcomes.set(outcome, 1 + (outcomes.get(outcome) ?? 0));
    let [slowest, runs, memory] = [0, 0, 0];
    const timed = async (work: () => Promise<unknown>) => {
      const begin = processorTime();
      const outcome = await outcomeOf(work);
      slowest = Math.max(slowest, processorTime() - begin);
      return outcome;
    };
    await run(path);
    const before = process.memoryUsage().rss;
    const files = openFiles();

    for (let i = 0; i < 10_000; i++) {
      const places = [next(), next()].slice(i % 2).map((r) => Math.floor(r * dataStart));
      await withBytes(
        handle,
        sound,
        places,
        () => 256 * next(),
        async () => {
          const parsed = await timed(() => parse(path));
          count(`parse ${parsed}`);
          if (parsed !== 'ok' || runs >= 250) return;
          runs++;
          count(`run ${await timed(() => run(path))}`);
          memory = Math.max(memory, process.memoryUsage().rss);
        },
      );
    }
    for (; runs < 300; runs++) {
      const places = Array.from({ length: 5 }, () =>
        Math.floor(dataStart + next() * (sound.length - dataStart)),
      );
      await withBytes(
        handle,
        sound,
        places,
        () => 256 * next(),
        async () => {
          count(`data ${await timed(() => run(path))}`);
          memory = Math.max(memory, process.memoryUsage().rss);
        },
      );
    }
    await handle.close();
    for (const outcome of outcomes.keys()) expect(outcome).toMatch(/^\w+ (ok|ERR_BITNET_[A-Z]+)$/);
    expect(outcomes.get('run ok')).toBeGreaterThan(100);
    expect(runs).toBe(300);
    expect(slowest).toBeLessThan(2000);
    expect(memory).toBeLessThan(2 * before);
    expect(openFiles()).toBeLessThanOrEqual(files);
    await run(path);
  });

  it('is refused when it is cut anywhere in its data', async () => {
    const path = temp('cut.gguf');
    await tinyModel({ dim: 128, ffnDim: 128, nHead: 2, nLayer: 1 }).write(path);
    const sound = await readFile(path);
    const { tensors } = await readGguf(path);
    const handle = await open(path, 'r+');
    // From the end, at and beside every border between two tensors.
    const ends = tensors.map(({ offset, bytes }) => offset + bytes).sort((a, b) => b - a);
    for (const size of ends.flatMap((end) => [end - 1, end - 17])) {
      await handle.truncate(size);
      expect(await outcomeOf(() => run(path)), `${size} of ${sound.length}`).toBe(
        'ERR_BITNET_GGUF',
      );
    }
    await handle.close();
  });
});

describe('numbers that are none', () => {
  const tiny = { dim: 256, ffnDim: 256, nLayer: 1, vocabSize: 320 };
  const path = temp('numbers.gguf');

  async function errorOf(options: TinyOptions, change: (model: TinyModel) => void) {
    const model = tinyModel({ ...tiny, ...options });
    change(model);
    await model.write(path);
    return run(path).then(
      () => undefined,
      (error: unknown) => error as BitnetError,
    );
  }

  const set = (name: string, at: number, bytes: readonly number[]) => (model: TinyModel) => {
    const tensor = model.tensors.get(name)!;
    tensor.bytes.set(bytes, at < 0 ? tensor.bytes.length + at : at);
  };
  const nan = [0, 0, 0xc0, 0x7f];
  const infinity = [0, 0, 0x80, 0xff];
  const halfNan = [0, 0x7e];
  const halfInfinity = [0, 0x7c];
  const up = 'blk.0.ffn_up.weight';

  it.each<[TernaryType, string, number, number[]]>([
    ['I2_S', 'NaN', -32, nan],
    ['I2_S', 'infinite', -32, infinity],
    ['TQ1_0', 'NaN', 52, halfNan],
    ['TQ2_0', 'infinite', -2, halfInfinity],
    ['IQ1_BN', 'NaN', 0, halfNan],
    ['IQ2_BN', 'NaN', 0, nan],
    ['IQ2_BN_R4', 'NaN', 12, nan],
    ['Q2_0', 'NaN', 18, halfNan],
    ['PQ2_0', 'infinite', 0, halfInfinity],
    ['PTQ1_0', 'NaN', 26, halfNan],
  ])('as a scale of %s are refused: %s', async (weightType, _, at, bytes) => {
    const error = await errorOf({ weightType }, set(up, at, bytes));
    expect(error).toMatchObject({ name: 'BitnetError', code: 'ERR_BITNET_MODEL' });
    expect(error!.message).toMatch(
      `Tensor "${up}" (${weightType}) has a scale that is not a finite number: the file is damaged`,
    );
  });

  it.each<[TernaryType, number]>([
    ['I2_S', 100],
    ['TQ2_0', 66 * 5 + 63],
    ['IQ2_BN', 4 + 15],
    ['IQ2_BN_R4', 16 + 63],
  ])('as weights of %s, the code 3, are refused', async (weightType, at) => {
    for (const byte of [0b11, 0b1100, 0b11_0000, 0b1100_0000]) {
      const error = await errorOf({ weightType }, set(up, at, [byte]));
      expect(error).toMatchObject({ code: 'ERR_BITNET_MODEL' });
      expect(error!.message).toMatch(
        `Tensor "${up}" (${weightType}) holds the code 3, which is not a ternary weight: the file`,
      );
    }
  });

  it.each<[string, number[], 'F32' | 'F16' | 'BF16']>([
    ['output_norm.weight', nan, 'F32'],
    ['blk.0.attn_norm.weight', infinity, 'F32'],
    ['blk.0.attn_sub_norm.weight', halfNan, 'F16'],
    ['blk.0.ffn_norm.weight', [0x80, 0x7f], 'BF16'],
    ['blk.0.ffn_sub_norm.weight', nan, 'F32'],
  ])('in %s are refused', async (name, bytes, normType) => {
    const error = await errorOf({ normType }, set(name, 8, bytes));
    expect(error).toMatchObject({ code: 'ERR_BITNET_MODEL' });
    expect(error!.message).toMatch(
      `Tensor "${name}" (${normType}) holds a value that is not a finite number: the file`,
    );
  });

  it('as rotary factors are refused: NaN and 0', async () => {
    const options = { ropeFreqs: true };
    const name = 'rope_freqs.weight';
    const error = await errorOf(options, set(name, 0, nan));
    expect(error).toMatchObject({ code: 'ERR_BITNET_MODEL' });
    const zero = await errorOf(options, set(name, 0, [0, 0, 0, 0]));
    expect(zero?.code).toMatch(/ERR_BITNET_(MODEL|NUMERIC)/);
    const longRope = { arch: 'minicpm', longRopeAbove: 8 } as const;
    for (const bytes of [nan, [0, 0, 0, 0]]) {
      const long = await errorOf(longRope, set('rope_factors_long.weight', 0, bytes));
      expect(long?.code).toMatch(/ERR_BITNET_(MODEL|NUMERIC)/);
    }
  });

  it.each([
    { scales: [1e6, 1, 1e-5] as const },
    { scales: [1, 1e6, 1e-5] as const },
    { scales: [1e-5, 1e-5, 1e6] as const },
  ])('as scales of a graph give numbers or end with an error: $scales', async ({ scales }) => {
    const error = await errorOf({ arch: 'minicpm', scales }, () => {});
    expect(error?.code ?? 'ERR_BITNET_NUMERIC').toBe('ERR_BITNET_NUMERIC');
  });

  const numeric = { name: 'BitnetError', code: 'ERR_BITNET_NUMERIC' };

  /** Where the blocks of a type have a half. */
  const scalePlaces: Partial<Record<DenseType, { first: number; every: number }>> = {
    Q8_0: { first: 0, every: 34 },
    Q6_K: { first: 208, every: 210 },
    Q4_0: { first: 0, every: 18 },
    Q4_K: { first: 0, every: 144 },
    Q4_1: { first: 2, every: 20 },
    Q5_0: { first: 0, every: 22 },
    Q5_1: { first: 2, every: 24 },
    Q5_K: { first: 2, every: 176 },
    IQ4_NL: { first: 0, every: 18 },
  };

  it.each<[DenseType, number[]]>([
    ['F16', halfInfinity],
    ['F16', halfNan],
    ['F32', nan],
    ['BF16', [0x80, 0x7f]],
    ['Q8_0', []],
    ['Q6_K', []],
    ['Q4_0', []],
    ['Q4_K', []],
    ['Q4_1', []],
    ['Q5_0', []],
    ['Q5_1', []],
    ['Q5_K', []],
    ['IQ4_NL', []],
  ])('in an %s embedding show when it writes', async (headType, bytes) => {
    const error = await errorOf({ headType }, (model) => {
      const all = model.tensors.get('token_embd.weight')!.bytes;
      const at = scalePlaces[headType];
      if (at) for (let i = at.first; i < all.length; i += at.every) all.set(halfNan, i);
      else for (let i = 0; i < all.length; i += bytes.length) all.set(bytes, i);
    });
    expect(error).toMatchObject(numeric);
    expect(error!.message).toMatch(/finite|NaN/);
  });

  it.each(denseTypes)('in dense %s weights show when it writes', async (weightType) => {
    const error = await errorOf({ weightType }, (model) => {
      const { bytes, cols, rows } = model.tensors.get(up)!;
      const huge = encodeDense('F32', new Float64Array(cols * rows).fill(Number.NaN));
      if (weightType === 'F32') bytes.set(huge);
      else bytes.fill(0x7f);
    });
    // 0x7f7f is NaN in f16, and 3.4e38 in bf16, whose products overflow.
    expect(error).toMatchObject(numeric);
  });

  it('that overflow on the way show when it writes', async () => {
    const largest = [0xff, 0xff, 0x7f, 0x7f];
    for (const name of [up, 'blk.0.ffn_down.weight', 'blk.0.attn_output.weight']) {
      const error = await errorOf({}, set(name, -32, largest));
      expect(error, name).toMatchObject(numeric);
    }
  });

  it('in the head end every call that asks for logits, and change nothing', async () => {
    for (const [bytes, headType] of [
      [nan, 'F32'],
      [infinity, 'F32'],
      [halfNan, 'F16'],
    ] as const) {
      const damaged = tinyModel({ ...tiny, tied: false, headType });
      damaged.tensors.get('output.weight')!.bytes.set(bytes, 512 * bytes.length);
      await damaged.write(path);
      const model = await loadModel(path);
      const session = model.createSession();
      for (const call of [
        () => session.evaluate([1, 2]),
        () => session.evaluate([1, 2], { logits: 'all' }),
        () => session.evaluate([1, 2], { top: 3 }),
        () => session.score([1, 2, 3]),
        () => session.complete([1, 2], { temperature: 0 }),
        () => session.complete([1, 2], { topK: 0 }),
      ]) {
        const error = await call().then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        expect(error).toMatchObject(numeric);
        expect(session.position).toBe(0);
      }
      expect(await session.evaluate([1, 2], { logits: 'none' })).toHaveLength(0);
      model.close();
    }
  });

  it('are not what zeros give', async () => {
    const empty = (model: TinyModel) => {
      for (const { type, bytes } of model.tensors.values()) bytes.fill(type === 'I2_S' ? 0x55 : 0);
    };
    const zeroScale = (model: TinyModel) => {
      for (const { type, bytes } of model.tensors.values()) if (type === 'I2_S') bytes.fill(0, -32);
    };
    expect(await errorOf({}, (model) => [empty(model), zeroScale(model)])).toBe(undefined);
    expect(await errorOf({}, zeroScale)).toBe(undefined);
  });
});

describe('a sound model of an unusual shape', () => {
  it('runs in bounded memory', async () => {
    // 13 MB on disk; 512 tokens at a time would take 1.2 GB of working values.
    const path = temp('wide.gguf');
    await tinyModel({ dim: 64, ffnDim: 262_144, nHead: 1, nLayer: 1, contextLength: 512 }).write(
      path,
    );
    const model = await loadModel(path, { threads: 2 });
    const before = process.memoryUsage().rss;
    const ids = Int32Array.from({ length: 512 }, (_, i) => i % 300);
    await model.createSession().evaluate(ids, { logits: 'none' });
    expect((process.memoryUsage().rss - before) / 2 ** 20).toBeLessThan(700);
    model.close();
  });
});
