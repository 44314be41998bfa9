import { BitnetError } from '../../lib/errors.js';
import { GgufNumbers, GgufStrings } from '../../lib/gguf/array.js';
import { typeNamed } from '../../lib/gguf/tensor-types.js';
import type { GgufFile, GgufTensor, GgufValue } from '../../lib/gguf/types.js';
import type { GgufValueType } from '../../lib/gguf/value-types.js';
import { readSpec } from '../../lib/model/spec/read-spec.js';

export interface PaperOptions {
  readonly arch?: string;
  readonly nLayer?: number;
  readonly dim?: number;
  readonly ffnDim?: number;
  readonly nHead?: number;
  readonly nKvHead?: number;
  readonly headDim?: number;
  readonly vocabSize?: number;
  readonly tied?: boolean;
  readonly weightType?: string;
  readonly headType?: string;
  /** Of recurrent layers, in architectures with such; of keys and of values. */
  readonly states?: {
    readonly keyHeads: number;
    readonly valueHeads: number;
    readonly dim: number;
  };
  /** Whether every projection has a norm before it. */
  readonly projectionNorms?: boolean;
  /** Of 'maple': experts of a layer, of which a token uses 2. @default 4 */
  readonly experts?: number;
  /** `tokenizer.ggml.model`. */
  readonly tokenizer?: string;
}

/** What a reader would say about a model that exists on paper only; sound until it is changed. */
export class PaperModel {
  readonly path = 'paper.gguf';
  readonly arch: string;
  readonly #values = new Map<string, [GgufValueType, GgufValue]>();
  readonly #tensors = new Map<string, { dims: readonly number[]; type: string }>();

