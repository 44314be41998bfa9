import { readFile } from 'node:fs/promises';
import type { GgufNumbers, GgufStrings } from '../../lib/gguf/array.js';
import { readGguf } from '../../lib/gguf/reader.js';
import type { GgufFile, GgufTensor } from '../../lib/gguf/types.js';
import { decode, decodeTernary, ternaryValues } from '../fixtures/decode.js';
import { type DenseType, type TernaryType, ternaryTypes } from '../fixtures/encode.js';

/** A matrix as numbers: value [r, c] = values[r * cols + c]. */
export interface Matrix {
  readonly rows: number;
  readonly cols: number;
  readonly values: Float64Array;
  /** Whether its input is rounded to int8 first, where the reference rounds at all. */
  readonly ternary: boolean;
}

/** A linear layer of the graph. */
export interface Projection {
  readonly weight: Matrix;
  /** [cols] of a norm of its input. */
  readonly normIn: Float64Array | undefined;
  /** [rows] added to its output. */
  readonly bias: Float64Array | undefined;
  /** Whether its input is rotated first. */
  readonly rotated?: boolean;
  /** What adapters add to its output. */
  readonly deltas?: readonly Delta[];
}

/** factor · B (A x) */
export interface Delta {
  /** [rank, cols] */
  readonly a: Matrix;
  /** [rows, rank] */
  readonly b: Matrix;
  readonly factor: number;
}

/** A Walsh-Hadamard transform of each `block` values, after a multiplication by signs. */
export interface Rotation {
  readonly block: number;
  /** By the width of an input; all 1 where there are none. */
  readonly signs: ReadonlyMap<number, readonly number[]>;
  /** Whether a recurrent layer's output has the value heads of a key head together then. */
  readonly grouped: boolean;
}

/** A feed-forward network, or an expert. */
export interface Network {
  readonly gate: Projection;
  readonly up: Projection;
  readonly down: Projection;
}

/** What chooses experts: `used` with the largest of its outputs. */
export interface Router {
  readonly weight: Matrix;
  readonly used: number;
  /** Gates are at most so large, ups between minus that and that. */
  readonly clamp: number;
}

/** What a recurrent layer has in place of attention: a gated delta net. */
export interface DeltaNet {
  readonly keyHeads: number;
  readonly valueHeads: number;
  readonly headDim: number;
  readonly qkv: Projection;
  readonly gate: Projection;
  readonly alpha: Projection;
  readonly beta: Projection;
  /** [channels, taps] */
  readonly conv: Matrix;
  readonly dtBias: Float64Array;
  readonly a: Float64Array;
  readonly norm: Float64Array;
  readonly out: Projection;
}

/** What a layer has beside attention: a selective state space (Mamba-2). */
export interface StateSpace {
  /** Of keys and queries, which Mamba-2 calls B and C; heads are as many values of `out`'s input. */
  readonly groups: number;
  readonly heads: number;
  readonly keyDim: number;
  /** Gates of values, values, keys, queries, steps of heads. */
  readonly in: Projection;
  /** [channels, taps] */
  readonly conv: Matrix;
  /** [channels] */
  readonly convBias: Float64Array | undefined;
  readonly dtBias: Float64Array;
  readonly a: Float64Array;
  readonly d: Float64Array;
  readonly norm: Float64Array | undefined;
  readonly out: Projection;
}

/** One transformer layer. Norms that its graph has not are undefined. */
export interface ReferenceLayer {
  /** In which case q, k, v and o are empty. */
  readonly deltaNet: DeltaNet | undefined;
  readonly stateSpace: StateSpace | undefined;
  readonly attnNorm: Float64Array | undefined;
  readonly qNorm: Float64Array | undefined;
  readonly kNorm: Float64Array | undefined;
  readonly attnSubNorm: Float64Array | undefined;
  readonly attnPostNorm: Float64Array | undefined;
  readonly ffnNorm: Float64Array | undefined;
  readonly ffnSubNorm: Float64Array | undefined;
  readonly ffnPostNorm: Float64Array | undefined;
  readonly q: Projection;
  readonly k: Projection;
  readonly v: Projection;
  readonly o: Projection;
  /** One, or where there is a router as many as it has outputs. */
  readonly networks: readonly Network[];
  readonly router: Router | undefined;
  /** Positions a token sees, itself included. */
  readonly window: number;
  readonly rope: Rope;
}

export interface Rope {
  readonly neox: boolean;
  readonly dim: number;
  readonly base: number;
  readonly scale: number;
  /** [dim / 2] divisors of the angles. */
  readonly factors: ArrayLike<number> | undefined;
  /** Cosines and sines are multiplied by it. */
  readonly magnitude: number;
}

