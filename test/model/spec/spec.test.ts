import { describe, expect, it } from 'vitest';
import { readSpec } from '../../../lib/model/spec/read-spec.js';
import {
  damaged,
  embedding06b,
  embedding270m,
  emptyStrings,
  PaperModel,
  refusal,
  sizes2b,
  sizes27b,
} from '../paper-model.js';

describe('readSpec', () => {
  it('describes a model completely', () => {
    const spec = readSpec(new PaperModel().file);
    expect(spec).toMatchObject({
      architecture: 'bitnet-b1.58',
      name: 'paper',
      nLayer: 2,
      dim: 128,
      ffnDim: 192,
      nHead: 4,
      nKvHead: 2,
      headDim: 32,
      vocabSize: 300,
      contextLength: 4096,
      normEps: Math.fround(1e-5),
      rope: { type: 'neox', dim: 32, base: 10000, scale: 1 },
      activation: 'relu2',
      unused: [],
    });
    expect(spec.tensors).toHaveLength(2 + 2 * 11);
    const file = new PaperModel().file;
    for (const { name, offset, bytes, rows, cols, type } of spec.tensors) {
      const tensor = file.tensors.find((t) => t.name === name)!;
      expect([offset, bytes, type]).toEqual([tensor.offset, tensor.bytes, tensor.type]);
      expect(tensor.dims).toEqual(tensor.dims.length === 1 ? [cols] : [cols, rows]);
    }
    expect(spec.tensors.filter(({ layer }) => layer === -1).map(({ role }) => role)).toEqual([
      'token_embd',
      'output_norm',
    ]);
    expect(spec.tensors.filter(({ layer }) => layer === 1).map(({ role }) => role)).toEqual([
      'attn_norm',
      'attn_q',
      'attn_k',
      'attn_v',
      'attn_sub_norm',
      'attn_output',
      'ffn_norm',
      'ffn_gate',
      'ffn_up',
      'ffn_sub_norm',
      'ffn_down',
    ]);
  });

  it('does without a name', () => {
    expect('name' in readSpec(new PaperModel().drop('general.name').file)).toBe(false);
  });

  it.each([
    ['bitnet-b1.58', 'neox'],
    ['bitnet-25', 'neox'],
    ['bitnet', 'neox'],
    ['llama', 'norm'],
    ['qwen2', 'neox'],
    ['qwen3', 'neox'],
    ['gemma3', 'neox'],
    ['minicpm', 'norm'],
    ['hunyuan-dense', 'neox'],
    ['olmo', 'norm'],
    ['olmo2', 'neox'],
    ['maple', 'neox'],
    ['qwen35', 'neox'],
    ['falcon-h1', 'neox'],
  ])('gives architecture %s rotary embedding of type %s', (arch, type) => {
    expect(readSpec(new PaperModel({ arch }).file).rope.type).toBe(type);
  });

  it('reads the published models by their shapes', () => {
    const spec = readSpec(new PaperModel({ ...sizes2b, arch: 'bitnet-b1.58' }).file);
    expect(spec).toMatchObject({ headDim: 128, activation: 'relu2' });
    expect(spec.tensors).toHaveLength(332);
    const bytes = spec.tensors.reduce((sum, tensor) => sum + tensor.bytes, 0);
    expect(bytes).toBe(1_179_449_920);
    const published = [
      {
        arch: 'bitnet',
        nLayer: 24,
        dim: 1536,
        ffnDim: 4096,
        nHead: 16,
        nKvHead: 16,
        vocabSize: 32002,
      },
      {
        arch: 'bitnet',
        nLayer: 24,
        dim: 2048,
        ffnDim: 5460,
        nHead: 32,
        nKvHead: 32,
        vocabSize: 32002,
      },
      {
        arch: 'bitnet',
        nLayer: 26,
        dim: 3200,
        ffnDim: 8640,
        nHead: 32,
        nKvHead: 32,
        vocabSize: 32002,
      },
      {
        arch: 'llama',
        nLayer: 32,
        dim: 4096,
        ffnDim: 14336,
        nHead: 32,
        nKvHead: 8,
        vocabSize: 128256,
      },
      {
        arch: 'llama',
        nLayer: 40,
        dim: 3072,
        ffnDim: 23040,
        nHead: 12,
        nKvHead: 4,
        vocabSize: 131072,
      },
      { ...embedding06b, arch: 'qwen3' },
      { ...embedding270m, arch: 'gemma3' },
      // deepgrove/maple-preview, of which a router chooses 8 in 256 experts.
      {
        ...{ arch: 'maple', nLayer: 24, dim: 2048, ffnDim: 512, nHead: 16, nKvHead: 4 },
        ...{ vocabSize: 151_936, experts: 256, weightType: 'TQ2_0' },
      },
      { ...sizes27b, arch: 'qwen35' },
    ];
    expect(published.map((options) => readSpec(new PaperModel(options).file).headDim)).toEqual([
      96, 64, 100, 128, 256, 128, 256, 128, 256,
    ]);
  });
});

