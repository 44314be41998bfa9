import { ternaryTile } from '../native.js';
import type { KvType, MatrixShape, TernaryTile, ZeroSkipping } from '../native-types.js';
import type { TensorRole } from './graph-tensors.js';
import type { ModelSpec, TensorBinding } from './spec.js';

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

/** Ternary types of a table of floats are kept as Q4_0 (native/model/tensor_loader.cpp). */
const q4Block = { values: 32, bytes: 18 };

/** Dense rows and cached heads are padded to this many values. */
const floatPad = 16;

/** Embeddings and heads in floats from this size on stay in the file (native/model/tensor_loader.cpp). */
const leaveInFile = 32 * 2 ** 20;

/** Rows of the shadow are padded to tiles of this many; each has a scale, an error and a norm. */
const shadowTile = 64;
const shadowRowBytes = 12;

/**
 * Estimates the memory of a model from its header, packed in tiles of the kernel in use, or of what
 * a shape uses instead: `Model.memory` to about a per cent. Rows or blocks that turn out to share
 * one scale take less; blocks whose scales differ a little more.
 */
export function memoryEstimate(
  spec: ModelSpec,
  tile: Packing,
  {
    tileOf = () => undefined,
    screenHead = true,
  }: {
    readonly tileOf?: (shape: MatrixShape) => TernaryTile | undefined;
    readonly screenHead?: boolean;
  } = {},
): MemoryEstimate {
  const sum = { ternary: 0, dense: 0, head: 0, norms: 0 };
  const untied = spec.tensors.some(({ role }) => role === 'output');
  const head = untied ? 'output' : 'token_embd';
  const headUse = screenHead ? 'screened' : 'multiplied';
  for (const tensor of spec.tensors) {
    sum[part(tensor)] +=
      tile.units && inUnits(tensor, tile, spec)
        ? unitBytes(tensor, tile.units)
        : tileBytes(tensor, tileOf(tensor) ?? tile, tensor.role === head ? headUse : 'looked up');
  }
  const kvPer1000Positions = {
    f16: 1000 * kvBytesPerPosition(spec),
    q8_0: 1000 * kvBytesPerPosition(spec, 'q8_0'),
  };
  return { ...sum, kvPer1000Positions };
}

/** How the ternary matrices of a model are packed. */
export interface Packing extends TernaryTile {
  /** Which of its layers keep the two matrices in units. */
  readonly inUnits?: ZeroSkipping;
}

/** How matrices are packed with a kernel or instruction set, '' for the best. */
export function packing(kernel: string, skipZeros: ZeroSkipping): Packing {
  return { ...ternaryTile(kernel), inUnits: skipZeros };
}

/** `[nLayer]` which layers keep their `up` in units, as far as the header tells. */
export function skippingLayers(spec: ModelSpec, tile: Packing): readonly boolean[] {
  const ups = spec.tensors.filter(({ role }) => role === 'ffn_up');
  return Array.from({ length: spec.nLayer }, (_, i) =>
    ups.some((tensor) => tensor.layer === i && inUnits(tensor, tile, spec)),
  );
}

/** The different shapes of ternary matrices that are packed in tiles. */
export function packedShapes(spec: ModelSpec, tile: Packing): readonly MatrixShape[] {
  const shapes = new Map<string, MatrixShape>();
  for (const tensor of spec.tensors) {
    const { rows, cols } = tensor;
    if (part(tensor) !== 'ternary' || inUnits(tensor, tile, spec)) continue;
    shapes.set(`${rows}x${cols}`, { rows, cols });
  }
  return [...shapes.values()];
}

/** Keys and values of one position of one session. */
export function kvBytesPerPosition(
  spec: Pick<ModelSpec, 'nLayer' | 'nKvHead' | 'headDim'>,
  type: KvType = 'f16',
): number {
  const bytes = {
    f16: padded(spec.headDim, floatPad) * 2,
    q8_0: Math.ceil(spec.headDim / 32) * (32 + 2),
  };
  return spec.nLayer * 2 * spec.nKvHead * bytes[type];
}

/** What rows of an embedding or head are read for: one of them a token, the best few, or all. */
type RowUse = 'looked up' | 'screened' | 'multiplied';

/** What is held in memory of an embedding, or of an output head with its shadow. */
export function bytesHeld({ type, rows, cols, bytes }: TensorBinding, use: RowUse): number {
  if (isTernary(type)) return ((rows * cols) / q4Block.values) * q4Block.bytes;
  const inFile = /^B?F(16|32)$/.test(type) && bytes >= leaveInFile && cols % floatPad === 0;
  if (!inFile || use === 'multiplied') return bytes;
  return use === 'screened'
    ? padded(rows, shadowTile) * (padded(cols, floatPad) + shadowRowBytes)
    : 0;
}

function part({ role, type, rows }: TensorBinding): 'ternary' | 'dense' | 'head' | 'norms' {
  const heads: readonly TensorRole[] = ['token_embd', 'output'];
  if (heads.includes(role)) return 'head';
  if (rows === 1) return 'norms';
  return isTernary(type) ? 'ternary' : 'dense';
}

/** Networks with these are computed in steps that skip nothing (native/model/weights.cpp). */
const moreNorms: readonly TensorRole[] = ['ffn_gate_norm_in', 'ffn_up_norm_in', 'ffn_post_norm'];

/** Whether a matrix is kept unit by unit, as far as the header tells. */
function inUnits(
  tensor: TensorBinding,
  { units, inUnits: layers = true }: Packing,
  { activation, tensors }: ModelSpec,
): boolean {
  const { role, layer } = tensor;
  if (!units || activation !== 'relu2' || part(tensor) !== 'ternary') return false;
  if (role !== 'ffn_up' && role !== 'ffn_down') return false;
  const chosen = typeof layers === 'boolean' ? layers : layers[layer] === true;
  return chosen && !tensors.some((other) => moreNorms.includes(other.role));
}

function tileBytes(tensor: TensorBinding, tile: TernaryTile, use: RowUse): number {
  const { rows, cols, bytes } = tensor;
  switch (part(tensor)) {
    case 'norms':
      return cols * 4; // held as f32
    case 'ternary':
      return (
        Math.ceil(rows / tile.rows) * Math.ceil(cols / tile.cols) * tile.bytes + scaleBytes(tensor)
      );
    case 'head':
      return bytesHeld(tensor, use);
    default:
      return bytes; // kept as stored
  }
}

function unitBytes(tensor: TensorBinding, block: NonNullable<TernaryTile['units']>): number {
  const { role, rows, cols } = tensor;
  const [units, width] = role === 'ffn_up' ? [rows, cols] : [cols, rows];
  return units * Math.ceil(width / block.trits) * block.bytes + scaleBytes(tensor);
}

function scaleBytes({ type, rows }: TensorBinding): number {
  return type.startsWith('IQ') ? rows * 4 : 0;
}

/** Whether layers of a tensor type are ternary products. */
export function isTernary(type: string): boolean {
  return /^(I2_S|TL[12]|TQ[12]_0|P?Q2_0|IQ[12]_BN)/.test(type);
}

function padded(length: number, to: number): number {
  return Math.ceil(length / to) * to;
}