/** A model file, decoded to float64; read without the library's own interpretation of metadata. */
export interface ReferenceModel {
  readonly nHead: number;
  readonly nKvHead: number;
  readonly headDim: number;
  /** Whether behind each query head stands a gate, as wide. */
  readonly gatedAttention: boolean;
  readonly normEps: number;
  /** OLMo's: norms before layers and head subtract the mean, divide by the deviation, and have no weights. */
  readonly layerNorms: boolean;
  /** Whether heads of queries and keys are normed after they are rotated. */
  readonly normsRotated: boolean;
  /** Queries, keys and values are kept within ± it. */
  readonly clamp: number;
  readonly activation: 'relu2' | 'silu' | 'gelu_tanh';
  readonly embedding: Matrix;
  /** What adapters add to its rows: A is [vocabSize, rank], of which a token has a row. */
  readonly embeddingDeltas?: readonly Delta[];
  readonly embeddingScale: number;
  /** Of what attention and feed-forward layers add. */
  readonly residualScale: number;
  /** Logits are divided by it. */
  readonly logitScale: number;
  readonly head: Matrix;
  readonly rotation: Rotation | undefined;
  /** Whether rows of the embedding are rotated back, and the head's input is rotated. */
  readonly rotated: { readonly embedding: boolean; readonly head: boolean };
  readonly outputNorm: Float64Array | undefined;
  /** c of logits c · tanh(logit / c), if any. */
  readonly softcapping: number | undefined;
  readonly layers: readonly ReferenceLayer[];
}

/** What a layer has not. */
const absent: Projection = {
  weight: { rows: 0, cols: 0, values: new Float64Array(0), ternary: false },
  normIn: undefined,
  bias: undefined,
};

/**
 * Reads a whole GGUF file of one of the graphs.
 *
 * @param capacity positions of the session, which decide the rotary factors of LongRoPE
 */
