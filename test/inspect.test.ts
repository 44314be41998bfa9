import { truncateSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { writeGguf } from '../lib/gguf/writer.js';
import { inspectModel, loadModel, type ModelSpec } from '../lib/index.js';
import { memoryEstimate } from '../lib/model/load/memory.js';
import { tempFolder } from './fixtures/temp-folder.js';
import { type TinyOptions, tinyModel } from './fixtures/tiny-model.js';
import { tinyVocabulary } from './fixtures/tiny-vocabulary.js';

const file = tempFolder();
const root = resolve(__dirname, '..');

async function written(
  name: string,
  options: TinyOptions,
  change?: (model: ReturnType<typeof tinyModel>) => void,
) {
  const model = tinyModel(options);
  change?.(model);
  await model.write(file(name));
  return file(name);
}

describe('inspectModel', () => {
  test('without a path describes the embedded model', async () => {
    const inspection = await inspectModel();
    expect(inspection).toMatchObject({
      path: join(root, 'models/stories-ternary.gguf'),
      file: { version: 3, alignment: 32 },
      architecture: 'bitnet-b1.58',
      model: { nLayer: 6, dim: 256, ffnDim: 768, nHead: 4, nKvHead: 2, activation: 'relu2' },
      tokenizer: {
        kind: 'bpe',
        preTokenizer: 'gpt-2',
        vocabSize: 4096,
        bos: 4095,
        endOfGeneration: [{ id: 4095, text: '<|endoftext|>' }],
      },
      chatTemplate: false,
      problems: [],
    });
    expect(inspection.tensors).toHaveLength(68);
    expect(inspection.tensors[0]).toMatchObject({
      name: 'token_embd.weight',
      type: 'F16',
      dims: [256, 4096],
      bytes: 256 * 4096 * 2,
    });
  });

  test('gives metadata in file order, with types, and arrays by their length and first elements', async () => {
    const { metadata } = await inspectModel();
    expect(metadata[0]).toEqual({
      key: 'general.architecture',
      type: 'string',
      value: 'bitnet-b1.58',
    });
    expect(metadata).toContainEqual({
      key: 'tokenizer.ggml.merges',
      type: 'string[]',
      value: { length: 3839, first: ['Ġ t', 'h e', 'Ġ a', 'Ġ s', 'Ġ w'] },
    });
  });

  test('says which rules decided what the file leaves open', async () => {
    const path = await written('llama.gguf', { arch: 'llama' });
    const { decisions } = await inspectModel(path);
    expect(decisions.map(({ subject }) => subject)).toContain('activation');
    const forced = await inspectModel(path, { activation: 'relu2' });
    expect(forced.model?.activation).toBe('relu2');
    expect(forced.decisions).not.toEqual(decisions);
  });

  test.each<[string, TinyOptions]>([
    ['the embedded model', {}],
    ['odd sizes', { ffnDim: 200, nKvHead: 2, headDim: 96, vocabSize: 300 }],
    ['dense layers', { weightType: 'F16', arch: 'bitnet' }],
    ['an untied head', { arch: 'llama', headType: 'Q8_0', weightType: 'TQ2_0' }],
    ['row scales', { weightType: 'IQ2_BN', unevenScales: true }],
  ])('estimates the memory that loading %s really takes', async (name, options) => {
    const path = name === 'the embedded model' ? undefined : await written(`${name}.gguf`, options);
    const { memory, plan } = await inspectModel(path);
    const model = await loadModel(path);
    const total = (parts: object) => Object.values(parts).reduce((sum, part) => sum + part, 0);
    const { kvPer1000Positions, states: _, ...weights } = memory!;
    try {
      expect(total(weights) / total(model.memory)).toBeCloseTo(1, 1);
      expect(weights.ternary).toBeCloseTo(model.memory.ternary, -4);
      if (name !== 'row scales') expect(plan).toEqual(model.plan);
    } finally {
      model.close();
    }
    expect(kvPer1000Positions.q8_0).toBeGreaterThan(0);
    expect(kvPer1000Positions.f16).toBeGreaterThan(kvPer1000Positions.q8_0);
  });

  test('counts keys and values of 2B-4T as 75 KiB a position, 39.8 KiB in q8_0', () => {
    const spec = { nLayer: 30, nKvHead: 5, headDim: 128, tensors: [] } as unknown as ModelSpec;
    expect(memoryEstimate(spec, []).kvPer1000Positions).toEqual({
      f16: 75 * 1024 * 1000,
      q8_0: 30 * 2 * 5 * (128 + 4 * 2) * 1000,
    });
  });

  test('names the kernels there are and which would be used', async () => {
    const { cpu } = await inspectModel(undefined, { kernel: 'scalar' });
    expect(cpu?.kernels.at(-1)).toMatchObject({ isa: 'scalar', usable: true });
    expect(cpu?.chosen).toEqual({ ternary: 'mad2-scalar', dense: 'scalar', vector: 'scalar' });
    const { problems } = await inspectModel(undefined, { kernel: 'abacus' });
    expect(problems).toMatchObject([{ code: 'ERR_BITNET_KERNEL' }]);
  });

  test('describes a vocabulary without a model', async () => {
    const path = file('vocabulary.gguf');
    const architecture = { type: 'string', value: 'llama' } as const;
    const metadata = new Map([['general.architecture', architecture], ...tinyVocabulary(300)]);
    await writeGguf(path, { metadata });
    const inspection = await inspectModel(path);
    expect(inspection).toMatchObject({ tensors: [], tokenizer: { vocabSize: 300 } });
    expect(inspection.model).toBeUndefined();
    expect(inspection.memory).toBeUndefined();
    expect(inspection.problems).toMatchObject([{ code: 'ERR_BITNET_MODEL' }]);
  });

  test('describes a model of an architecture it cannot run', async () => {
    const path = await written('mamba.gguf', {}, ({ metadata }) =>
      metadata.set('general.architecture', { type: 'string', value: 'mamba' }),
    );
    const inspection = await inspectModel(path);
    expect(inspection.architecture).toBe('mamba');
    expect(inspection.tensors.length).toBeGreaterThan(10);
    expect(inspection.problems[0]!.message).toContain('"mamba"');
  });

  test('describes a model without a tokenizer', async () => {
    const path = await written('mute.gguf', {}, ({ metadata }) => {
      for (const key of metadata.keys()) if (key.startsWith('tokenizer.')) metadata.delete(key);
    });
    const inspection = await inspectModel(path);
    expect(inspection.model).toBeDefined();
    expect(inspection.tokenizer).toBeUndefined();
    expect(inspection.problems).toMatchObject([{ code: 'ERR_BITNET_TOKENIZER' }]);
  });

  test('refuses what is no sound GGUF file, and options it does not know', async () => {
    await expect(inspectModel(file('none.gguf'))).rejects.toMatchObject({
      code: 'ERR_BITNET_FILE',
    });
    const cut = await written('cut.gguf', {});
    truncateSync(cut, 100);
    await expect(inspectModel(cut)).rejects.toMatchObject({ code: 'ERR_BITNET_GGUF' });
    await expect(inspectModel(undefined, { kernels: 'x' } as object)).rejects.toThrow(
      'did you mean kernel?',
    );
    const activation = 'gelu' as 'silu';
    await expect(inspectModel(undefined, { activation })).rejects.toMatchObject({
      code: 'ERR_BITNET_ARGUMENT',
    });
  });
});
