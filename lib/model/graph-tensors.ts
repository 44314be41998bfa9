import type { Architecture } from './architectures.js';
import type { ModelSpec, TensorRole } from './spec.js';

/** What a tensor is used for, which decides the types it may have. */
export type TensorKind = 'projection' | 'embedding' | 'vector';

const ternary = [
  'I2_S',
  'TL1',
  'TL2',
  'TQ1_0',
  'TQ2_0',
  'Q2_0',
  'Q2_0_G128',
  'PQ2_0',
  'IQ1_BN',
  'IQ2_BN',
  'IQ2_BN_R4',
  'IQ1_BN without scales',
  'IQ2_BN without scales',
] as const;

/** Ternary types whose numbers a table of floats can hold: their blocks are turned into Q4_0. */
const ternaryTables = ['TQ1_0', 'TQ2_0', 'Q2_0', 'Q2_0_G128', 'PQ2_0'] as const;

const dense = [
  'F16',
  'BF16',
  'F32',
  'Q8_0',
  'Q6_K',
  'Q4_0',
  'Q4_K',
  'Q4_1',
  'Q5_0',
  'Q5_1',
  'Q5_K',
  'IQ4_NL',
] as const;

/** The types the engine can read for each use. */
export const supportedTypes: Readonly<Record<TensorKind, readonly string[]>> = {
  projection: [...ternary, ...dense],
  embedding: [...dense, ...ternaryTables],
  vector: ['F32', 'F16', 'BF16'],
};

/** The sizes that tensor shapes are made of. */
export type Sizes = Pick<
  ModelSpec,
  'dim' | 'ffnDim' | 'nHead' | 'nKvHead' | 'headDim' | 'vocab'
> & {
  readonly rope: Pick<ModelSpec['rope'], 'dim'>;
};

/** One row of the table: a tensor the graph uses. */
export interface GraphTensor {
  readonly role: TensorRole;
  /** Its name in the file, for a layer without `blk.<layer>.` and `.weight`. */
  readonly name: string;
  readonly kind: TensorKind;
  /** [rows, cols]; a vector has one row. */
  readonly shape: (sizes: Sizes) => readonly [rows: number, cols: number];
  /** Whether the graph can do without. */
  readonly optional?: true;
  /** Only in architectures for which this holds. */
  readonly when?: (architecture: Architecture) => boolean;
}

const subNorms = ({ subNorms }: Architecture) => subNorms;

/** Tensors a model has once. */
export const globalTensors: readonly GraphTensor[] = [
  {
    role: 'token_embd',
    name: 'token_embd.weight',
    kind: 'embedding',
    shape: ({ vocab, dim }) => [vocab, dim],
  },
  { role: 'output_norm', name: 'output_norm.weight', kind: 'vector', shape: ({ dim }) => [1, dim] },
  {
    role: 'output',
    name: 'output.weight',
    kind: 'embedding',
    shape: ({ vocab, dim }) => [vocab, dim],
    optional: true,
  },
  {
    // Divides the rotary angle of each pair of columns.
    role: 'rope_freqs',
    name: 'rope_freqs.weight',
    kind: 'vector',
    shape: ({ rope }) => [1, rope.dim / 2],
    optional: true,
  },
];

/** Tensors of every layer. */
export const layerTensors: readonly GraphTensor[] = [
  { role: 'attn_norm', name: 'attn_norm', kind: 'vector', shape: ({ dim }) => [1, dim] },
  {
    role: 'attn_q',
    name: 'attn_q',
    kind: 'projection',
    shape: ({ nHead, headDim, dim }) => [nHead * headDim, dim],
  },
  {
    role: 'attn_k',
    name: 'attn_k',
    kind: 'projection',
    shape: ({ nKvHead, headDim, dim }) => [nKvHead * headDim, dim],
  },
  {
    role: 'attn_v',
    name: 'attn_v',
    kind: 'projection',
    shape: ({ nKvHead, headDim, dim }) => [nKvHead * headDim, dim],
  },
  {
    role: 'attn_sub_norm',
    name: 'attn_sub_norm',
    kind: 'vector',
    shape: ({ nHead, headDim }) => [1, nHead * headDim],
    when: subNorms,
  },
  {
    role: 'attn_output',
    name: 'attn_output',
    kind: 'projection',
    shape: ({ nHead, headDim, dim }) => [dim, nHead * headDim],
  },
  { role: 'ffn_norm', name: 'ffn_norm', kind: 'vector', shape: ({ dim }) => [1, dim] },
  {
    role: 'ffn_gate',
    name: 'ffn_gate',
    kind: 'projection',
    shape: ({ ffnDim, dim }) => [ffnDim, dim],
  },
  { role: 'ffn_up', name: 'ffn_up', kind: 'projection', shape: ({ ffnDim, dim }) => [ffnDim, dim] },
  {
    role: 'ffn_sub_norm',
    name: 'ffn_sub_norm',
    kind: 'vector',
    shape: ({ ffnDim }) => [1, ffnDim],
    when: subNorms,
  },
  {
    role: 'ffn_down',
    name: 'ffn_down',
    kind: 'projection',
    shape: ({ ffnDim, dim }) => [dim, ffnDim],
  },
];

/**
 * Tensors that other graphs compute with. When a file has one that its architecture's graph here
 * does not use, the result would be wrong without it, so such a file is refused.
 */
export const meaningfulTensors: readonly [name: RegExp, what: string][] = [
  [/^(blk\.\d+\.|output|token_embd).*\.bias$/, 'a bias'],
  [/^(blk\.\d+\.|output|token_embd).*\.(input_)?scale$/, 'a scale'],
  [/^blk\.\d+\..*_norm_in\.weight$/, 'a norm before a projection'],
  [/^blk\.\d+\.attn_[qk]_norm\.weight$/, 'a norm of query or key heads'],
  [/^blk\.\d+\.(attn|ffn)_sub_norm\.weight$/, 'a norm before the last projection'],
  [/^blk\.\d+\.post_\w*norm\.weight$/, 'a norm after a layer'],
];