export async function referenceModel(path: string, capacity = 0): Promise<ReferenceModel> {
  const [file, bytes] = await Promise.all([readGguf(path), readFile(path)]);
  const tensors = new Map(file.tensors.map((tensor) => [tensor.name, tensor]));
  const find = (name: string) => {
    const tensor = tensors.get(name);
    return tensor && matrixOf(tensor, bytes);
  };
  const matrix = (name: string) => {
    const found = find(name);
    if (!found) throw new Error(`no tensor ${name} in ${path}`);
    return found;
  };
  const vector = (name: string) => find(name)?.values;
  const norm = (name: string) => matrix(name).values;

  const architecture = file.metadata.get('general.architecture') as string;
  const number = numbersOf(file, architecture);
  const dim = number('embedding_length')!;
  const nHead = number('attention.head_count')!;
  const headDim = number('attention.key_length') ?? dim / nHead;
  const alpha = (architecture === 'hunyuan-dense' && number('rope.scaling.alpha')) || 1;
  const layerNorms = architecture === 'olmo';
  const rope: Rope = {
    neox: !['llama', 'minicpm', 'olmo'].includes(architecture),
    dim: number('rope.dimension_count') ?? headDim,
    base: (number('rope.freq_base') ?? 10_000) * alpha ** (headDim / (headDim - 2)),
    scale: number('rope.scaling.factor') ?? 1,
    factors: vector('rope_freqs.weight'),
    magnitude: number('rope.scaling.attn_factor') ?? 1,
  };
  const scaling = file.metadata.get(`${architecture}.rope.scaling.type`);
  const context = number('rope.scaling.original_context_length') ?? number('context_length')!;
  const longRope = vector(`rope_factors_${capacity > context ? 'long' : 'short'}.weight`);
  const minicpm = architecture === 'minicpm';
  const nLayer = number('block_count')! - (number('nextn_predict_layers') ?? 0);
  const window = number('attention.sliding_window') ?? 0;
  const maple = architecture === 'maple';
  const perLayer = (key: string, layer: number) =>
    (file.metadata.get(`${architecture}.${key}`) as GgufNumbers).get(layer) as number;
  const ropeOf = (slidingWindow: boolean): Rope => {
    // Maple's layers without a window do not rotate, the others as the model says.
    if (maple) return slidingWindow ? rope : { ...rope, dim: 0 };
    const unscaled = { ...rope, scale: 1, factors: undefined };
    if (slidingWindow && architecture === 'olmo2') return { ...unscaled, magnitude: 1 };
    if (slidingWindow) return { ...unscaled, base: 10_000 };
    if (scaling === 'llama3') return { ...rope, scale: 1, factors: llama3Factors(rope) };
    if (scaling === 'longrope') return { ...rope, factors: longRope };
    return scaling === 'yarn' ? yarn(rope, context) : rope;
  };
  const [folded, inverse] = ['weight_names', 'inverse_weight_names'].map((key) => {
    const list = file.metadata.get(`prism.hadamard.${key}`) as GgufStrings | undefined;
    return new Set(list?.toArray());
  }) as [Set<string>, Set<string>];
  const embedding = matrix('token_embd.weight');
  const stated = file.metadata.get(`${architecture}.attention.recurrent_layers`);
  const interval = number('full_attention_interval') ?? 4;
  const recurs = (layer: number) =>
    architecture === 'qwen35' &&
    (typeof stated === 'object' ? Boolean(stated.get(layer)) : (layer + 1) % interval !== 0);
  return {
    nHead,
    nKvHead: number('attention.head_count_kv') ?? nHead,
    headDim,
    normEps: number(`attention.layer_norm_${layerNorms ? '' : 'rms_'}epsilon`)!,
    layerNorms,
    normsRotated: architecture === 'hunyuan-dense',
    clamp: (layerNorms && number('attention.clamp_kqv')) || Number.POSITIVE_INFINITY,
    gatedAttention: architecture === 'qwen35',
    activation: activationOf(file, architecture),
    embedding,
    // Gemma's embedding is multiplied by the square root of its width.
    embeddingScale:
      architecture === 'gemma3' ? Math.sqrt(dim) : minicpm ? (number('embedding_scale') ?? 12) : 1,
    residualScale: minicpm ? (number('residual_scale') ?? 1.4 / Math.sqrt(nLayer)) : 1,
    logitScale: minicpm ? (number('logit_scale') ?? dim / 256) : 1,
    head: find('output.weight') ?? embedding,
    rotation: rotationOf(file),
    rotated: {
      embedding: inverse.has('token_embd.weight'),
      head: folded.has('output.weight') || (!tensors.has('output.weight') && inverse.size > 0),
    },
    outputNorm: vector('output_norm.weight'),
    softcapping: architecture === 'gemma3' ? number('final_logit_softcapping') : undefined,
    layers: Array.from({ length: nLayer }, (_, i) => {
      const name = (part: string) => `blk.${i}.${part}.weight`;
      const projection = (part: string): Projection => ({
        weight: matrix(name(part)),
        normIn: vector(name(`${part}_norm_in`)),
        bias: vector(`blk.${i}.${part}.bias`),
        rotated: folded.has(name(part)),
      });
      const recurrent = recurs(i);
      const attending = (part: string) => (recurrent ? absent : projection(part));
      // The norm in front of the feed-forward network is named after what it comes after.
      const hybrid = architecture === 'qwen35';
      const postNorm = vector(name('post_attention_norm'));
      // Of Gemma's layers the 6th, 12th, … see everything, of OLMo 3's the 4th, 8th, …; Maple's files say it of each.
      const period = architecture === 'olmo2' ? 4 : 6;
      const slidingWindow =
        window > 0 &&
        (maple ? Boolean(perLayer('attention.sliding_window_pattern', i)) : (i + 1) % period !== 0);
      const experts = (part: string) =>
        slices(matrix(name(part)), number('expert_count')!).map((weight) => ({
          ...{ weight, normIn: undefined, bias: undefined },
        }));
      const [gates, ups, downs] = maple
        ? [experts('ffn_gate_exps'), experts('ffn_up_exps'), experts('ffn_down_exps')]
        : [[projection('ffn_gate')], [projection('ffn_up')], [projection('ffn_down')]];
      return {
        deltaNet: recurrent
          ? {
              keyHeads: number('ssm.group_count')!,
              valueHeads: number('ssm.time_step_rank')!,
              headDim: number('ssm.state_size')!,
              qkv: projection('attn_qkv'),
              gate: projection('attn_gate'),
              alpha: projection('ssm_alpha'),
              beta: projection('ssm_beta'),
              conv: matrix(name('ssm_conv1d')),
              dtBias: norm(`blk.${i}.ssm_dt.bias`),
              a: norm(`blk.${i}.ssm_a`),
              norm: norm(name('ssm_norm')),
              out: projection('ssm_out'),
            }
          : undefined,
        stateSpace:
          architecture === 'falcon-h1'
            ? {
                groups: number('ssm.group_count')!,
                heads: number('ssm.time_step_rank')!,
                keyDim: number('ssm.state_size')!,
                in: projection('ssm_in'),
                conv: matrix(name('ssm_conv1d')),
                convBias: vector(`blk.${i}.ssm_conv1d.bias`),
                dtBias: norm(`blk.${i}.ssm_dt.bias`),
                a: norm(`blk.${i}.ssm_a`),
                d: norm(`blk.${i}.ssm_d`),
                norm: vector(name('ssm_norm')),
                out: projection('ssm_out'),
              }
            : undefined,
        attnNorm: vector(name('attn_norm')),
        qNorm: vector(name('attn_q_norm')),
        kNorm: vector(name('attn_k_norm')),
        attnSubNorm: vector(name('attn_sub_norm')),
        attnPostNorm: hybrid ? undefined : postNorm,
        ffnNorm: hybrid ? postNorm : (vector(name('ffn_norm')) ?? vector(`blk.${i}.ffn_norm`)),
        ffnSubNorm: vector(name('ffn_sub_norm')),
        ffnPostNorm: vector(name('post_ffw_norm')),
        q: attending('attn_q'),
        k: attending('attn_k'),
        v: attending('attn_v'),
        o: attending('attn_output'),
        networks: gates.map((gate, e) => ({ gate, up: ups[e]!, down: downs[e]! })),
        router: maple
          ? {
              weight: matrix(name('ffn_gate_inp')),
              used: number('expert_used_count')!,
              clamp: perLayer('swiglu_clamp_exp', i),
            }
          : undefined,
        window: slidingWindow ? window : Number.POSITIVE_INFINITY,
        rope: ropeOf(slidingWindow),
      };
    }),
  };
}

