import { copyFile, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readGguf } from '../../lib/gguf/reader.js';
import { loadModel, type QuantizeOptions, quantizeModel } from '../../lib/index.js';
import { writeSplit } from '../fixtures/split-model.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyModel } from '../fixtures/tiny-model.js';
import { tensorsOf } from './one-tensor.js';

const folder = tempFolder();

/** What a promise is rejected with. */
async function rejection(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  return promise.then(
    () => new Error('the promise was resolved'),
    (error) => error,
  );
}

const tiny = tinyModel({ arch: 'llama', weightType: 'F16', ternaryValues: true });
const plain = tinyModel({ arch: 'llama', weightType: 'F32' });
const [ternary, dense] = [folder('ternary.gguf'), folder('dense.gguf')];
let runs = 0;
beforeAll(async () => {
  await tiny.write(ternary);
  await plain.write(dense);
});

/** Quantizes into a file of its own. */
async function written(from: string, options: QuantizeOptions) {
  const path = folder(`written-${runs++}.gguf`);
  return { path, result: await quantizeModel(from, path, options) };
}

async function logitsOf(path: string): Promise<Float32Array> {
  const model = await loadModel(path, { threads: 1 });
  const session = model.createSession();
  const logits = await session.evaluate([5, 6, 7, 8], { logits: 'all' });
  model.close();
  return logits;
}

describe('quantizeModel', () => {
  it('writes a model that computes the same from the same trits', async () => {
    const [i2s, tq2] = [await written(ternary, { type: 'i2_s' }), folder('tq2.gguf')];
    await quantizeModel(i2s.path, tq2, { type: 'TQ2_0' });
    expect(await logitsOf(tq2)).toEqual(await logitsOf(i2s.path));
    const types = i2s.result.tensors.map(({ name, to }) => [name, to]);
    expect(types).toContainEqual(['blk.1.ffn_down.weight', 'I2_S']);
    expect(types).toContainEqual(['token_embd.weight', 'F16']);
    expect(types).toContainEqual(['output_norm.weight', 'F32']);
  });

  it('writes the same bytes with any number of threads', async () => {
    for (const type of ['i2_s', 'q4_k_m'] as const) {
      const [one, two] = [
        await written(ternary, { type, threads: 1 }),
        await written(ternary, { type, threads: 3 }),
      ];
      expect((await readFile(one.path)).equals(await readFile(two.path))).toBe(true);
    }
  });

  it('keeps the metadata, and says the type of the file', async () => {
    const { path, result } = await written(ternary, { type: 'q8_0' });
    const [before, after] = [await readGguf(ternary), await readGguf(path)];
    for (const [key, value] of before.metadata) {
      if (key === 'general.file_type') continue;
      const found = after.metadata.get(key);
      if (typeof value === 'object') {
        expect((found as typeof value).toArray()).toEqual(value.toArray());
      } else expect([key, found]).toEqual([key, value]);
      expect(after.valueTypes.get(key)).toBe(before.valueTypes.get(key));
    }
    expect(after.metadata.get('general.file_type')).toBe(7);
    expect(result).toMatchObject({ path, type: 'Q8_0', bytes: (await stat(path)).size });
  });

  it('gives embedding and head the types that are asked for, and keeps what is to stay', async () => {
    const { path } = await written(ternary, {
      type: 'i2_s',
      tokenEmbeddingType: 'q8_0',
      outputType: 'Q6_K',
      keep: ['blk.0.*', '*.1.ffn_*down*'],
    });
    const tensors = await tensorsOf(path);
    const typeOf = (name: string) => tensors.get(name)?.type;
    expect(typeOf('token_embd.weight')).toBe('Q8_0');
    expect(typeOf('output.weight')).toBe('Q6_K');
    expect(typeOf('blk.0.attn_q.weight')).toBe('F16');
    expect(typeOf('blk.1.ffn_down.weight')).toBe('F16');
    expect(typeOf('blk.1.ffn_up.weight')).toBe('I2_S');
  });

  it('makes one file of a split model', async () => {
    const name = (no: number) => folder(`split-0000${no + 1}-of-00003.gguf`);
    await writeSplit(tiny, name, 3);
    const { path } = await written(name(1), { type: 'i2_s' });
    const whole = await written(ternary, { type: 'i2_s' });
    expect((await readFile(path)).equals(await readFile(whole.path))).toBe(true);
  });

  it('forces master weights to be ternary, and says how far they were', async () => {
    const error = await rejection(written(dense, { type: 'i2_s' }));
    expect(error).toMatchObject({ code: 'ERR_BITNET_TYPE' });
    expect(error.message).toContain('blk.0.attn_q.weight');
    const { result } = await written(dense, { type: 'i2_s', force: true });
    const forced = result.tensors.filter(({ distance }) => distance !== undefined);
    expect(forced.map(({ to }) => to)).toEqual(Array(14).fill('I2_S'));
    for (const { distance } of forced) expect(distance).toBeGreaterThan(0.1);
  });

  it('reports how far it is', async () => {
    const seen: number[] = [];
    await written(ternary, {
      type: 'i2_s',
      onProgress: ({ fraction }) => void seen.push(fraction),
    });
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.at(-1)).toBe(1);
  });
});