describe('the file', () => {
  const architectures =
    'one of bitnet-b1.58, bitnet-25, bitnet, llama, qwen2, qwen3, minicpm, hunyuan-dense, olmo, olmo2, gemma3, maple, qwen35, falcon-h1';
  const only = 'only models of these architectures can run';
  it.each([
    [
      'an unknown architecture',
      new PaperModel().set('general.architecture', 'string', 'mamba'),
      `Expected metadata "general.architecture" of "paper.gguf" to be ${architectures}, but found "mamba"; ${only}.`,
    ],
    [
      'no architecture',
      new PaperModel().drop('general.architecture'),
      `Expected metadata "general.architecture" of "paper.gguf" to be ${architectures}, but found no such text; ${only}.`,
    ],
    [
      'an architecture called __proto__',
      new PaperModel().set('general.architecture', 'string', '__proto__'),
      `Expected metadata "general.architecture" of "paper.gguf" to be ${architectures}, but found "__proto__"; ${only}.`,
    ],
    [
      'any other graph of PrismML',
      new PaperModel().set('prism.version', 'u32', 1),
      'Expected metadata "prism.version" of "paper.gguf" to be absent, but found a step of a graph of PrismML’s; models like this cannot run yet.',
    ],
    [
      'LongRoPE by its tensors alone',
      new PaperModel({ arch: 'llama' }).add('rope_factors_long.weight', [16], 'F32'),
      'Expected tensor "rope_factors_long.weight" of "paper.gguf" to be absent from a model of architecture llama, but found a scaling of rotary angles (LongRoPE) that the model was trained with; models like this cannot run yet.',
    ],
    [
      'more tokens than embeddings',
      new PaperModel().set('tokenizer.ggml.tokens', 'array', emptyStrings(301)),
      `Expected metadata "tokenizer.ggml.tokens" of "paper.gguf" to be at most 300 tokens, the rows of token_embd.weight, but found 301; ${damaged}.`,
    ],
    [
      'no embedding',
      new PaperModel().remove('token_embd.weight'),
      `Expected tensor "token_embd.weight" of "paper.gguf" to be there, but found no such tensor; ${damaged}.`,
    ],
    [
      'an embedding without rows',
      new PaperModel().change('token_embd.weight', { dims: [128, 0] }),
      `Expected tensor "token_embd.weight" of "paper.gguf" to be of shape [128, vocabulary] with a vocabulary from 1 to 4194304, but found [128, 0]; ${damaged}.`,
    ],
    [
      'an embedding for too many tokens',
      new PaperModel().change('token_embd.weight', { dims: [128, 2 ** 23] }),
      `Expected tensor "token_embd.weight" of "paper.gguf" to be of shape [128, vocabulary] with a vocabulary from 1 to 4194304, but found [128, 8388608]; ${damaged}.`,
    ],
  ])('is refused: %s', (_, model, message) => {
    const error = refusal(model);
    expect(error.message).toBe(message);
    expect(error.code).toBe('ERR_BITNET_MODEL');
  });

  it('is refused when it has only a vocabulary', () => {
    const file = { ...new PaperModel().file, tensors: [] };
    expect(() => readSpec(file)).toThrow(
      'Expected the tensor count of "paper.gguf" to be at least 1, but found 0; this is a vocabulary without a model, give the path of a model.',
    );
  });

  it('may have fewer tokens than embeddings, and no tokens at all', () => {
    const fewer = new PaperModel().set('tokenizer.ggml.tokens', 'array', emptyStrings(299));
    expect(readSpec(fewer.file).vocabSize).toBe(300);
    expect(readSpec(new PaperModel().drop('tokenizer.ggml.tokens').file).vocabSize).toBe(300);
  });
});
