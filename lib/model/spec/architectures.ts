/** 'norm' rotates columns 2j and 2j + 1 of a head, 'neox' columns j and j + half. */
export type RopeType = 'norm' | 'neox';

/** relu(x)², x / (1 + exp(−x)), or GELU with its tanh approximation. */
export type Activation = 'relu2' | 'silu' | 'gelu_tanh';

/** How the graph of one architecture differs from the others. */
export interface Architecture {
  /**
   * How rotary embedding pairs the columns of a head: 'norm' rotates neighbors (2j, 2j + 1),
   * 'neox' rotates column j with column j + half.
   */
  readonly rope: RopeType;
  /** What the gate of the feed-forward layer goes through, where quirks.ts knows no exception. */
  readonly activation: Activation;
  /** Where `activation` is known from. */
  readonly activationReason: string;
  /** Whether attention and feed-forward outputs are normed before their last projection. */
  readonly subNorms?: true;
  /** Whether they are normed after it, before they join the residual stream. */
  readonly postNorms?: true;
  /** Whether there is no norm before attention and feed-forward layers. */
  readonly noPreNorms?: true;
  /** Whether norms are LayerNorms without weights, and not RMSNorms. */
  readonly layerNorms?: true;
  /** Whether each head of queries and keys is normed: before it is rotated, or once it is. */
  readonly headNorms?: true | 'rotated';
  /** Whether queries and keys are normed as whole rows, before they are heads. */
  readonly rowNorms?: true;
  /** Whether the file may say that queries, keys and values are clamped. */
  readonly clampedKqv?: true;
  /** Whether the file may leave it to the reader to stretch the base of the rotary angles. */
  readonly ropeAlpha?: true;
  /** Whether queries, keys and values have a bias; any projection of any graph may. */
  readonly qkvBiases?: true;
  /** Whether there are files with a norm before each single projection: the BitNet embedding models. */
  readonly projectionNorms?: true;
  /** Whether each query head has a gate that its result is multiplied by. */
  readonly gatedAttention?: true;
  /** Whether most layers are recurrent, gated delta nets in place of attention, and the file says which. */
  readonly deltaNet?: true;
  /** Whether every layer has a state space (Mamba-2) beside its attention. */
  readonly stateSpace?: true;
  /** Whether embeddings are multiplied by sqrt(dim). */
  readonly scaledEmbedding?: true;
  /** Whether the file may scale embeddings, branches and logits, and what they are where it does not say. */
  readonly scales?: (sizes: { readonly nLayer: number; readonly dim: number }) => Scales;
  /** Whether the file may say that logits are soft-capped. */
  readonly logitSoftcapping?: true;
  /** Which layers see only the last few positions, where the file states a window. */
  readonly slidingWindow?: {
    /** Of this many layers the last sees everything; 0: the file says it of every layer. */
    readonly period: number;
    /**
     * Base of the rotary angles in the others, unless the file says another. Without it they turn as
     * all layers would if the context had never been stretched.
     */
    readonly ropeBase?: number;
    /** Whether the others turn as the model says, and layers without a window have no positions. */
    readonly ropeOnly?: true;
  };
  /** Whether a router chooses a few of many feed-forward networks for each token. */
  readonly experts?: {
    /** What gates and ups are limited to, unless the file says another. */
    readonly clamp: number;
  };
  /** Whether the head is never the embedding. */
  readonly ownHead?: true;
}

/** What parts of a graph are scaled by. */
export interface Scales {
  /** Embeddings are multiplied by it. */
  readonly embedding: number;
  /** What joins the residual stream is multiplied by it. */
  readonly residual: number;
  /** Logits are divided by it. */
  readonly logit: number;
}

/** The graph of one file. */
export type Graph = Omit<Architecture, 'projectionNorms'> & {
  readonly projectionNorms: boolean;
  /** Whether tensors have the divisors of its rotary angles, for short sessions and long ones. */
  readonly longRope: boolean;
};

/**
 * Every architecture this project runs, by its name in `general.architecture`. To add one, add an
 * entry here and, if it needs tensors of its own, their rows in graph-tensors.ts and
 * native/graph/roles.cpp.
 */