describe('nothing is written, and nothing lost', () => {
  const files = async () =>
    (await readdir(dirname(ternary))).filter((name) => /part|gone/.test(name));

  it('where the file is the model itself, or another that is there', async () => {
    const copy = folder('copy.gguf');
    await copyFile(ternary, copy);
    const before = await readFile(copy);
    const own = await rejection(quantizeModel(copy, copy, { type: 'i2_s', overwrite: true }));
    expect(own.message).toContain('which is the model that is read; choose another name');
    const other = await rejection(quantizeModel(ternary, copy, { type: 'i2_s' }));
    expect(other.message).toContain('allow it to be replaced (--overwrite, overwrite)');
    expect((await readFile(copy)).equals(before)).toBe(true);
  });

  it.each([
    [{ type: 'q9' }, 'Expected one of I2_S, TQ1_0'],
    [{ type: 'i2_s', keep: 'blk' }, 'a list of names of tensors for option keep'],
    [{ type: 'i2_s', outputType: 'i3' }, 'for option outputType'],
    [{ type: 'i2_s', threads: 0 }, 'for option threads'],
    [{ type: 'i2_s', fore: true }, 'did you mean force?'],
  ])('for %j', async (options, message) => {
    const given = options as unknown as QuantizeOptions;
    const error = await rejection(quantizeModel(ternary, folder('gone.gguf'), given));
    expect(error.message).toContain(message);
    expect(await files()).toEqual([]);
  });

  it('for a signal, before and in the middle', async () => {
    const early = { type: 'i2_s', signal: AbortSignal.abort() } as const;
    const path = folder('gone.gguf');
    expect(await rejection(quantizeModel(ternary, path, early))).toMatchObject({
      code: 'ERR_BITNET_ABORTED',
    });
    const controller = new AbortController();
    const { signal } = controller;
    const onProgress = () => controller.abort();
    const late = quantizeModel(ternary, path, { type: 'i2_s', signal, onProgress });
    expect(await rejection(late)).toMatchObject({ code: 'ERR_BITNET_ABORTED', name: 'AbortError' });
    expect(await files()).toEqual([]);
  });

  it('for files that are damaged', async () => {
    const path = folder('damaged.gguf');
    await writeFile(path, 'GGUF');
    expect(
      await rejection(quantizeModel(path, folder('gone.gguf'), { type: 'i2_s' })),
    ).toMatchObject({ code: 'ERR_BITNET_GGUF' });
    await copyFile(ternary, path);
    await truncate(path, (await stat(path)).size - 1000);
    expect(
      await rejection(quantizeModel(path, folder('gone.gguf'), { type: 'i2_s' })),
    ).toMatchObject({ code: 'ERR_BITNET_GGUF' });
    expect(await files()).toEqual([]);
  });

  it('for shapes that a type does not hold', async () => {
    const odd = tinyModel({ arch: 'llama', weightType: 'F16', ternaryValues: true, ffnDim: 160 });
    await odd.write(folder('odd.gguf'));
    const error = await rejection(
      quantizeModel(folder('odd.gguf'), folder('gone.gguf'), { type: 'tq2_0' }),
    );
    expect(error).toMatchObject({ code: 'ERR_BITNET_TYPE' });
    expect(error.message).toContain(
      'rows of whole blocks of 256 weights for TQ2_0, but found 256 × 160',
    );
    // Dense types take others instead, as llama-quantize does.
    const { result } = await written(folder('odd.gguf'), { type: 'q4_k_m' });
    const typeOf = new Map(result.tensors.map(({ name, to }) => [name, to]));
    expect(typeOf.get('blk.0.ffn_down.weight')).toBe('Q5_0');
    expect(await files()).toEqual([]);
  });
});
