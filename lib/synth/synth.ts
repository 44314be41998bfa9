import { argumentError, checkOptionNames } from '../generate/option-checks.js';
import { type GgufTensorData, type GgufTyped, writeGguf } from '../gguf/writer.js';
import { commonShare, gateTensor, tiltFor } from './gate.js';
import { WeightRandom } from './random.js';
import { type Shape, type ShapeName, shapes } from './shapes.js';
import { byteVocabulary } from './vocabulary.js';
import { f16Embedding, f16TritTensor, i2sTensor } from './weights.js';

export interface SynthOptions {
  /** Whose hyper-parameters to take. */
  readonly shape: ShapeName;
  /**
   * How linear layers are stored; the embedding is F16.
   * @default 'i2_s'
   */
  readonly format?: 'i2_s' | 'f16' | undefined;
  /** Fraction of gate outputs that shall be at most 0. @default plain random trits, about 0.5 */
  readonly gateSparsity?: number | undefined;
  /** Layers to write. @default those of the shape */
  readonly layers?: number | undefined;
  /** @default 0 */
  readonly seed?: number | undefined;
}

/** What was written. */
export interface Synthesis {
  readonly path: string;
  readonly shape: Shape;
  readonly bytes: number;
}

/**
 * Residual branches are this small beside the embedding, so that what all embeddings have in common is still there in the last
 * layer.
 */
const branchGain = 0.1;

/**
 * Writes a GGUF model with seeded random weights: trits −1, 0, +1 with probabilities 1/4, 1/2, 1/4, scales that keep activations near
 * one. It computes at the speed of a trained model of that shape and talks nonsense.
 *
 * @throws ERR_BITNET_ARGUMENT, ERR_BITNET_FILE
 */
export async function synthesise(path: string, options: SynthOptions): Promise<Synthesis> {
  checkOptionNames(options, ['shape', 'format', 'gateSparsity', 'layers', 'seed']);
  const { format = 'i2_s', gateSparsity, seed = 0 } = options;
  const shape = checkedShape(options);
  if (format !== 'i2_s' && format !== 'f16')
    throw argumentError("'i2_s' or 'f16'", 'option format', format);
  if (!(Number.isSafeInteger(seed) && seed >= 0))
    throw argumentError('an integer of at least 0', 'option seed', seed);
  if (gateSparsity !== undefined && !(gateSparsity > 0 && gateSparsity < 1)) {
    throw argumentError('a fraction between 0 and 1', 'option gateSparsity', gateSparsity);
  }
  const tilt = gateSparsity === undefined ? 0 : tiltFor(gateSparsity, shape.dim);
  const tensors = synthTensors(shape, format, seed, new Array<number>(shape.nLayer).fill(tilt));
  await writeGguf(path, { metadata: metadataOf(options.shape, shape, format), tensors });
  return {
    path,
    shape,
    bytes: tensors.reduce((sum, { data }) => sum + ('bytes' in data ? data.bytes : data.length), 0),
  };
}

function checkedShape(options: SynthOptions): Shape {
  const names = Object.keys(shapes);
  if (!names.includes(options.shape))
    throw argumentError(`one of ${names.join(', ')}`, 'option shape', options.shape);
  const shape: Shape = shapes[options.shape];
  const { layers = shape.nLayer } = options;
  if (!Number.isInteger(layers) || layers < 1 || layers > 1024) {
    throw argumentError('an integer from 1 to 1024', 'option layers', layers);
  }
  return { ...shape, nLayer: layers };
}