/** The matrices of experts, which are stored one after the other. */
function slices({ rows, cols, values, ternary }: Matrix, experts: number): Matrix[] {
  const length = (rows / experts) * cols;
  return Array.from({ length: experts }, (_, e) => ({
    ...{ rows: rows / experts, cols, ternary },
    values: values.subarray(e * length, (e + 1) * length),
  }));
}

/** Divisors of the angles of Llama 3.1, by wavelength, with all but the factor at their defaults. */
function llama3Factors({ dim, base, scale }: Rope): number[] {
  return Array.from({ length: dim / 2 }, (_, j) => {
    const wavelength = 2 * Math.PI * base ** ((2 * j) / dim);
    if (wavelength < 8192 / 4) return 1;
    if (wavelength > 8192) return scale;
    const share = (8192 / wavelength - 1) / (4 - 1);
    return 1 / ((1 - share) / scale + share);
  });
}

/**
 * YaRN with its usual constants: angles are p · w', w' = w / f · (1 − u) + w · u, where u falls from 1
 * to 0 between the pairs that turn 32 times and once within the original context.
 */
function yarn({ base, dim, scale: f, factors, magnitude, ...rest }: Rope, context: number): Rope {
  const pair = (turns: number) =>
    (dim * Math.log(context / (turns * 2 * Math.PI))) / (2 * Math.log(base));
  const low = Math.max(Math.floor(pair(32)), 0);
  const high = Math.min(Math.ceil(pair(1)), dim - 1);
  const divisors = Array.from({ length: dim / 2 }, (_, i) => {
    const u = 1 - Math.min(1, Math.max(0, (i - low) / Math.max(0.001, high - low)));
    return (factors?.[i] ?? 1) / ((1 / f) * (1 - u) + u);
  });
  const grown = magnitude * (1 + 0.1 * Math.log(f));
  return { ...rest, base, dim, scale: 1, factors: divisors, magnitude: grown };
}

function matrixOf({ dims, type, offset, bytes }: GgufTensor, file: Uint8Array): Matrix {
  const [cols = 1, ...others] = dims;
  const rows = others.reduce((product, dim) => product * dim, 1);
  const stored = file.subarray(offset, offset + bytes);
  if ((ternaryTypes as readonly string[]).includes(type)) {
    const decoded = decodeTernary(type as TernaryType, stored, rows, cols);
    // A matrix with a weight of +2, which some types have, is an ordinary one.
    const ternary = decoded.trits.every((trit) => trit < 2);
    return { rows, cols, values: ternaryValues(decoded), ternary };
  }
  return { rows, cols, values: decode(type as DenseType, stored, rows, cols), ternary: false };
}

function rotationOf({ metadata }: GgufFile): Rotation | undefined {
  const entry = <T>(key: string) => metadata.get(`prism.hadamard.${key}`) as T | undefined;
  const block = entry<number>('block_size');
  if (block === undefined) return undefined;
  const values = entry<GgufNumbers>('sign_values')?.toArray().map(Number) ?? [];
  const widths = entry<GgufNumbers>('sign_widths')?.toArray().map(Number) ?? [];
  const signs = new Map(widths.map((width) => [width, values.splice(0, width)]));
  return { block, signs, grouped: entry<boolean>('gdn_v_grouped') ?? false };
}

function numbersOf({ metadata }: GgufFile, architecture: string) {
  return (key: string) => metadata.get(`${architecture}.${key}`) as number | undefined;
}

function activationOf({ metadata }: GgufFile, architecture: string): ReferenceModel['activation'] {
  const stated = metadata.get(`${architecture}.hidden_activation`);
  if (stated === 'relu2' || stated === 'silu') return stated;
  if (architecture === 'gemma3') return 'gelu_tanh';
  return architecture === 'bitnet-b1.58' || architecture === 'bitnet-25' ? 'relu2' : 'silu';
}
