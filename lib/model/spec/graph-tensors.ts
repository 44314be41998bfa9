import type { Graph } from './architectures.js';
import type { Recurrent } from './recurrent.js';

/** What a tensor is used for, which decides the types it may have. */
export type TensorKind = 'projection' | 'embedding' | 'router' | 'vector' | 'filter';

const ternary = [
  'I2_S',
  'TL1',
  'TL2',
  'TQ1_0',
  'TQ2_0',
  'Q2_0',
  'Q2_0_G128',
  'PQ2_0',
  'PTQ1_0',
  'IQ1_BN',
  'IQ2_BN',
  'IQ2_BN_R4',
  'IQ1_BN without scales',
  'IQ2_BN without scales',
] as const;

/** Whether layers of a tensor type, perhaps with its variant ('I2_S arm64'), are ternary products. */
export function isTernary(type: string): boolean {
  return ternary.some((name) => type === name || type.startsWith(`${name} `));
}

/** Ternary types whose numbers a table of floats can hold: their blocks are turned into Q4_0. */
const ternaryTables = ['TQ1_0', 'TQ2_0', 'Q2_0', 'Q2_0_G128', 'PQ2_0', 'PTQ1_0'] as const;

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
  router: dense,
  vector: ['F32', 'F16', 'BF16'],
  filter: ['F32', 'F16', 'BF16'],
};

/** The sizes that tensor shapes are made of: those of a `ModelSpec`. */
export interface Sizes {
  readonly gatedAttention?: true;
  readonly recurrent?: Recurrent;
  readonly dim: number;
  readonly ffnDim: number;
  readonly nHead: number;
  readonly nKvHead: number;
  readonly headDim: number;
  readonly vocabSize: number;
  readonly rope: { readonly dim: number };
  readonly experts?: { readonly count: number };
}

type Shape = (sizes: Sizes) => readonly [rows: number, cols: number, experts?: number];
type Condition = (graph: Graph) => boolean;

/** One row of the table: a tensor the graph uses. */
export interface GraphTensor<Role extends string> {
  /** A row of the table in native/graph/roles.cpp. */
  readonly role: Role;
  /** Its name in the file, for a layer without `blk.<layer>.`. */
  readonly name: string;
  readonly kind: TensorKind;
  /** [rows, cols], of so many experts where it is theirs; a vector has one row. */
  readonly shape: Shape;
  /** Its dimensions in the file, where these are not [cols] of a vector, [cols, rows] or [cols, rows, experts]. */
  readonly dims?: (sizes: Sizes) => readonly number[];
  /** Another name that some files have it under. */
  readonly otherName?: string;
  /** Whether the graph can do without. */
  readonly optional?: Condition;
  /** Only in architectures for which this holds. */
  readonly when?: Condition;
  /** Whether only layers that attend have it, or only those that are recurrent. */
  readonly of?: 'attention' | 'recurrence';
}

const always = () => true;
const never = () => false;
const headNorms = ({ headNorms }: Graph) => headNorms !== undefined;
const rowNorms = ({ rowNorms }: Graph) => rowNorms === true;
const weightedNorms = ({ layerNorms }: Graph) => !layerNorms;
const preNorms = ({ noPreNorms, layerNorms }: Graph) => !noPreNorms && !layerNorms;
const subNorms = ({ subNorms }: Graph) => subNorms === true;
const postNorms = ({ postNorms }: Graph) => postNorms === true;
const projectionNorms = ({ projectionNorms }: Graph) => projectionNorms;
const qkvBiases = ({ qkvBiases }: Graph) => qkvBiases === true;
const longRope = ({ longRope }: Graph) => longRope;
const experts = ({ experts }: Graph) => experts !== undefined;
const oneNetwork = ({ experts }: Graph) => experts === undefined;
const deltaNet = ({ deltaNet }: Graph) => deltaNet === true;
const stateSpace = ({ stateSpace }: Graph) => stateSpace === true;
const recurrent = (graph: Graph) => deltaNet(graph) || stateSpace(graph);

