import { type GgufChunks, type GgufTensorData, writeGguf } from '../../lib/gguf/writer.js';
import { tinyModel } from '../fixtures/tiny-model.js';

/**
 * Writes an I2_S model of about 200 MB without ever holding it: twelve layers of the shape of
 * bitnet-b1.58-2B-4T. Its weights repeat every megabyte; nobody will read what it says.
 */
export async function writeLargeModel(path: string): Promise<void> {
  const shape = {
    dim: 2560,
    ffnDim: 6912,
    nHead: 20,
    nKvHead: 5,
    vocabSize: 512,
    contextLength: 4096,
  };
  const nLayer = 12;
  // The names and metadata come from a narrow model with as many layers.
  const { metadata, tensors } = tinyModel({
    nLayer,
    dim: 128,
    ffnDim: 128,
    nHead: 2,
    nKvHead: 1,
    vocabSize: 512,
  });
  const arch = 'bitnet-b1.58';
  const set = (key: string, value: number) =>
    metadata.set(`${arch}.${key}`, { type: 'u32', value });
  set('context_length', shape.contextLength);
  set('embedding_length', shape.dim);
  set('feed_forward_length', shape.ffnDim);
  set('attention.head_count', shape.nHead);
  set('attention.head_count_kv', shape.nKvHead);
  set('rope.dimension_count', shape.dim / shape.nHead);

  const widened = [...tensors.values()].map(({ name, dims, type }): GgufTensorData => {
    const wide = dims.map((dim, axis) => widen(name, dim, axis, shape));
    const elements = wide.reduce((product, dim) => product * dim, 1);
    if (type === 'I2_S') return { name, dims: wide, type, data: packed(elements) };
    const bytes = elements * (type === 'F16' ? 2 : 4);
    return { name, dims: wide, type, data: constant(bytes, type === 'F16') };
  });
  await writeGguf(path, { metadata, tensors: widened });
}

type Shape = { dim: number; ffnDim: number; nHead: number; nKvHead: number };

function widen(
  name: string,
  dim: number,
  axis: number,
  { dim: width, ffnDim, nHead, nKvHead }: Shape,
) {
  if (name.startsWith('token_embd')) return axis === 0 ? width : dim;
  if (/ffn_sub_norm/.test(name)) return ffnDim;
  if (/ffn_(gate|up)/.test(name)) return axis === 0 ? width : ffnDim;
  if (/ffn_down/.test(name)) return axis === 0 ? ffnDim : width;
  if (/attn_[kv]/.test(name)) return axis === 0 ? width : (width / nHead) * nKvHead;
  return width;
}

/** Trits −1, 0, +1 in turn, one scale. */
function packed(elements: number): GgufChunks {
  return { bytes: elements / 4 + 32, chunks: packedChunks(elements / 4) };
}

function* packedChunks(bytes: number) {
  const pattern = Buffer.alloc(3 * 2 ** 18, Buffer.of(0x24, 0x49, 0x92));
  for (let left = bytes; left > 0; left -= pattern.length) {
    yield pattern.subarray(0, Math.min(left, pattern.length));
  }
  const tail = Buffer.alloc(32);
  tail.writeFloatLE(0.02);
  yield tail;
}

/** The number 1, or 1/16 in f16. */
function constant(bytes: number, half: boolean) {
  const number = half ? Buffer.of(0x00, 0x2c) : Buffer.of(0x00, 0x00, 0x80, 0x3f);
  return Buffer.alloc(bytes, number);
}
