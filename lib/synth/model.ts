import type { GgufTensorData, GgufTyped } from '../gguf/writer.js';
import { branchGain, commonShare, gateTensor } from './gate.js';
import { WeightRandom } from './random.js';
import type { Shape } from './shapes.js';
import { byteVocabulary } from './vocabulary.js';
import { f16Embedding, f16TritTensor, i2sTensor, type SynthFormat } from './weights.js';

/** Everything that decides the bytes of a synthetic model. */
export interface SynthModel {
  readonly name: string;
  readonly shape: Shape;
  readonly format: SynthFormat;
  readonly seed: number;
  /** `[nLayer]` tilts of the gates; without them all trits are plain random ones. */
  readonly tilts?: readonly number[];
}

export function synthMetadata({ name, shape, format }: SynthModel): [string, GgufTyped][] {
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

/** The tensors in file order; their data is made when it is written. */
export function synthTensors(model: SynthModel): GgufTensorData[] {
  const { shape, tilts } = model;
  const { dim, ffnDim } = shape;
  const kvDim = (dim / shape.nHead) * shape.nKvHead;
  const share = tilts ? commonShare : 0;
  const direction = commonDirection(dim, share, model.seed);
  const linear = (name: string, rows: number, cols: number, gain = 1): GgufTensorData =>
    linearTensor(model, name, rows, cols, gain);
  const gate = (name: string, layer: number): GgufTensorData => {
    const plain = linear(name, ffnDim, dim);
    if (!tilts) return plain;
    const { format, seed } = model;
    const chunks = gateTensor(
      ...([ffnDim, direction, tilts[layer]!, unitScale(dim), format, seed, name] as const),
    );
    return { ...plain, data: { bytes: storedBytes(format, ffnDim * dim), chunks } };
  };
  return [
    embeddingTensor(model, direction, share),
    ones('output_norm.weight', dim),
    ...Array.from({ length: shape.nLayer }, (_, layer) => {
      const name = (part: string) => `blk.${layer}.${part}.weight`;
      return [
        ones(name('attn_norm'), dim),
        ones(name('attn_sub_norm'), dim),
        ones(name('ffn_norm'), dim),
        ones(name('ffn_sub_norm'), ffnDim),
        linear(name('attn_q'), dim, dim),
        linear(name('attn_k'), kvDim, dim),
        linear(name('attn_v'), kvDim, dim),
        linear(name('attn_output'), dim, dim, branchGain),
        gate(name('ffn_gate'), layer),
        linear(name('ffn_up'), ffnDim, dim),
        linear(name('ffn_down'), dim, ffnDim, branchGain),
      ];
    }).flat(),
  ];
}

function linearTensor(
  { format, seed }: SynthModel,
  name: string,
  rows: number,
  cols: number,
  gain: number,
): GgufTensorData {
  const make = format === 'i2_s' ? i2sTensor : f16TritTensor;
  const chunks = make(rows * cols, gain * unitScale(cols), seed, name);
  return {
    name,
    dims: [cols, rows],
    type: format === 'i2_s' ? 'I2_S' : 'F16',
    data: { bytes: storedBytes(format, rows * cols), chunks },
  };
}

/** A row of trits times values around one has a deviation of scale · √(cols / 2): this scale makes it one. */
function unitScale(cols: number): number {
  return Math.sqrt(2 / cols);
}

function storedBytes(format: SynthFormat, count: number): number {
  return format === 'i2_s' ? count / 4 + 32 : count * 2;
}

function embeddingTensor(
  { shape, seed }: SynthModel,
  direction: Float64Array,
  share: number,
): GgufTensorData {
  const { vocab, dim } = shape;
  const name = 'token_embd.weight';
  const chunks = f16Embedding(vocab, direction, Math.sqrt(1 - share), seed, name);
  return { name, dims: [dim, vocab], type: 'F16', data: { bytes: vocab * dim * 2, chunks } };
}

function ones(name: string, length: number): GgufTensorData {
  const data = new Uint8Array(new Float32Array(length).fill(1).buffer);
  return { name, dims: [length], type: 'F32', data };
}

/** ±√share in every component. */
function commonDirection(dim: number, share: number, seed: number): Float64Array {
  const words = new Uint32Array(dim);
  new WeightRandom(seed, 'common direction').fill(words);
  return Float64Array.from(words, (word) => (word & 1 ? 1 : -1) * Math.sqrt(share));
}
