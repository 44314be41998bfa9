import { describe, expect, it } from 'vitest';
import { denseTypes, ternaryTypes } from '../fixtures/encode.js';
import { random } from '../fixtures/random.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { type TinyModel, type TinyOptions, tinyModel } from '../fixtures/tiny-model.js';
import { type Comparison, compareWithTies } from '../reference/ties.js';
import { referenceModel } from '../reference/weights.js';
import { allLogits, modelLoader } from './engine.js';

const temp = tempFolder();
const load = modelLoader();

async function compare(model: TinyModel, tokens: number, floor: number): Promise<Comparison> {
  const path = temp('model.gguf');
  await model.write(path);
  const { vocabSize } = model.options;
  const next = random(tokens);
  const ids = Array.from({ length: tokens }, () => Math.floor(next() * vocabSize));
  const logits = await allLogits(await load(path), ids);
  return compareWithTies(await referenceModel(path, tokens), ids, logits, floor);
}

type Case = [title: string, options: TinyOptions, tokens?: number];

const ternary: Case[] = [
  ['bitnet-b1.58, I2_S, 5 heads of 64 on one KV head', { dim: 320, nHead: 5, nKvHead: 1 }],
  [
    'bitnet-25, I2_S, heads of 100 wider than the model',
    { arch: 'bitnet-25', dim: 320, nHead: 4, nKvHead: 2, headDim: 100 },
  ],
  ['bitnet, I2_S, heads of 96', { arch: 'bitnet', dim: 384, nHead: 4 }],
  ['llama, I2_S, heads of 128', { arch: 'llama', nHead: 4, nKvHead: 1, headDim: 128 }],
  ['llama, I2_S, tied', { arch: 'llama', tied: true, nHead: 4, nKvHead: 2 }],
  [
    'bitnet, I2_S, heads of 100, across blocks of 64 positions',
    { arch: 'bitnet', dim: 256, nHead: 2, headDim: 100, nLayer: 1 },
    130,
  ],
  [
    'bitnet, TQ1_0 with unequal scales',
    {
      arch: 'bitnet',
      weightType: 'TQ1_0',
      unevenScales: true,
      dim: 512,
      ffnDim: 512,
      nHead: 8,
      nLayer: 1,
    },
  ],
  [
    'llama, TQ2_0 with unequal scales',
    { arch: 'llama', weightType: 'TQ2_0', unevenScales: true, ffnDim: 768, nKvHead: 2 },
  ],
  [
    'bitnet-b1.58, IQ1_BN with unequal scales',
    { weightType: 'IQ1_BN', unevenScales: true, dim: 320, ffnDim: 704, nHead: 5 },
  ],
  [
    'llama, IQ2_BN with unequal scales',
    { arch: 'llama', weightType: 'IQ2_BN', unevenScales: true, ffnDim: 704, nHead: 2, nKvHead: 1 },
  ],
  [
    'bitnet, Q2_0 with unequal scales',
    { arch: 'bitnet', weightType: 'Q2_0', unevenScales: true, dim: 320, ffnDim: 704, nHead: 5 },
  ],
  [
    'llama, PQ2_0 with unequal scales',
    { arch: 'llama', weightType: 'PQ2_0', unevenScales: true, ffnDim: 640, nKvHead: 2 },
  ],
  [
    'qwen3, PTQ1_0 with unequal scales',
    { arch: 'qwen3', weightType: 'PTQ1_0', unevenScales: true, ffnDim: 640, nKvHead: 2 },
  ],
  [
    'qwen3, PTQ1_0, rotated by blocks of 128, heads wider than the model',
    {
      arch: 'qwen3',
      weightType: 'PTQ1_0',
      unevenScales: true,
      rotation: 128,
      ...{ dim: 256, ffnDim: 384, nHead: 4, nKvHead: 2, headDim: 128 },
    },
  ],
  [
    'bitnet-b1.58, untied, I2_S, rotated by blocks of 16, sub-norms before',
    { tied: false, rotation: 16, dim: 320, ffnDim: 784, nHead: 5, nKvHead: 1 },
  ],
  [
    'bitnet-b1.58, IQ2_BN_R4 with unequal scales',
    { weightType: 'IQ2_BN_R4', unevenScales: true, dim: 320, ffnDim: 704, nHead: 5 },
  ],
  ['bitnet-b1.58, I2_S, untied', { tied: false }],
  ['bitnet-b1.58 with SiLU', { hiddenActivation: 'silu' }],
  ['llama with squared ReLU', { arch: 'llama', hiddenActivation: 'relu2' }],
  ['I2_S, 64 heads of 2', { dim: 128, nHead: 64, nKvHead: 16 }],
  ['I2_S, a feed-forward layer of 2', { dim: 64, nHead: 1, ffnDim: 2, nLayer: 1 }],
  ['F16 norms and a Q6_K embedding', { normType: 'F16', headType: 'Q6_K', nLayer: 1 }],
  ['BF16 norms and an F32 embedding', { normType: 'BF16', headType: 'F32', nLayer: 1 }],
  ['a Q8_0 head', { headType: 'Q8_0', tied: false, nLayer: 1 }],
  ['a BF16 head', { headType: 'BF16', dim: 320, nHead: 5, nLayer: 1 }],
  ['positions scaled, part of a head rotated', { ropeScale: 4, ropeDim: 32, ropeBase: 500_000 }],
  ['rotary factors', { arch: 'llama', ropeFreqs: true, ropeDim: 48 }],
  [
    'llama, the rotary factors of Llama 3.1 from the metadata',
    { arch: 'llama', ropeScaling: 'llama3', ropeScale: 8, ropeBase: 500_000, headDim: 128 },
    40,
  ],
  [
    'qwen3, YaRN, part of a head rotated, across blocks of 64 positions',
    { arch: 'qwen3', ropeScaling: 'yarn', ropeScale: 4, ropeDim: 48, contextLength: 512 },
    80,
  ],
  ['llama with biases everywhere', { arch: 'llama', biases: true, nKvHead: 2 }],
  // Seed 1 has a number so near the middle of two codes that no single flip explains it.
  ['bitnet-b1.58 with biases everywhere', { biases: true, seed: 3 }],
  ['qwen2, 7 heads of 64 on one KV head', { arch: 'qwen2', dim: 448, nHead: 7, nKvHead: 1 }],
  ['qwen2, untied, heads of 128', { arch: 'qwen2', tied: false, nHead: 2, nKvHead: 2 }],
  [
    'qwen3, heads of 128 wider than the model',
    { arch: 'qwen3', nHead: 4, nKvHead: 2, headDim: 128 },
  ],
  [
    'qwen3, TQ2_0 with unequal scales',
    { arch: 'qwen3', weightType: 'TQ2_0', unevenScales: true, nHead: 2, headDim: 128, ffnDim: 768 },
  ],
  [
    'qwen3 with a norm before every projection and F16 norms',
    { arch: 'qwen3', projectionNorms: true, normType: 'F16', nKvHead: 2, headDim: 96 },
  ],
  ['gemma3, heads of 256 on one KV head', { arch: 'gemma3', nHead: 2, nKvHead: 1, headDim: 256 }],
  [
    'gemma3, a window shorter than the text',
    { arch: 'gemma3', dim: 128, nHead: 2, window: 5, ropeBase: 1e6, ropeScale: 8 },
    16,
  ],
  [
    'gemma3 with a norm before every projection',
    { arch: 'gemma3', projectionNorms: true, normType: 'F16', nHead: 4, nKvHead: 1, headDim: 100 },
  ],
  [
    'minicpm, TQ2_0 with unequal scales',
    { arch: 'minicpm', weightType: 'TQ2_0', unevenScales: true, ffnDim: 512, nKvHead: 1 },
  ],
  [
    'minicpm whose file states no scales, 8 heads of 64',
    { arch: 'minicpm', dim: 512, scales: undefined },
  ],
  [
    'minicpm, LongRoPE in a session for 12 tokens, with the long factors',
    { arch: 'minicpm', longRopeAbove: 11 },
  ],
  [
    'minicpm, LongRoPE in a session for 12 tokens, with the short factors',
    { arch: 'minicpm', longRopeAbove: 12 },
  ],
  [
    'hunyuan-dense, heads of 128 wider than the model',
    { arch: 'hunyuan-dense', headDim: 128, nKvHead: 2 },
  ],
  [
    'hunyuan-dense, TQ2_0 with unequal scales, a base that is stretched',
    {
      ...{ arch: 'hunyuan-dense', weightType: 'TQ2_0', unevenScales: true, ffnDim: 512 },
      ...{ nHead: 2, headDim: 128, ropeAlpha: 50 },
    },
  ],
  [
    'olmo, 7 heads of 64 on one KV head, untied',
    { arch: 'olmo', dim: 448, nHead: 7, nKvHead: 1, tied: false },
  ],
  ['olmo, queries, keys and values clamped', { arch: 'olmo', clampKqv: 0.7, nKvHead: 2 }],
  // Seed 1 as above.
  ['olmo2, heads of 96', { arch: 'olmo2', dim: 384, nKvHead: 2, seed: 2 }],
  [
    'olmo2, five layers of which the 4th sees everything, YaRN there alone',
    {
      ...{ arch: 'olmo2', nLayer: 5, dim: 128, nHead: 2, window: 5, tied: false },
      ...{ ropeScaling: 'yarn', ropeScale: 4, ropeAttnFactor: 1.2, ropeBase: 500_000 },
    },
    16,
  ],
  [
    'maple, 7 experts of which 3 are used, a window shorter than the text, half of a head rotated',
    {
      arch: 'maple',
      ...{ nLayer: 3, ffnDim: 200, experts: [7, 3], window: 5, nKvHead: 2, ropeDim: 32 },
    },
    20,
  ],
  [
    'maple, Q2_0 with unequal scales, every expert used, no clamp',
    {
      arch: 'maple',
      weightType: 'Q2_0',
      unevenScales: true,
      ...{ dim: 320, ffnDim: 192, nHead: 5, experts: [3, 3], clamp: 0 },
    },
  ],
  [
    'maple, IQ2_BN with unequal scales, one expert used, F16 norms and router',
    {
      arch: 'maple',
      weightType: 'IQ2_BN',
      unevenScales: true,
      normType: 'F16',
      ...{ ffnDim: 64, experts: [4, 1] },
    },
  ],
];

