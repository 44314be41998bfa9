import type { Scales } from '../../lib/model/spec/architectures.js';

/** Hyper-parameters of a synthetic model. */
export interface Shape {
  /** `general.architecture`, which decides the graph. */
  readonly architecture: 'bitnet-b1.58' | 'bitnet' | 'minicpm' | 'qwen3' | 'maple' | 'qwen35';
  readonly nLayer: number;
  readonly dim: number;
  /** Of each expert, where there are experts. */
  readonly ffnDim: number;
  /** How many networks a layer of a mixture of experts has, and a token uses. */
  readonly experts?: { readonly count: number; readonly used: number };
  readonly nHead: number;
  readonly nKvHead: number;
  /** @default dim / nHead */
  readonly headDim?: number;
  /** Heads of recurrent layers, where there are such: three of four layers. */
  readonly states?: {
    readonly keyHeads: number;
    readonly valueHeads: number;
    readonly dim: number;
  };
  readonly vocabSize: number;
  readonly contextLength: number;
  readonly ropeBase: number;
  /** How many times as long a context as the first one YaRN makes of it. */
  readonly yarnFactor?: number;
  /** Whether the output head is a matrix of its own; otherwise it is the embedding. */
  readonly ownHead?: true;
  /** Whether embedding and head are stored like linear layers, where their format has scales of blocks; otherwise they are F16. */
  readonly ternaryTables?: true;
  /** Of embeddings, branches and logits, where the architecture has such. */
  readonly scales?: Scales;
}

const bitnet = { architecture: 'bitnet', ropeBase: 10_000, contextLength: 2048 } as const;
const bonsai = {
  architecture: 'qwen3',
  headDim: 128,
  vocabSize: 151_936,
  ropeBase: 1_000_000,
  yarnFactor: 4,
  ternaryTables: true,
} as const;
const llamaVocab = { ...bitnet, vocabSize: 32_002 } as const;

/**
 * Shapes of public ternary models and of those in the BitNet papers. Where a paper names a size and states no numbers, its authors
 * say that it follows LLaMA (Ma et al. 2024, of Touvron et al. 2023): docs/cli/synth.md tells which ones are assumed.
 */