const dimVector = ({ dim }: Sizes) => [1, dim] as const;
const ffnVector = ({ ffnDim }: Sizes) => [1, ffnDim] as const;
const headVector = ({ headDim }: Sizes) => [1, headDim] as const;
const queryVector = ({ nHead, headDim }: Sizes) => [1, nHead * headDim] as const;
const queryRows = ({ nHead, headDim, gatedAttention }: Sizes) =>
  (gatedAttention ? 2 : 1) * nHead * headDim;
const keyVector = ({ nKvHead, headDim }: Sizes) => [1, nKvHead * headDim] as const;
const ropeVector = ({ rope }: Sizes) => [1, rope.dim / 2] as const;
const keyMatrix = ({ nKvHead, headDim, dim }: Sizes) => [nKvHead * headDim, dim] as const;
/** The sizes of recurrent layers in a model that has none. */
const none: Recurrent = {
  layers: [],
  ...{ taps: 0, nKeyHead: 0, nValueHead: 0, keyDim: 0, headDim: 0 },
};
const stateValues = ({ recurrent: { nValueHead, headDim } = none }: Sizes) => nValueHead * headDim;
const stateChannels = (sizes: Sizes) => {
  const { nKeyHead, keyDim } = sizes.recurrent ?? none;
  return 2 * nKeyHead * keyDim + stateValues(sizes);
};
const stateHeads = ({ recurrent: { nValueHead } = none }: Sizes) => nValueHead;
const stateVector = (sizes: Sizes) => [1, stateHeads(sizes)] as const;
/** Of each head the same, or all that the groups of a state space have. */
const stateNormVector = (sizes: Sizes) =>
  [
    1,
    sizes.recurrent?.stateSpace ? stateValues(sizes) : (sizes.recurrent ?? none).headDim,
  ] as const;
const ffnMatrix = ({ ffnDim, dim }: Sizes) => [ffnDim, dim] as const;
const expertCount = ({ experts }: Sizes) => experts?.count ?? 0;
const expertMatrix = (sizes: Sizes) => [sizes.ffnDim, sizes.dim, expertCount(sizes)] as const;

const vector = <Role extends string>(
  role: Role,
  name: string,
  shape: Shape,
  when: Condition = always,
): GraphTensor<Role> => ({ role, name, kind: 'vector', shape, when });

/** A bias, which any projection of attention may have. */
const bias = <Role extends string>(
  role: Role,
  name: string,
  shape: Shape,
  required: Condition = never,
): GraphTensor<Role> => ({ ...vector(role, name, shape), optional: (graph) => !required(graph) });

/** A bias, which any projection of a layer's only feed-forward network may have. */
const ffnBias = <Role extends string>(
  role: Role,
  name: string,
  shape: Shape,
): GraphTensor<Role> => ({ ...bias(role, name, shape), when: oneNetwork });

const projection = <Role extends string>(
  role: Role,
  name: string,
  shape: Shape,
  when: Condition = always,
): GraphTensor<Role> => ({ role, name, kind: 'projection', shape, when });

/** The taps of a convolution, a row for each channel. */
const filter = <Role extends string>(
  role: Role,
  name: string,
  shape: Shape,
): GraphTensor<Role> => ({ role, name, kind: 'filter', shape });

/** A tensor of the layers that attend. */
const attending = <Role extends string>(tensor: GraphTensor<Role>): GraphTensor<Role> => ({
  ...tensor,
  of: 'attention',
});

/** A tensor of recurrent layers, of both kinds unless it is said. */
const recurring = <Role extends string>(tensor: GraphTensor<Role>): GraphTensor<Role> => ({
  ...{ when: recurrent, ...tensor },
  of: 'recurrence',
});

const embedding = <Role extends string>(role: Role, name: string): GraphTensor<Role> => ({
  ...{ role, name, kind: 'embedding' },
  shape: ({ vocabSize, dim }) => [vocabSize, dim],
});

/** Tensors a model has once. */
export const globalTensors = [
  embedding('token_embd', 'token_embd.weight'),
  vector('output_norm', 'output_norm.weight', dimVector, weightedNorms),
  { ...embedding('output', 'output.weight'), optional: ({ ownHead }: Graph) => ownHead !== true },
  // Divides the rotary angle of each pair of columns.
  { ...vector('rope_freqs', 'rope_freqs.weight', ropeVector), optional: always },
  vector('rope_factors_long', 'rope_factors_long.weight', ropeVector, longRope),
  vector('rope_factors_short', 'rope_factors_short.weight', ropeVector, longRope),
];