const recurrent: Case[] = [
  [
    'qwen35, I2_S, a quarter of a head rotated, biases',
    { arch: 'qwen35', nLayer: 3, attentionInterval: 3, ropeDim: 16, nKvHead: 2, biases: true },
    14,
  ],
  [
    'qwen35, TQ2_0 with unequal scales, uneven layers, heads of 20',
    {
      ...{ arch: 'qwen35', weightType: 'TQ2_0', unevenScales: true, ffnDim: 512, nLayer: 3 },
      ...{ recurrentLayers: [true, false, true], stateKeyHeads: 1, stateValueHeads: 64 },
      stateDim: 20,
    },
    10,
  ],
  [
    'qwen35, F16, across blocks of 64 positions, two taps',
    {
      ...{ arch: 'qwen35', weightType: 'F16', nHead: 2, headDim: 100, stateTaps: 2 },
      ...{ stateKeyHeads: 2, stateValueHeads: 6, stateDim: 40 },
    },
    80,
  ],
  [
    'qwen35, PTQ1_0, rotated by blocks of 64, value heads in groups',
    {
      ...{ arch: 'qwen35', weightType: 'PTQ1_0', unevenScales: true, rotation: 64, ffnDim: 384 },
      ...{ stateKeyHeads: 2, stateValueHeads: 6, stateDim: 64 },
    },
  ],
  [
    'qwen35, Q8_0, every layer recurrent',
    {
      ...{ arch: 'qwen35', weightType: 'Q8_0', headType: 'Q8_0', ffnDim: 800 },
      ...{ attentionInterval: 5, tied: false },
    },
  ],
  [
    'falcon-h1, I2_S, three groups of keys of 24, heads of 40, biases',
    {
      ...{ arch: 'falcon-h1', nKvHead: 2, biases: true, stateKeyHeads: 3, stateValueHeads: 6 },
      ...{ stateKeyDim: 24, stateDim: 40 },
    },
    14,
  ],
  [
    'falcon-h1, Q2_0 with unequal scales, no norms of states, two taps',
    {
      ...{ arch: 'falcon-h1', weightType: 'Q2_0', unevenScales: true, stateNorms: false },
      ...{ stateValueHeads: 8, stateTaps: 2, tied: false, ffnDim: 512 },
    },
    10,
  ],
  [
    'falcon-h1, F16, across blocks of 64 positions, one group',
    {
      ...{ arch: 'falcon-h1', weightType: 'F16', nHead: 2, headDim: 100, ropeBase: 1e11 },
      ...{ stateKeyHeads: 1, stateValueHeads: 5, stateKeyDim: 50, stateDim: 20 },
    },
    80,
  ],
];

