import {
  type ConvertOptions,
  type ConvertResult,
  convertCheckpoint,
} from '../../lib/convert/convert.js';
import { readGguf } from '../../lib/gguf/reader.js';
import type { GgufFile } from '../../lib/gguf/types.js';
import { toBfloat, toHalf } from '../fixtures/half.js';
import { random } from '../fixtures/random.js';
import { type RawTensor, writeTensors } from '../safetensors/raw-file.js';
import { bpeJson, checkpoint } from './tokenizer/checkpoint.js';

/** A llama of one layer. */
export const sizes = { dim: 256, ffnDim: 256, vocab: 257, headDim: 64, nHead: 4, nKvHead: 2 };

export const config = {
  architectures: ['LlamaForCausalLM'],
  model_type: 'llama',
  hidden_size: sizes.dim,
  intermediate_size: sizes.ffnDim,
  num_hidden_layers: 1,
  num_attention_heads: sizes.nHead,
  num_key_value_heads: sizes.nKvHead,
  rms_norm_eps: 1e-5,
  max_position_embeddings: 128,
  tie_word_embeddings: true,
  vocab_size: sizes.vocab,
};

export const projections = [
  ['self_attn.q_proj', 256],
  ['self_attn.k_proj', 128],
  ['self_attn.v_proj', 128],
  ['self_attn.o_proj', 256],
  ['mlp.gate_proj', 256],
  ['mlp.up_proj', 256],
  ['mlp.down_proj', 256],
] as const;

/** Numbers as a tensor of a checkpoint. */
export function tensor(
  dtype: 'F16' | 'BF16' | 'F32',
  shape: number[],
  value: (i: number) => number,
): RawTensor {
  const length = shape.reduce((product, dim) => product * dim, 1);
  const values = Float32Array.from({ length }, (_, i) => value(i));
  const words = { F16: toHalf, BF16: toBfloat, F32: undefined }[dtype];
  const data = words ? Uint16Array.from(values, words) : values;
  return { dtype, shape, bytes: new Uint8Array(data.buffer) };
}

/** ±scale or 0, by chance. */
export function trits(seed: number, scaleAt: (i: number) => number): (i: number) => number {
  const next = random(seed);
  return (i) => (Math.floor(3 * next()) - 1) * scaleAt(i);
}

export interface MadeParts {
  readonly config?: object;
  /** Instead of the usual ones. */
  readonly tensors?: Readonly<Record<string, RawTensor>>;
  readonly weight?: (i: number, name: string) => number;
  readonly dtype?: 'F16' | 'BF16' | 'F32';
}

/** Writes a checkpoint with weights from `weight`, all in one dtype. */
export async function madeCheckpoint(folder: string, parts: MadeParts = {}): Promise<string> {
  const { weight = trits(1, () => 0.0625), dtype = 'F16' } = parts;
  const { dim, vocab } = sizes;
  const norm = () => tensor(dtype, [dim], () => 1);
  await checkpoint(folder, {
    'config.json': { ...config, ...parts.config },
    'tokenizer.json': bpeJson(['a b']),
  });
  await writeTensors(`${folder}/model.safetensors`, {
    'model.embed_tokens.weight': tensor(dtype, [vocab, dim], (i) => (i % 97) / 64 - 0.75),
    'model.norm.weight': norm(),
    'model.layers.0.input_layernorm.weight': norm(),
    'model.layers.0.post_attention_layernorm.weight': norm(),
    ...Object.fromEntries(
      projections.map(([name, rows]) => [
        `model.layers.0.${name}.weight`,
        tensor(dtype, [rows, dim], (i) => weight(i, name)),
      ]),
    ),
    ...parts.tensors,
  });
  return folder;
}

/** A made checkpoint as a GGUF file. */
export async function convertedMade(
  folder: string,
  parts: MadeParts = {},
  options: ConvertOptions = {},
): Promise<ConvertResult & { readonly file: GgufFile }> {
  const path = `${folder}.gguf`;
  const made = await madeCheckpoint(folder, parts);
  const result = await convertCheckpoint(made, path, { overwrite: true, ...options });
  return { ...result, file: await readGguf(path) };
}
