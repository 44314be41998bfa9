/** Hyper-parameters of a synthetic model. */
export interface Shape {
  /** `general.architecture`, which decides the graph. */
  readonly architecture: 'bitnet-b1.58' | 'bitnet';
  readonly nLayer: number;
  readonly dim: number;
  readonly ffnDim: number;
  readonly nHead: number;
  readonly nKvHead: number;
  readonly vocab: number;
  readonly contextLength: number;
  readonly ropeBase: number;
}

const bitnet = { architecture: 'bitnet', ropeBase: 10_000, contextLength: 2048 } as const;
const llamaVocab = { ...bitnet, vocab: 32_002 } as const;

/**
 * Shapes of public ternary models and of the models in the BitNet b1.58 paper (Ma et al. 2024), which follow LLaMA
 * (Touvron et al. 2023). All have tied embeddings and a head_dim of dim / nHead.
 */
export const shapes = {
  /** 1bitLLM/bitnet_b1_58-large. */
  '700m': { ...llamaVocab, nLayer: 24, dim: 1536, ffnDim: 4096, nHead: 16, nKvHead: 16 },
  /** microsoft/bitnet-b1.58-2B-4T. */
  '2b4t': {
    architecture: 'bitnet-b1.58',
    nLayer: 30,
    dim: 2560,
    ffnDim: 6912,
    nHead: 20,
    nKvHead: 5,
    vocab: 128_256,
    contextLength: 4096,
    ropeBase: 500_000,
  },
  /** 1bitLLM/bitnet_b1_58-3B. */
  '3b': { ...llamaVocab, nLayer: 26, dim: 3200, ffnDim: 8640, nHead: 32, nKvHead: 32 },
  /** LLaMA 7B. */
  '7b': { ...llamaVocab, nLayer: 32, dim: 4096, ffnDim: 11_008, nHead: 32, nKvHead: 32 },
  /** LLaMA 13B. */
  '13b': { ...llamaVocab, nLayer: 40, dim: 5120, ffnDim: 13_824, nHead: 40, nKvHead: 40 },
  /** Llama 2 70B. */
  '70b': { ...llamaVocab, nLayer: 80, dim: 8192, ffnDim: 28_672, nHead: 64, nKvHead: 8 },
} satisfies Record<string, Shape>;

export type ShapeName = keyof typeof shapes;