function metadataOf(name: ShapeName, shape: Shape, format: 'i2_s' | 'f16'): [string, GgufTyped][] {
  const { architecture: arch } = shape;
  const u32 = (value: number): GgufTyped => ({ type: 'u32', value });
  const text = (value: string): GgufTyped => ({ type: 'string', value });
  return [
    ['general.architecture', text(arch)],
    ['general.name', text(`synthetic ${name}`)],
    ['general.file_type', u32(format === 'i2_s' ? 40 : 1)],
    ['general.quantization_version', u32(2)],
    [`${arch}.vocab_size`, u32(shape.vocab)],
    [`${arch}.context_length`, u32(shape.contextLength)],
    [`${arch}.embedding_length`, u32(shape.dim)],
    [`${arch}.block_count`, u32(shape.nLayer)],
    [`${arch}.feed_forward_length`, u32(shape.ffnDim)],
    [`${arch}.attention.head_count`, u32(shape.nHead)],
    [`${arch}.attention.head_count_kv`, u32(shape.nKvHead)],
    [`${arch}.rope.dimension_count`, u32(shape.dim / shape.nHead)],
    [`${arch}.rope.freq_base`, { type: 'f32', value: shape.ropeBase }],
    [`${arch}.attention.layer_norm_rms_epsilon`, { type: 'f32', value: 1e-5 }],
    ...byteVocabulary(shape.vocab),
  ];
}

function synthTensors(
  shape: Shape,
  format: 'i2_s' | 'f16',
  seed: number,
  tilts: readonly number[],
): GgufTensorData[] {
  const { dim, ffnDim } = shape;
  const kvDim = (dim / shape.nHead) * shape.nKvHead;
  const leaning = tilts.some((tilt) => tilt !== 0);
  const share = leaning ? commonShare : 0;
  const direction = commonDirection(dim, share, seed);
  const ones = (name: string, length: number): GgufTensorData => ({
    name,
    dims: [length],
    type: 'F32',
    data: new Uint8Array(new Float32Array(length).fill(1).buffer),
  });
  const stored = (count: number) => (format === 'i2_s' ? count / 4 + 32 : count * 2);
  const type = format === 'i2_s' ? 'I2_S' : 'F16';
  // A row of trits times values around one has a deviation of scale · √(cols / 2).
  const linear = (name: string, rows: number, cols: number, gain = 1): GgufTensorData => {
    const make = format === 'i2_s' ? i2sTensor : f16TritTensor;
    const scale = gain * Math.sqrt(2 / cols);
    const data = { bytes: stored(rows * cols), chunks: make(rows * cols, scale, seed, name) };
    return { name, dims: [cols, rows], type, data };
  };
  const gate = (name: string, tilt: number): GgufTensorData => {
    if (tilt === 0) return linear(name, ffnDim, dim);
    const chunks = gateTensor(ffnDim, direction, tilt, Math.sqrt(2 / dim), format, seed, name);
    return { name, dims: [dim, ffnDim], type, data: { bytes: stored(ffnDim * dim), chunks } };
  };
  const noise = Math.sqrt(1 - share);
  const tensors: GgufTensorData[] = [
    {
      name: 'token_embd.weight',
      dims: [dim, shape.vocab],
      type: 'F16',
      data: {
        bytes: shape.vocab * dim * 2,
        chunks: f16Embedding(shape.vocab, direction, noise, seed, 'token_embd.weight'),
      },
    },
    ones('output_norm.weight', dim),
  ];
  for (const [layer, tilt] of tilts.entries()) {
    const name = (part: string) => `blk.${layer}.${part}.weight`;
    tensors.push(
      ones(name('attn_norm'), dim),
      ones(name('attn_sub_norm'), dim),
      ones(name('ffn_norm'), dim),
      ones(name('ffn_sub_norm'), ffnDim),
      linear(name('attn_q'), dim, dim),
      linear(name('attn_k'), kvDim, dim),
      linear(name('attn_v'), kvDim, dim),
      linear(name('attn_output'), dim, dim, branchGain),
      gate(name('ffn_gate'), tilt),
      linear(name('ffn_up'), ffnDim, dim),
      linear(name('ffn_down'), dim, ffnDim, branchGain),
    );
  }
  return tensors;
}

/** ±√share in every component. */
function commonDirection(dim: number, share: number, seed: number): Float64Array {
  const words = new Uint32Array(dim);
  new WeightRandom(seed, 'common direction').fill(words);
  return Float64Array.from(words, (word) => (word & 1 ? 1 : -1) * Math.sqrt(share));
}