/** What layers that attend have in front of their feed-forward network. */
const attentionTensors = [
  vector('attn_q_norm_in', 'attn_q_norm_in.weight', dimVector, projectionNorms),
  vector('attn_k_norm_in', 'attn_k_norm_in.weight', dimVector, projectionNorms),
  vector('attn_v_norm_in', 'attn_v_norm_in.weight', dimVector, projectionNorms),
  projection('attn_q', 'attn_q.weight', (sizes) => [queryRows(sizes), sizes.dim]),
  projection('attn_k', 'attn_k.weight', keyMatrix),
  projection('attn_v', 'attn_v.weight', keyMatrix),
  bias('attn_q_bias', 'attn_q.bias', (sizes) => [1, queryRows(sizes)], qkvBiases),
  bias('attn_k_bias', 'attn_k.bias', keyVector, qkvBiases),
  bias('attn_v_bias', 'attn_v.bias', keyVector, qkvBiases),
  vector('attn_q_norm', 'attn_q_norm.weight', headVector, headNorms),
  vector('attn_k_norm', 'attn_k_norm.weight', headVector, headNorms),
  vector('attn_q_row_norm', 'attn_q_norm.weight', queryVector, rowNorms),
  vector('attn_k_row_norm', 'attn_k_norm.weight', keyVector, rowNorms),
  vector('attn_sub_norm', 'attn_sub_norm.weight', queryVector, subNorms),
  // A norm before the last projection alone is what others call a sub-norm.
  vector('attn_sub_norm', 'attn_output_norm_in.weight', queryVector, projectionNorms),
  projection('attn_output', 'attn_output.weight', ({ nHead, headDim, dim }) => [
    dim,
    nHead * headDim,
  ]),
  bias('attn_output_bias', 'attn_output.bias', dimVector),
];

/** What recurrent layers have there: gated delta nets, or beside attention state spaces. */
const recurrentTensors = [
  projection('attn_qkv', 'attn_qkv.weight', (sizes) => [stateChannels(sizes), sizes.dim], deltaNet),
  projection('attn_gate', 'attn_gate.weight', (sizes) => [stateValues(sizes), sizes.dim], deltaNet),
  projection('ssm_alpha', 'ssm_alpha.weight', (sizes) => [stateHeads(sizes), sizes.dim], deltaNet),
  projection('ssm_beta', 'ssm_beta.weight', (sizes) => [stateHeads(sizes), sizes.dim], deltaNet),
  projection(
    'ssm_in',
    'ssm_in.weight',
    (sizes) => [
      sizes.recurrent?.stateSpace
        ? stateValues(sizes) + stateChannels(sizes) + stateHeads(sizes)
        : 0,
      sizes.dim,
    ],
    stateSpace,
  ),
  filter('ssm_conv1d', 'ssm_conv1d.weight', (sizes) => [
    stateChannels(sizes),
    (sizes.recurrent ?? none).taps,
  ]),
  {
    ...vector(
      'ssm_conv1d_bias',
      'ssm_conv1d.bias',
      (sizes) => [1, stateChannels(sizes)],
      stateSpace,
    ),
    optional: always,
  },
  vector('ssm_dt', 'ssm_dt.bias', stateVector, recurrent),
  vector('ssm_a', 'ssm_a', stateVector, deltaNet),
  { ...vector('ssm_a', 'ssm_a', stateVector, stateSpace), dims: stateVector },
  { ...vector('ssm_d', 'ssm_d', stateVector, stateSpace), dims: stateVector },
  vector('ssm_norm', 'ssm_norm.weight', stateNormVector, deltaNet),
  {
    ...vector('ssm_norm', 'ssm_norm.weight', stateNormVector, stateSpace),
    dims: (sizes: Sizes) => {
      const { nKeyHead } = sizes.recurrent ?? none;
      return [stateValues(sizes) / nKeyHead, nKeyHead];
    },
    optional: always,
  },
  projection('ssm_out', 'ssm_out.weight', (sizes) => [sizes.dim, stateValues(sizes)], recurrent),
];

