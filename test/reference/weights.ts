import { readFile } from 'node:fs/promises';
import { readGguf } from '../../lib/gguf/reader.js';
import type { GgufFile, GgufTensor } from '../../lib/gguf/types.js';
import { decode, decodeTernary } from '../fixtures/decode.js';
import { type DenseType, type TernaryType, ternaryTypes } from '../fixtures/encode.js';

/** A matrix as numbers: value [r, c] = values[r * cols + c]. */
export interface Matrix {
  readonly rows: number;
  readonly cols: number;
  readonly values: Float64Array;
  /** Whether its input is rounded to int8 first, where the reference rounds at all. */
  readonly ternary: boolean;
}

/** One transformer layer. Graphs without sub-norms have none. */
export interface ReferenceLayer {
  readonly attnNorm: Float64Array;
  readonly attnSubNorm: Float64Array | undefined;
  readonly ffnNorm: Float64Array;
  readonly ffnSubNorm: Float64Array | undefined;
  readonly q: Matrix;
  readonly k: Matrix;
  readonly v: Matrix;
  readonly o: Matrix;
  readonly gate: Matrix;
  readonly up: Matrix;
  readonly down: Matrix;
}

/** A model file, decoded to float64; read without the library's own interpretation of metadata. */
export interface ReferenceModel {
  readonly nHead: number;
  readonly nKvHead: number;
  readonly headDim: number;
  readonly normEps: number;
  readonly rope: {
    readonly neox: boolean;
    readonly dim: number;
    readonly base: number;
    readonly scale: number;
    /** [dim / 2] divisors of the angles. */
    readonly factors: Float64Array | undefined;
  };
  readonly activation: 'relu2' | 'silu';
  readonly embedding: Matrix;
  readonly head: Matrix;
  readonly outputNorm: Float64Array;
  readonly layers: readonly ReferenceLayer[];
}

/** Reads a whole GGUF file of one of the three graphs. */
export async function referenceModel(path: string): Promise<ReferenceModel> {
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
  const embedding = matrix('token_embd.weight');
  return {
    nHead,
    nKvHead: number('attention.head_count_kv') ?? nHead,
    headDim,
    normEps: number('attention.layer_norm_rms_epsilon')!,
    rope: {
      neox: architecture !== 'llama',
      dim: number('rope.dimension_count') ?? headDim,
      base: number('rope.freq_base') ?? 10_000,
      scale: number('rope.scaling.factor') ?? 1,
      factors: vector('rope_freqs.weight'),
    },
    activation: activationOf(file, architecture),
    embedding,
    head: find('output.weight') ?? embedding,
    outputNorm: norm('output_norm.weight'),
    layers: Array.from({ length: number('block_count')! }, (_, i) => {
      const name = (part: string) => `blk.${i}.${part}.weight`;
      return {
        attnNorm: norm(name('attn_norm')),
        attnSubNorm: vector(name('attn_sub_norm')),
        ffnNorm: norm(name('ffn_norm')),
        ffnSubNorm: vector(name('ffn_sub_norm')),
        q: matrix(name('attn_q')),
        k: matrix(name('attn_k')),
        v: matrix(name('attn_v')),
        o: matrix(name('attn_output')),
        gate: matrix(name('ffn_gate')),
        up: matrix(name('ffn_up')),
        down: matrix(name('ffn_down')),
      };
    }),
  };
}

function matrixOf({ dims, type, offset, bytes }: GgufTensor, file: Uint8Array): Matrix {
  const [cols = 1, rows = 1] = dims;
  const stored = file.subarray(offset, offset + bytes);
  const values = decode(type as TernaryType | DenseType, stored, rows, cols);
  return { rows, cols, values, ternary: isTernary(type, stored, rows, cols) };
}

/** A matrix with a weight of +2, which some types have, is an ordinary one. */
function isTernary(type: string, stored: Uint8Array, rows: number, cols: number): boolean {
  if (!(ternaryTypes as readonly string[]).includes(type)) return false;
  return decodeTernary(type as TernaryType, stored, rows, cols).trits.every((trit) => trit < 2);
}

function numbersOf({ metadata }: GgufFile, architecture: string) {
  return (key: string) => metadata.get(`${architecture}.${key}`) as number | undefined;
}

function activationOf({ metadata }: GgufFile, architecture: string): 'relu2' | 'silu' {
  const stated = metadata.get(`${architecture}.hidden_activation`);
  if (stated === 'relu2' || stated === 'silu') return stated;
  return architecture === 'bitnet' || architecture === 'llama' ? 'silu' : 'relu2';
}
