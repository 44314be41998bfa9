import type { ModelSpec, TensorBinding, TensorRole } from '../model/spec.js';
import type { KvType, TernaryTile } from '../native.js';

/** Bytes a loaded model will take, told from its header. */
export interface MemoryEstimate {
  /** Ternary layers as kernels hold them, with their scales. */
  readonly ternary: number;
  /** Layers stored in a dense type. */
  readonly dense: number;
  /** Embedding and output head; of large ones in floats an int8 shadow, the rows stay in the file. */
  readonly head: number;
  readonly norms: number;
  /** Keys and values of 1,000 positions of one session, by `kvType`. */
  readonly kvPer1000Positions: { readonly [type in KvType]: number };
}

/** Dense rows and cached heads are padded to this many values. */
const floatPad = 16;

/** Embeddings and heads in floats from this size on stay in the file (native/model/tensor_loader.cpp). */
const leaveInFile = 32 * 2 ** 20;

/** Rows of the shadow are padded to tiles of this many; each has a scale, an error and a norm. */
const shadowTile = 64;
const shadowRowBytes = 12;

/**
 * Estimates the memory of a model from its header, packed in tiles of the kernel in use:
 * `Model.memory` to about a per cent. Rows or
 * blocks that turn out to share one scale take less; blocks whose scales differ a little more.
 */
export function memoryEstimate(spec: ModelSpec, tile: TernaryTile): MemoryEstimate {
  const sum = { ternary: 0, dense: 0, head: 0, norms: 0 };
  const untied = spec.tensors.some(({ role }) => role === 'output');
  const head = untied ? 'output' : 'token_embd';
  for (const tensor of spec.tensors) {
    sum[part(tensor)] += tensorBytes(tensor, tile, tensor.role === head);
  }
  const rows = 1000 * spec.nLayer * 2 * spec.nKvHead;
  const q8Blocks = Math.ceil(spec.headDim / 32);
  const kvPer1000Positions = {
    f16: rows * padded(spec.headDim, floatPad) * 2,
    q8_0: rows * q8Blocks * (32 + 2),
  };
  return { ...sum, kvPer1000Positions };
}

function part({ role, type, rows }: TensorBinding): 'ternary' | 'dense' | 'head' | 'norms' {
  const heads: readonly TensorRole[] = ['token_embd', 'output'];
  if (heads.includes(role)) return 'head';
  if (rows === 1) return 'norms';
  return isTernary(type) ? 'ternary' : 'dense';
}

function tensorBytes(tensor: TensorBinding, tile: TernaryTile, isHead: boolean): number {
  const { type, rows, cols, bytes } = tensor;
  switch (part(tensor)) {
    case 'norms':
      return cols * 4; // held as f32
    case 'ternary': {
      const scales = type.startsWith('IQ') ? rows * 4 : 0;
      return Math.ceil(rows / tile.rows) * Math.ceil(cols / tile.cols) * tile.bytes + scales;
    }
    case 'head': {
      const inFile = /^B?F(16|32)$/.test(type) && bytes >= leaveInFile && cols % floatPad === 0;
      if (!inFile) return bytes;
      return isHead ? padded(rows, shadowTile) * (padded(cols, floatPad) + shadowRowBytes) : 0;
    }
    default:
      return bytes; // kept as stored
  }
}

function isTernary(type: string): boolean {
  return /^(I2_S|TL[12]|TQ[12]_0|P?Q2_0|IQ[12]_BN)/.test(type);
}

function padded(length: number, to: number): number {
  return Math.ceil(length / to) * to;
}
