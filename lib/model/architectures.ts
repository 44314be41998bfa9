import type { ModelSpec } from './spec.js';

/** How the graph of one architecture differs from the others. */
export interface Architecture {
  /**
   * How rotary embedding pairs the columns of a head: 'norm' rotates neighbours (2j, 2j + 1),
   * 'neox' rotates column j with column j + half.
   */
  readonly rope: ModelSpec['rope']['type'];
  /** Whether attention and feed-forward outputs are normed before their last projection. */
  readonly subNorms: boolean;
  /** What the gate of the feed-forward layer goes through, where quirks.ts knows no exception. */
  readonly activation: ModelSpec['activation'];
  /** Where `activation` is known from. */
  readonly activationReason: string;
}

/**
 * Every architecture this project runs, by its name in `general.architecture`. To add one, add an
 * entry here and, if it needs tensors of its own, a row in graph-tensors.ts.
 */
export const architectures: ReadonlyMap<string, Architecture> = new Map([
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
      subNorms: false,
      activation: 'silu',
      activationReason: 'models of architecture llama are trained with SiLU',
    },
  ],
]);