  constructor(options: PaperOptions = {}) {
    const { arch = 'bitnet-b1.58', nLayer = 2, dim = 128, ffnDim = 192, nHead = 4 } = options;
    const {
      nKvHead = 2,
      headDim = dim / nHead,
      vocabSize = 300,
      tied = arch !== 'llama' && arch !== 'maple',
    } = options;
    const { weightType = 'I2_S', headType = 'F16', tokenizer = 'gpt2' } = options;
    const { projectionNorms = false, experts = 4 } = options;
    const { states = { keyHeads: 2, valueHeads: 4, dim: 32 } } = options;
    this.arch = arch;
    this.set('general.architecture', 'string', arch);
    this.set('general.name', 'string', 'paper');
    this.set('.block_count', 'u32', nLayer);
    this.set('.context_length', 'u32', 4096);
    this.set('.embedding_length', 'u32', dim);
    if (arch === 'maple') {
      this.set('.expert_feed_forward_length', 'u32', ffnDim);
      this.set('.expert_count', 'u32', experts);
      this.set('.expert_used_count', 'u32', 2);
      this.set('.attention.sliding_window', 'u32', 512);
      const windowed = Array.from({ length: nLayer }, (_, i) => Number(i % 4 !== 3));
      this.setArray('.attention.sliding_window_pattern', 'bool', windowed);
    } else this.set('.feed_forward_length', 'u32', ffnDim);
    this.set('.attention.head_count', 'u32', nHead);
    this.set('.attention.head_count_kv', 'u32', nKvHead);
    const epsilon = arch === 'olmo' ? 'epsilon' : 'rms_epsilon';
    this.set(`.attention.layer_norm_${epsilon}`, 'f32', Math.fround(1e-5));
    this.set('.vocab_size', 'u32', vocabSize);
    if (headDim !== dim / nHead) this.set('.attention.key_length', 'u32', headDim);
    const hybrid = arch === 'qwen35';
    const values = states.valueHeads * states.dim;
    const channels = 2 * states.keyHeads * states.dim + values;
    if (hybrid || arch === 'falcon-h1') {
      this.set('.ssm.conv_kernel', 'u32', 4);
      this.set('.ssm.state_size', 'u32', states.dim);
      this.set('.ssm.group_count', 'u32', states.keyHeads);
      this.set('.ssm.time_step_rank', 'u32', states.valueHeads);
      this.set('.ssm.inner_size', 'u32', values);
    }
    this.set('tokenizer.ggml.model', 'string', tokenizer);
    this.set('tokenizer.ggml.tokens', 'array', emptyStrings(vocabSize));
    this.add('token_embd.weight', [dim, vocabSize], headType);
    if (arch !== 'olmo') this.add('output_norm.weight', [dim], 'F32');
    if (!tied) this.add('output.weight', [dim, vocabSize], headType);
    for (let i = 0; i < nLayer; i++) {
      const add = (name: string, dims: readonly number[], type: string) =>
        this.add(`blk.${i}.${name}.weight`, dims, type);
      if (!arch.startsWith('olmo')) {
        add('attn_norm', [dim], 'F32');
        if (arch === 'falcon-h1') this.add(`blk.${i}.ffn_norm`, [dim], 'F32');
        else add(hybrid ? 'post_attention_norm' : 'ffn_norm', [dim], 'F32');
      }
      if (arch !== 'maple') {
        add('ffn_gate', [dim, ffnDim], weightType);
        add('ffn_up', [dim, ffnDim], weightType);
        add('ffn_down', [ffnDim, dim], weightType);
      }
      if (hybrid && i % 4 !== 3) {
        add('attn_qkv', [dim, channels], weightType);
        add('attn_gate', [dim, values], weightType);
        add('ssm_alpha', [dim, states.valueHeads], 'BF16');
        add('ssm_beta', [dim, states.valueHeads], 'BF16');
        add('ssm_conv1d', [4, channels], 'F32');
        this.add(`blk.${i}.ssm_dt.bias`, [states.valueHeads], 'F32');
        this.add(`blk.${i}.ssm_a`, [states.valueHeads], 'F32');
        add('ssm_norm', [states.dim], 'F32');
        add('ssm_out', [values, dim], weightType);
        continue;
      }
      if (arch === 'falcon-h1') {
        add('ssm_in', [dim, values + channels + states.valueHeads], weightType);
        add('ssm_conv1d', [4, channels], 'F32');
        this.add(`blk.${i}.ssm_conv1d.bias`, [channels], 'F32');
        this.add(`blk.${i}.ssm_dt.bias`, [states.valueHeads], 'F32');
        this.add(`blk.${i}.ssm_a`, [1, states.valueHeads], 'F32');
        this.add(`blk.${i}.ssm_d`, [1, states.valueHeads], 'F32');
        add('ssm_norm', [values / states.keyHeads, states.keyHeads], 'F32');
        add('ssm_out', [values, dim], weightType);
      }
      if (arch.startsWith('bitnet')) {
        add('attn_sub_norm', [nHead * headDim], 'F32');
        add('ffn_sub_norm', [ffnDim], 'F32');
      }
      if (arch === 'qwen2') {
        this.add(`blk.${i}.attn_q.bias`, [nHead * headDim], 'F32');
        this.add(`blk.${i}.attn_k.bias`, [nKvHead * headDim], 'F32');
        this.add(`blk.${i}.attn_v.bias`, [nKvHead * headDim], 'F32');
      }
      if (arch === 'olmo2') {
        add('attn_q_norm', [nHead * headDim], 'F32');
        add('attn_k_norm', [nKvHead * headDim], 'F32');
      }
      if (['qwen3', 'gemma3', 'hunyuan-dense', 'maple', 'qwen35'].includes(arch)) {
        add('attn_q_norm', [headDim], 'F32');
        add('attn_k_norm', [headDim], 'F32');
      }
      if (arch === 'gemma3' || arch === 'olmo2') {
        add('post_attention_norm', [dim], 'F32');
        add('post_ffw_norm', [dim], 'F32');
      }
      if (projectionNorms) {
        for (const part of ['attn_q', 'attn_k', 'attn_v', 'ffn_gate', 'ffn_up']) {
          add(`${part}_norm_in`, [dim], 'F16');
        }
        add('attn_output_norm_in', [nHead * headDim], 'F16');
        add('ffn_down_norm_in', [ffnDim], 'F16');
      }
      add('attn_q', [dim, (hybrid ? 2 : 1) * nHead * headDim], weightType);
      add('attn_k', [dim, nKvHead * headDim], weightType);
      add('attn_v', [dim, nKvHead * headDim], weightType);
      add('attn_output', [nHead * headDim, dim], weightType);
      if (arch === 'maple') {
        add('ffn_gate_inp', [dim, experts], 'F32');
        add('ffn_gate_exps', [dim, ffnDim, experts], weightType);
        add('ffn_up_exps', [dim, ffnDim, experts], weightType);
        add('ffn_down_exps', [ffnDim, dim, experts], weightType);
      }
    }
  }