const dense: Case[] = [
  ['bitnet-b1.58, F16', { weightType: 'F16', dim: 320, nHead: 5, nKvHead: 1 }],
  ['llama, F16, width 200', { arch: 'llama', weightType: 'F16', dim: 200, nHead: 2 }],
  ['bitnet-25, F32, heads of 96', { arch: 'bitnet-25', weightType: 'F32', dim: 288, nHead: 3 }],
  ['bitnet, BF16, width 250', { arch: 'bitnet', weightType: 'BF16', dim: 250, nHead: 5 }],
  [
    'llama, F32, heads of 128',
    { arch: 'llama', weightType: 'F32', nHead: 4, nKvHead: 2, headDim: 128 },
  ],
  ['bitnet-b1.58, Q8_0', { weightType: 'Q8_0', headType: 'Q8_0', dim: 288, nHead: 3, ffnDim: 800 }],
  ['llama, Q6_K', { arch: 'llama', weightType: 'Q6_K', headType: 'Q6_K', nHead: 4, ffnDim: 512 }],
  [
    'bitnet, Q4_0',
    { arch: 'bitnet', weightType: 'Q4_0', headType: 'Q4_0', dim: 288, nHead: 3, ffnDim: 800 },
  ],
  ['bitnet-b1.58, Q4_K', { weightType: 'Q4_K', headType: 'Q4_K', ffnDim: 512 }],
  ['llama, Q5_K', { arch: 'llama', weightType: 'Q5_K', headType: 'Q5_K', ffnDim: 512 }],
  ...(['Q4_1', 'Q5_0', 'Q5_1', 'IQ4_NL'] as const).map(
    (type): Case => [
      `llama, ${type}`,
      { arch: 'llama', weightType: type, headType: type, dim: 288, nHead: 3, ffnDim: 800 },
    ],
  ),
  [
    'bitnet, F16, across blocks of 64 positions',
    { arch: 'bitnet', weightType: 'F16', nHead: 2, headDim: 100, nLayer: 1 },
    200,
  ],
  ['qwen2, BF16', { arch: 'qwen2', weightType: 'BF16', dim: 250, nHead: 5, nKvHead: 1 }],
  ['qwen2, F32, biases everywhere', { arch: 'qwen2', weightType: 'F32', biases: true }],
  [
    'qwen3, F16, heads of 96',
    { arch: 'qwen3', weightType: 'F16', dim: 200, nHead: 4, nKvHead: 2, headDim: 96 },
  ],
  [
    'qwen3, Q8_0, a norm before every projection',
    {
      arch: 'qwen3',
      weightType: 'Q8_0',
      headType: 'Q8_0',
      projectionNorms: true,
      ffnDim: 800,
    },
  ],
  [
    'gemma3, F32, a window of 70, across blocks of 64 positions',
    { arch: 'gemma3', weightType: 'F32', window: 70, nHead: 2, nKvHead: 1, nLayer: 1 },
    200,
  ],
  [
    'gemma3, F16, 7 layers of which the 6th sees everything, positions scaled',
    {
      arch: 'gemma3',
      weightType: 'F16',
      nLayer: 7,
      dim: 128,
      nHead: 2,
      window: 20,
      ropeBase: 1e6,
      ropeScale: 8,
    },
    150,
  ],
  [
    'gemma3, F16, YaRN with an attention factor, sliding-window layers without YaRN',
    {
      arch: 'gemma3',
      weightType: 'F16',
      nLayer: 6,
      dim: 128,
      nHead: 2,
      window: 20,
      ropeScaling: 'yarn',
      ropeScale: 2.5,
      ropeAttnFactor: 0.85,
    },
    40,
  ],
  [
    'llama, F16, YaRN with factors in a tensor too',
    { arch: 'llama', weightType: 'F16', ropeScaling: 'yarn', ropeScale: 8, ropeFreqs: true },
    40,
  ],
  [
    'gemma3, F16, soft-capped logits',
    { arch: 'gemma3', weightType: 'F16', nHead: 2, nKvHead: 1, logitSoftcapping: 3 },
  ],
  [
    'minicpm, F16, biases, its own head, LongRoPE with an attention factor, part of a head rotated',
    {
      ...{ arch: 'minicpm', weightType: 'F16', biases: true, tied: false },
      ...{ longRopeAbove: 20, ropeDim: 48, ropeAttnFactor: 1.1 },
    },
    80,
  ],
  [
    'hunyuan-dense, BF16, biases',
    { arch: 'hunyuan-dense', weightType: 'BF16', biases: true, dim: 250, nHead: 5 },
  ],
  [
    'olmo, F32, clamped, width 200',
    { arch: 'olmo', weightType: 'F32', clampKqv: 0.5, dim: 200, nHead: 2 },
  ],
  [
    'olmo2, F16, width 200, heads of 96',
    { arch: 'olmo2', weightType: 'F16', dim: 200, nHead: 4, nKvHead: 2, headDim: 96 },
  ],
  [
    'maple, F16, positions scaled',
    {
      arch: 'maple',
      weightType: 'F16',
      ...{ dim: 200, nHead: 2, ffnDim: 72, ropeScale: 4, window: 7 },
    },
    20,
  ],
  [
    'llama, F16, rotated by blocks of 64',
    { arch: 'llama', weightType: 'F16', rotation: 64, dim: 192, nHead: 3, ffnDim: 320 },
  ],
  ['maple, Q8_0', { arch: 'maple', weightType: 'Q8_0', ffnDim: 96, experts: [3, 2], clamp: 0.5 }],
  [
    'gemma3, F16, a window of one position',
    { arch: 'gemma3', weightType: 'F16', window: 1, nHead: 2, nKvHead: 1 },
  ],
];