export const architectures: ReadonlyMap<string, Architecture> = new Map<string, Architecture>([
  [
    'bitnet-b1.58',
    {
      rope: 'neox',
      subNorms: true,
      activation: 'relu2',
      activationReason: 'models of architecture bitnet-b1.58 are trained with squared ReLU',
    },
  ],
  [
    // The name in the first upload of the 2B-4T model, of April 2025.
    'bitnet-25',
    {
      rope: 'neox',
      subNorms: true,
      activation: 'relu2',
      activationReason: 'models of architecture bitnet-25 are trained with squared ReLU',
    },
  ],
  [
    'bitnet',
    {
      rope: 'neox',
      subNorms: true,
      activation: 'silu',
      activationReason: 'the 1bitLLM models of architecture bitnet are trained with SiLU',
    },
  ],
  [
    'llama',
    {
      rope: 'norm',
      activation: 'silu',
      activationReason: 'models of architecture llama are trained with SiLU',
    },
  ],
  [
    'qwen2',
    {
      rope: 'neox',
      qkvBiases: true,
      activation: 'silu',
      activationReason: 'models of architecture qwen2 are trained with SiLU',
    },
  ],
  [
    'qwen3',
    {
      rope: 'neox',
      headNorms: true,
      projectionNorms: true,
      activation: 'silu',
      activationReason: 'models of architecture qwen3 are trained with SiLU',
    },
  ],
  [
    // Files of 2024 state no scales; these are MiniCPM-2B's, whose logits µP divides by dim / 256.
    'minicpm',
    {
      rope: 'norm',
      scales: ({ nLayer, dim }) => ({
        embedding: 12,
        residual: 1.4 / Math.sqrt(nLayer),
        logit: dim / 256,
      }),
      activation: 'silu',
      activationReason: 'models of architecture minicpm are trained with SiLU',
    },
  ],
  [
    // The translators Hy-MT.
    'hunyuan-dense',
    {
      rope: 'neox',
      headNorms: 'rotated',
      ropeAlpha: true,
      activation: 'silu',
      activationReason: 'models of architecture hunyuan-dense are trained with SiLU',
    },
  ],
  [
    'olmo',
    {
      rope: 'norm',
      layerNorms: true,
      clampedKqv: true,
      activation: 'silu',
      activationReason: 'models of architecture olmo are trained with SiLU',
    },
  ],
  [
    // OLMo 2, and OLMo 3, which has windows.
    'olmo2',
    {
      rope: 'neox',
      noPreNorms: true,
      postNorms: true,
      rowNorms: true,
      slidingWindow: { period: 4 },
      activation: 'silu',
      activationReason: 'models of architecture olmo2 are trained with SiLU',
    },
  ],
  [
    // The weights of its norms are stored with the 1 added that the training code adds to them.
    'gemma3',
    {
      rope: 'neox',
      headNorms: true,
      postNorms: true,
      projectionNorms: true,
      scaledEmbedding: true,
      logitSoftcapping: true,
      slidingWindow: { period: 6, ropeBase: 10_000 },
      activation: 'gelu_tanh',
      activationReason: 'models of architecture gemma3 are trained with GELU, approximated by tanh',
    },
  ],
  [
    'maple',
    {
      rope: 'neox',
      headNorms: true,
      slidingWindow: { period: 0, ropeOnly: true },
      experts: { clamp: 7 },
      ownHead: true,
      activation: 'silu',
      activationReason: 'models of architecture maple are trained with SiLU',
    },
  ],
  [
    'qwen35',
    {
      rope: 'neox',
      headNorms: true,
      gatedAttention: true,
      deltaNet: true,
      activation: 'silu',
      activationReason: 'models of architecture qwen35 are trained with SiLU',
    },
  ],
  [
    // What scales its parts is part of the weights in these files.
    'falcon-h1',
    {
      rope: 'neox',
      stateSpace: true,
      activation: 'silu',
      activationReason: 'models of architecture falcon-h1 are trained with SiLU',
    },
  ],
]);