export const shapes = {
  /** The 125M of bitnet.cpp's generator of dummy models (Wang et al. 2024). */
  '125m': { ...llamaVocab, nLayer: 11, dim: 768, ffnDim: 3072, nHead: 12, nKvHead: 12 },
  /** 1bitLLM/bitnet_b1_58-large. */
  '700m': { ...llamaVocab, nLayer: 24, dim: 1536, ffnDim: 4096, nHead: 16, nKvHead: 16 },
  /** 1bitLLM/bitnet_b1_58-xl. */
  '1.3b': { ...llamaVocab, nLayer: 24, dim: 2048, ffnDim: 5460, nHead: 32, nKvHead: 32 },
  /** Ternary-Bonsai 1.7B, which has the shape of Qwen3-1.7B. */
  'bonsai-1.7b': {
    ...bonsai,
    nLayer: 28,
    dim: 2048,
    ffnDim: 6144,
    nHead: 16,
    nKvHead: 8,
    contextLength: 32_768,
  },
  /** microsoft/bitnet-b1.58-2B-4T. */
  '2b4t': {
    architecture: 'bitnet-b1.58',
    nLayer: 30,
    dim: 2560,
    ffnDim: 6912,
    nHead: 20,
    nKvHead: 5,
    vocabSize: 128_256,
    contextLength: 4096,
    ropeBase: 500_000,
  },
  /** 1bitLLM/bitnet_b1_58-3B. */
  '3b': { ...llamaVocab, nLayer: 26, dim: 3200, ffnDim: 8640, nHead: 32, nKvHead: 32 },
  /**
   * Assumed: the 3B with so wide a feed-forward layer that there are 3.9 billion parameters. It makes the ternary weights 0.15 GB more
   * than those of the 3B; the paper has 0.16 between the two models.
   */
  '3.9b': { ...llamaVocab, nLayer: 26, dim: 3200, ffnDim: 11_008, nHead: 32, nKvHead: 32 },
  /** LLaMA 7B. */
  '7b': { ...llamaVocab, nLayer: 32, dim: 4096, ffnDim: 11_008, nHead: 32, nKvHead: 32 },
  /** openbmb/BitCPM4 of 8B, which has the shape of MiniCPM4-8B. */
  'bitcpm4-8b': {
    architecture: 'minicpm',
    nLayer: 32,
    dim: 4096,
    ffnDim: 16_384,
    nHead: 32,
    nKvHead: 2,
    vocabSize: 73_448,
    contextLength: 32_768,
    ropeBase: 10_000,
    scales: { embedding: 12, residual: 1.4 / Math.sqrt(32), logit: 16 },
  },
  /** Ternary-Bonsai 8B, which has the shape of Qwen3-8B. */
  'bonsai-8b': {
    ...bonsai,
    nLayer: 36,
    dim: 4096,
    ffnDim: 12_288,
    nHead: 32,
    nKvHead: 8,
    contextLength: 65_536,
    ownHead: true,
  },
  /** LLaMA 13B. */
  '13b': { ...llamaVocab, nLayer: 40, dim: 5120, ffnDim: 13_824, nHead: 40, nKvHead: 40 },
  /** Ternary-Bonsai 27B, which has the shape of Qwen3.6-27B. */
  'bonsai-27b': {
    architecture: 'qwen35',
    nLayer: 64,
    dim: 5120,
    ffnDim: 17_408,
    nHead: 24,
    nKvHead: 4,
    headDim: 256,
    states: { keyHeads: 16, valueHeads: 48, dim: 128 },
    vocabSize: 248_320,
    contextLength: 262_144,
    ropeBase: 10_000_000,
    ownHead: true,
    ternaryTables: true,
  },
  /** LLaMA 33B, which its license form called 30B. */
  '30b': { ...llamaVocab, nLayer: 60, dim: 6656, ffnDim: 17_920, nHead: 52, nKvHead: 52 },
  /** Llama 2 70B. */
  '70b': { ...llamaVocab, nLayer: 80, dim: 8192, ffnDim: 28_672, nHead: 64, nKvHead: 8 },
  /** The 100B of bitnet.cpp's generator of dummy models. */
  '100b': { ...llamaVocab, nLayer: 72, dim: 8192, ffnDim: 45_568, nHead: 64, nKvHead: 64 },
  /** deepgrove/maple-preview, 20B-A1B. */
  maple: {
    architecture: 'maple',
    nLayer: 24,
    dim: 2048,
    ffnDim: 512,
    experts: { count: 256, used: 8 },
    nHead: 16,
    nKvHead: 4,
    vocabSize: 151_936,
    contextLength: 128_000,
    ropeBase: 10_000,
    ownHead: true,
  },
} satisfies Record<string, Shape>;

export type ShapeName = keyof typeof shapes;

/** Of this many layers of a model with recurrent ones the last attends. */
export const attentionInterval = 4;

/** Columns of all query heads together, and of all key heads of attention. */
export function headColumns({ dim, nHead, nKvHead, headDim = dim / nHead }: Shape) {
  return { queries: nHead * headDim, keys: nKvHead * headDim };
}

/** Columns of all value heads of a recurrent layer, and channels of its convolution. */
export function stateColumns({ keyHeads, valueHeads, dim }: NonNullable<Shape['states']>) {
  return { values: valueHeads * dim, channels: (2 * keyHeads + valueHeads) * dim };
}

/** Weights of one layer's matrices: seven, or four, a router and three of each expert; where layers differ, on average. */
export function weightsPerLayer(shape: Shape): number {
  const { dim, ffnDim, experts, states } = shape;
  const { queries, keys } = headColumns(shape);
  const network = 3 * dim * ffnDim;
  const networks = experts ? experts.count * (network + dim) : network;
  const attention = 2 * dim * queries + 2 * dim * keys;
  if (!states) return attention + networks;
  const { values, channels } = stateColumns(states);
  const recurrence = dim * (channels + 2 * values + 2 * states.valueHeads) + 4 * channels;
  const gated = attention + dim * queries;
  return networks + (gated + (attentionInterval - 1) * recurrence) / attentionInterval;
}