/** Numbers of a sequence that may lie in the middle between two codes or halves. */
const mostTies = 3;

// 770 and 515 are multiples of no tile, vector or block.
const odd = { ffnDim: 770, vocabSize: 515, contextLength: 256 };

describe('the engine agrees with the reference', () => {
  it.each(ternary)('to 1e-3 of the largest logit: %s', async (_, options, tokens = 12) => {
    const { error, ties } = await compare(tinyModel({ ...odd, ...options }), tokens, 1e-6);
    expect(error).toBeLessThan(1e-3);
    expect(ties).toBeLessThanOrEqual(mostTies);
  });

  it.each(recurrent)('to 1e-3 of the largest logit: %s', async (_, options, tokens = 12) => {
    const { error, ties } = await compare(tinyModel({ ...odd, ...options }), tokens, 5e-5);
    expect(error).toBeLessThan(/F16|Q8_0/.test(options.weightType ?? '') ? 1e-4 : 1e-3);
    expect(ties).toBeLessThanOrEqual(mostTies);
  });

  it.each(dense)('to 1e-4 of the largest logit: %s', async (_, options, tokens = 12) => {
    const { error, ties } = await compare(tinyModel({ ...odd, ...options }), tokens, 5e-5);
    expect(error).toBeLessThan(1e-4);
    expect(ties).toBeLessThanOrEqual(mostTies);
  });

  it('to 1e-3 of the largest logit: projections of every type side by side', async () => {
    const options = { nLayer: 3, ffnDim: 512, nHead: 4, nKvHead: 2, unevenScales: true };
    const types = [...ternaryTypes, ...denseTypes];
    const model = tinyModel(options);
    const variants = types.map((weightType) => tinyModel({ ...options, nLayer: 1, weightType }));
    const projections = [...model.tensors.keys()].filter((name) => !/norm|embd/.test(name));
    expect(projections.length).toBeGreaterThanOrEqual(types.length);
    projections.forEach((name, i) => {
      const tensor = variants[i % types.length]!.tensors.get(name.replace(/\d+/, '0'))!;
      model.tensors.set(name, { ...tensor, name });
    });
    const { error, ties } = await compare(model, 8, 1e-6);
    expect(error).toBeLessThan(1e-3);
    expect(ties).toBeLessThanOrEqual(mostTies);
  });
});