/** Tensors of every layer. */
export const layerTensors = [
  vector('attn_norm', 'attn_norm.weight', dimVector, preNorms),
  ...attentionTensors.map(attending),
  ...recurrentTensors.map(recurring),
  vector('attn_post_norm', 'post_attention_norm.weight', dimVector, postNorms),
  {
    ...vector(
      'ffn_norm',
      'ffn_norm.weight',
      dimVector,
      (graph) => preNorms(graph) && !deltaNet(graph),
    ),
    otherName: 'ffn_norm', // in falcon-h1's files
  },
  // Under a name that says what it comes after.
  vector('ffn_norm', 'post_attention_norm.weight', dimVector, deltaNet),
  vector('ffn_gate_norm_in', 'ffn_gate_norm_in.weight', dimVector, projectionNorms),
  vector('ffn_up_norm_in', 'ffn_up_norm_in.weight', dimVector, projectionNorms),
  projection('ffn_gate', 'ffn_gate.weight', ffnMatrix, oneNetwork),
  projection('ffn_up', 'ffn_up.weight', ffnMatrix, oneNetwork),
  ffnBias('ffn_gate_bias', 'ffn_gate.bias', ffnVector),
  ffnBias('ffn_up_bias', 'ffn_up.bias', ffnVector),
  vector('ffn_sub_norm', 'ffn_sub_norm.weight', ffnVector, subNorms),
  vector('ffn_sub_norm', 'ffn_down_norm_in.weight', ffnVector, projectionNorms),
  projection('ffn_down', 'ffn_down.weight', ({ ffnDim, dim }) => [dim, ffnDim], oneNetwork),
  ffnBias('ffn_down_bias', 'ffn_down.bias', dimVector),
  vector('ffn_post_norm', 'post_ffw_norm.weight', dimVector, postNorms),
  {
    ...projection(
      'ffn_gate_inp',
      'ffn_gate_inp.weight',
      (sizes) => [expertCount(sizes), sizes.dim],
      experts,
    ),
    kind: 'router' as const,
  },
  projection('ffn_gate_exps', 'ffn_gate_exps.weight', expertMatrix, experts),
  projection('ffn_up_exps', 'ffn_up_exps.weight', expertMatrix, experts),
  projection(
    'ffn_down_exps',
    'ffn_down_exps.weight',
    (sizes) => [sizes.dim, sizes.ffnDim, expertCount(sizes)],
    experts,
  ),
];

/** What a tensor is for. */
export type TensorRole = (typeof globalTensors | typeof layerTensors)[number]['role'];

/**
 * Tensors that other graphs compute with. When a file has one that its architecture's graph here
 * does not use, the result would be wrong without it, so such a file is refused.
 */
export const meaningfulTensors: readonly [name: RegExp, what: string, when?: Condition][] = [
  [/^(blk\.\d+\.|output|token_embd).*\.bias$/, 'a bias'],
  [/^(blk\.\d+\.|output|token_embd).*\.(input_)?scale$/, 'a scale'],
  [/^blk\.\d+\..*_norm_in\.weight$/, 'a norm before a projection'],
  // Where graphs have these norms, those that are left belong to layers they have not.
  [
    /^blk\.\d+\.(attn|ffn)_norm\.weight$/,
    'a norm before a layer',
    (graph) => !preNorms(graph) || deltaNet(graph),
  ],
  [/^output_norm\.weight$/, 'weights of the last norm'],
  [/^blk\.\d+\.attn_[qk]_norm\.weight$/, 'a norm of query or key heads'],
  [/^blk\.\d+\.(attn|ffn)_sub_norm\.weight$/, 'a norm before the last projection'],
  [/^blk\.\d+\.post_\w*norm\.weight$/, 'a norm after a layer'],
  [/^blk\.\d+\.(ffn_\w*_inp|ffn_\w+_(exps|shexp|chexps))\.weight$/, 'experts'],
  [/^blk\.\d+\.(ssm_|attn_qkv\.|attn_gate\.)/, 'a part of another kind of layer'],
  [/^rope_factors_(long|short)\.weight$/, 'a scaling of rotary angles (LongRoPE)'],
];