  /** Sets a metadata entry; a key that begins with a dot belongs to the architecture. */
  set(key: string, type: GgufValueType, value: GgufValue): this {
    this.#values.set(this.#full(key), [type, value]);
    return this;
  }

  setArray(
    key: string,
    elementType: 'u32' | 'i32' | 'f32' | 'bool',
    values: readonly number[],
  ): this {
    const make = { u32: Uint32Array, i32: Int32Array, f32: Float32Array, bool: Uint8Array };
    return this.set(key, 'array', new GgufNumbers(elementType, make[elementType].from(values)));
  }

  drop(key: string): this {
    this.#values.delete(this.#full(key));
    return this;
  }

  /** Adds a tensor or replaces the one with its name. */
  add(name: string, dims: readonly number[], type: string): this {
    this.#tensors.set(name, { dims, type });
    return this;
  }

  change(name: string, change: { dims?: readonly number[]; type?: string }): this {
    this.#tensors.set(name, { ...this.#tensors.get(name)!, ...change });
    return this;
  }

  remove(name: string): this {
    this.#tensors.delete(name);
    return this;
  }

  get file(): GgufFile {
    let offset = 1024;
    const tensors: GgufTensor[] = [];
    for (const [name, { dims, type }] of this.#tensors) {
      const [cols = 1, ...others] = dims;
      const rows = others.reduce((product, dim) => product * dim, 1);
      const known = typeNamed(type);
      const bytes = known?.bytes(rows, cols) ?? 32;
      tensors.push({ name, dims, typeId: known?.id ?? 77, type, offset, bytes });
      offset += Math.ceil(bytes / 32) * 32;
    }
    return {
      path: this.path,
      size: offset,
      version: 3,
      alignment: 32,
      dataStart: 1024,
      metadata: new Map([...this.#values].map(([key, [, value]]) => [key, value])),
      valueTypes: new Map([...this.#values].map(([key, [type]]) => [key, type])),
      tensors,
    };
  }

  #full(key: string): string {
    return key.startsWith('.') ? this.arch + key : key;
  }
}

export function emptyStrings(length: number): GgufStrings {
  return new GgufStrings(
    Buffer.alloc(8 * length),
    Uint32Array.from({ length: length + 1 }, (_, i) => 8 * i + 8),
  );
}

/** The shape of microsoft/bitnet-b1.58-2B-4T. */
export const sizes2b = {
  nLayer: 30,
  dim: 2560,
  ffnDim: 6912,
  nHead: 20,
  nKvHead: 5,
  vocabSize: 128_256,
} as const;

/** The shape of microsoft/bitnet-embedding-0.6b, of architecture qwen3. */
export const embedding06b = {
  nLayer: 28,
  dim: 1024,
  ffnDim: 3072,
  nHead: 16,
  nKvHead: 8,
  headDim: 128,
  vocabSize: 151_936,
  projectionNorms: true,
} as const;

/** The shape of microsoft/bitnet-embedding-270m, of architecture gemma3. */
export const embedding270m = {
  nLayer: 18,
  dim: 640,
  ffnDim: 2048,
  nHead: 4,
  nKvHead: 1,
  headDim: 256,
  vocabSize: 262_144,
  projectionNorms: true,
} as const;

/** The shape of Ternary-Bonsai 27B, of architecture qwen35. */
export const sizes27b = {
  nLayer: 64,
  dim: 5120,
  ffnDim: 17_408,
  nHead: 24,
  nKvHead: 4,
  headDim: 256,
  vocabSize: 248_320,
  tied: false,
  weightType: 'Q2_0',
  headType: 'Q2_0',
  states: { keyHeads: 16, valueHeads: 48, dim: 128 },
} as const;

/** The error that a model is refused with. */
export function refusal(model: PaperModel): BitnetError {
  try {
    readSpec(model.file);
  } catch (error) {
    if (error instanceof BitnetError) return error;
    throw error;
  }
  throw new Error('the model was accepted');
}

/** What the sentences of refusals advise most often. */
export const damaged = 'the file is damaged or faulty, convert the model again';
export const notYet = 'models like this cannot run yet';
