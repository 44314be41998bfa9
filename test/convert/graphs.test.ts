import { readFileSync } from 'node:fs';
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { convertCheckpoint } from '../../lib/convert/convert.js';
import { readGguf } from '../../lib/gguf/reader.js';
import type { GgufFile } from '../../lib/gguf/types.js';
import { decode } from '../fixtures/decode.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { type RawTensor, writeTensors } from '../safetensors/raw-file.js';
import { describeShared, sharedPath } from '../shared.js';

// Golden files of graphs are GGUF only: here they are taken back to the checkpoints that they would come from.

const temp = tempFolder();

const golden = (name: string) => readGguf(sharedPath(`golden/graphs/${name}-f16.gguf`));

interface Stored {
  readonly type: string;
  /** The contiguous dimension first. */
  readonly dims: readonly number[];
  readonly data: Buffer;
}

function stored(file: GgufFile): Map<string, Stored> {
  const bytes = readFileSync(file.path);
  return new Map(
    file.tensors.map(({ name, type, dims, offset, bytes: length }) => [
      name,
      { type, dims, data: bytes.subarray(offset, offset + length) },
    ]),
  );
}

function raw(
  { type, dims, data }: Stored,
  shape: readonly number[] = [...dims].reverse(),
): RawTensor {
  return { dtype: type, shape, bytes: data };
}

/** Writes a checkpoint with the tokenizer of another one with as many tokens. */
async function checkpointOf(
  name: string,
  config: object,
  tensors: Readonly<Record<string, RawTensor>>,
): Promise<string> {
  const folder = temp(name);
  await mkdir(folder, { recursive: true });
  for (const file of ['tokenizer.json', 'tokenizer_config.json', 'generation_config.json']) {
    await cp(sharedPath(`golden/hf/bonsai-unpacked/${file}`), `${folder}/${file}`);
  }
  await writeFile(`${folder}/config.json`, JSON.stringify(config));
  await writeTensors(`${folder}/model.safetensors`, tensors);
  return folder;
}

/** The file converted from a checkpoint must have the tensors of the one that it was made of, and its entries but some. */
async function expectSame(folder: string, expected: GgufFile, other: readonly string[] = []) {
  const path = `${folder}.gguf`;
  await convertCheckpoint(folder, path, { type: 'f16' });
  const file = await readGguf(path);
  const [found, wanted] = [stored(file), stored(expected)];
  expect([...found.keys()].sort()).toEqual([...wanted.keys()].sort());
  for (const [name, { type, dims, data }] of wanted) {
    const own = found.get(name)!;
    expect([name, own.dims]).toEqual([name, dims]);
    if (/norm\.weight$|ssm_a$/.test(name)) expectNear(own.data, data);
    else if (own.type === type) expect([name, own.data.equals(data)]).toEqual([name, true]);
    else {
      const size = dims.reduce((a, b) => a * b, 1);
      expect(decode(own.type as 'F16', own.data, 1, size)).toEqual(
        decode(type as 'F16', data, 1, size),
      );
    }
  }
  const architecture = String(expected.metadata.get('general.architecture'));
  for (const [key, value] of expected.metadata) {
    if (!key.startsWith(`${architecture}.`) || other.includes(key)) continue;
    const plain = (entry: unknown) =>
      typeof entry === 'object' ? (entry as { toArray(): unknown }).toArray() : entry;
    expect([key, plain(file.metadata.get(key))]).toEqual([key, plain(value)]);
  }
  const auto = await convertCheckpoint(folder, `${folder}-auto.gguf`);
  return { file, auto };
}

/** Numbers that went through a sum or a logarithm and back. */
function expectNear(found: Buffer, expected: Buffer): void {
  for (let at = 0; at < expected.length; at += 4) {
    const value = expected.readFloatLE(at);
    expect(Math.abs(found.readFloatLE(at) / value - 1)).toBeLessThan(1e-6);
  }
}

const layerNames: Readonly<Record<string, string>> = {
  'attn_norm.weight': 'input_layernorm.weight',
  'ffn_norm.weight': 'post_attention_layernorm.weight',
  'post_attention_norm.weight': 'post_attention_layernorm.weight',
  'post_ffw_norm.weight': 'post_feedforward_layernorm.weight',
  'attn_q_norm.weight': 'self_attn.q_norm.weight',
  'attn_k_norm.weight': 'self_attn.k_norm.weight',
  'attn_q.weight': 'self_attn.q_proj.weight',
  'attn_k.weight': 'self_attn.k_proj.weight',
  'attn_v.weight': 'self_attn.v_proj.weight',
  'attn_output.weight': 'self_attn.o_proj.weight',
  'ffn_gate.weight': 'mlp.gate_proj.weight',
  'ffn_up.weight': 'mlp.up_proj.weight',
  'ffn_down.weight': 'mlp.down_proj.weight',
  'ffn_gate_inp.weight': 'mlp.gate.weight',
  'attn_qkv.weight': 'linear_attn.in_proj_qkv.weight',
  'attn_gate.weight': 'linear_attn.in_proj_z.weight',
  'ssm_conv1d.weight': 'linear_attn.conv1d.weight',
  'ssm_dt.bias': 'linear_attn.dt_bias',
  ssm_a: 'linear_attn.A_log',
  'ssm_beta.weight': 'linear_attn.in_proj_b.weight',
  'ssm_alpha.weight': 'linear_attn.in_proj_a.weight',
  'ssm_norm.weight': 'linear_attn.norm.weight',
  'ssm_out.weight': 'linear_attn.out_proj.weight',
};

const globalNames: Readonly<Record<string, string>> = {
  'token_embd.weight': 'model.embed_tokens.weight',
  'output_norm.weight': 'model.norm.weight',
  'output.weight': 'lm_head.weight',
};

/** [layer, name in it] of a tensor of a layer. */
function placeOf(name: string): [layer: string, part: string] {
  const [, layer = '', part = ''] = /^blk\.(\d+)\.(.*)$/.exec(name) ?? [];
  return [layer, part];
}

describeShared('a checkpoint of', () => {
  it('Maple becomes the golden file, with the matrices of its experts in one tensor', async () => {
    const file = await golden('maple');
    const tensors: Record<string, RawTensor> = {};
    for (const [name, tensor] of stored(file)) {
      const [layer, part] = placeOf(name);
      const [, kind] = /^ffn_(gate|up|down)_exps\.weight$/.exec(part) ?? [];
      const [cols, rows = 1, count = 1] = tensor.dims;
      if (kind === undefined) {
        tensors[globalNames[name] ?? `model.layers.${layer}.${layerNames[part]}`] = raw(tensor);
        continue;
      }
      for (let expert = 0; expert < count; expert++) {
        const bytes = cols! * rows * 2;
        const data = tensor.data.subarray(expert * bytes, (expert + 1) * bytes);
        const expertName = `model.layers.${layer}.mlp.experts.${expert}.${kind}_proj.weight`;
        tensors[expertName] = raw({ ...tensor, data }, [rows, cols!]);
      }
    }
    const folder = await checkpointOf('maple', mapleConfig, tensors);
    const { auto } = await expectSame(folder, file, ['maple.swiglu_clamp_exp']);
    // The embedding and the head; four matrices of attention and three of experts in each of two layers.
    expect(auto.types).toEqual({ F16: 2, F32: 11, Q2_0: 14 });
  });

  it('OLMo becomes the golden file, with its clamp and without weights of norms', async () => {
    const file = await golden('olmo');
    const tensors = tensorsOf(file, (part, tensor) =>
      /^attn_[qk]\./.test(part) ? raw({ ...tensor, data: halvesApart(tensor) }) : raw(tensor),
    );
    const config = { ...plainConfig, model_type: 'olmo', clip_qkv: 1.5, tie_word_embeddings: true };
    await expectSame(await checkpointOf('olmo', config, tensors), file);
  });

  it('OLMo 2 becomes the golden file, and with a window is one of OLMo 3', async () => {
    const file = await golden('olmo2');
    const tensors = tensorsOf(file);
    const config = { ...plainConfig, rms_norm_eps: 1e-6, rope_theta: 500_000 };
    const folder = await checkpointOf('olmo2', { ...config, model_type: 'olmo2' }, tensors);
    await expectSame(folder, file);
    const windowed = {
      ...{ ...config, model_type: 'olmo3', sliding_window: 16 },
      layer_types: ['sliding_attention', 'full_attention'],
    };
    const olmo3 = await checkpointOf('olmo3', windowed, tensors);
    const { metadata } = (await expectSame(olmo3, file)).file;
    expect(metadata.get('olmo2.attention.sliding_window')).toBe(16);
    const pattern = metadata.get('olmo2.attention.sliding_window_pattern') as {
      toArray(): unknown;
    };
    expect(pattern.toArray()).toEqual([true, false]);
  });

  it('Hunyuan becomes the golden file, with the base of its angles stretched', async () => {
    const file = await golden('hunyuan-dense');
    const ownName = (name: string) =>
      name.replace('q_norm', 'query_layernorm').replace('k_norm', 'key_layernorm');
    const tensors = Object.fromEntries(
      Object.entries(tensorsOf(file)).map(([name, tensor]) => [ownName(name), tensor]),
    );
    const config = {
      ...{ ...plainConfig, model_type: 'hunyuan_v1_dense', head_dim: 32, rms_norm_eps: 1e-5 },
      rope_scaling: { type: 'dynamic', alpha: 4, factor: 1, beta_fast: 32, beta_slow: 1 },
      tie_word_embeddings: true,
    };
    const folder = await checkpointOf('hunyuan', config, tensors);
    const other = ['freq_base', 'scaling.type', 'scaling.alpha'];
    const keys = other.map((key) => `hunyuan-dense.rope.${key}`);
    const { metadata } = (await expectSame(folder, file, keys)).file;
    expect(metadata.get('hunyuan-dense.rope.freq_base')).toBe(Math.fround(10_000 * 4 ** (32 / 30)));
    expect(metadata.has('hunyuan-dense.rope.scaling.alpha')).toBe(false);
  });

  it('Qwen 3.5 becomes the golden file, with value heads as far apart as there are key heads', async () => {
    const file = await golden('qwen35');
    const tensors: Record<string, RawTensor> = {};
    for (const [name, tensor] of stored(file)) {
      const [layer, part] = placeOf(name);
      const full = globalNames[name] ?? `model.language_model.layers.${layer}.${layerNames[part]}`;
      const isNorm = /norm\.weight$/.test(part || name) && part !== 'ssm_norm.weight';
      const data = isNorm ? mapped(tensor.data, (value) => value - 1) : grouped(part, tensor);
      const shape = part === 'ssm_conv1d.weight' ? [tensor.dims[1]!, 1, 4] : undefined;
      const own = full.replace(/^model\.(embed|norm)/, 'model.language_model.$1');
      tensors[own] = raw({ ...tensor, data }, shape);
    }
    const ones = { type: 'F32', dims: [2], data: Buffer.alloc(8) };
    tensors['mtp.norm.weight'] = raw(ones);
    tensors['model.visual.norm.weight'] = raw(ones);
    const folder = await checkpointOf('qwen35', qwen35Config, tensors);
    await expectSame(folder, file);
  });
});

/** The tensors of a plain graph by the names of its checkpoint. */
function tensorsOf(
  file: GgufFile,
  made: (part: string, tensor: Stored) => RawTensor = (_, tensor) => raw(tensor),
): Record<string, RawTensor> {
  return Object.fromEntries(
    [...stored(file)].map(([name, tensor]) => {
      const [layer, part] = placeOf(name);
      const full = globalNames[name] ?? `model.layers.${layer}.${layerNames[part]}`;
      return [full, made(part, tensor)];
    }),
  );
}

/** Rows of queries or keys as checkpoints have them where graphs rotate neighbors: the first of each pair, then the others. */
function halvesApart({ dims: [cols = 1], data }: Stored): Buffer {
  const [rowBytes, headDim] = [2 * cols, 32];
  const out = Buffer.alloc(data.length);
  for (let row = 0; row * rowBytes < data.length; row++) {
    const at = row % headDim;
    const to = row - at + (at % 2) * (headDim / 2) + Math.floor(at / 2);
    data.copy(out, to * rowBytes, row * rowBytes, (row + 1) * rowBytes);
  }
  return out;
}

/** The numbers of a tensor with its value heads as the checkpoint has them: those of a key head follow each other. */
function grouped(part: string, { dims, data }: Stored): Buffer {
  const [nKeyHead, nValueHead, headDim] = [2, 6, 32];
  const [cols = 1] = dims;
  const elementBytes = data.length / dims.reduce((a, b) => a * b, 1);
  if (part === 'ssm_a')
    return reordered(
      mapped(data, (value) => Math.log(-value)),
      0,
      4,
    );
  if (part === 'ssm_dt.bias') return reordered(data, 0, 4);
  if (/^ssm_(alpha|beta)/.test(part)) return reordered(data, 0, cols * elementBytes);
  if (part === 'attn_gate.weight') return reordered(data, 0, headDim * cols * elementBytes);
  if (/^(attn_qkv|ssm_conv1d)/.test(part)) {
    const row = cols * elementBytes;
    return reordered(data, 2 * nKeyHead * headDim * row, headDim * row);
  }
  if (part !== 'ssm_out.weight') return data;
  const row = cols * elementBytes;
  const rows = Array.from({ length: data.length / row }, (_, i) =>
    data.subarray(i * row, (i + 1) * row),
  );
  return Buffer.concat(rows.map((one) => reordered(one, 0, headDim * elementBytes)));

  function reordered(bytes: Buffer, first: number, headBytes: number): Buffer {
    const heads = Array.from({ length: nValueHead }, (_, head) => {
      const [key, rep] = [Math.floor(head / 3), head % 3];
      const at = first + (rep * nKeyHead + key) * headBytes;
      return bytes.subarray(at, at + headBytes);
    });
    return Buffer.concat([bytes.subarray(0, first), ...heads]);
  }
}

function mapped(data: Buffer, map: (value: number) => number): Buffer {
  const values = new Float32Array(new Uint8Array(data).buffer).map(map);
  return Buffer.from(values.buffer);
}

const plainConfig = {
  ...{ hidden_act: 'silu', hidden_size: 128, intermediate_size: 256, num_hidden_layers: 2 },
  ...{ num_attention_heads: 4, num_key_value_heads: 2, max_position_embeddings: 512 },
  ...{ vocab_size: 512, rope_theta: 10_000, tie_word_embeddings: false },
};

const qwen35Config = {
  ...{ model_type: 'qwen3_5', architectures: ['Qwen3_5ForConditionalGeneration'] },
  tie_word_embeddings: true,
  text_config: {
    ...{ model_type: 'qwen3_5_text', hidden_act: 'silu', hidden_size: 128 },
    ...{ intermediate_size: 128, num_hidden_layers: 3, num_attention_heads: 4 },
    ...{ num_key_value_heads: 2, head_dim: 32, rms_norm_eps: 1e-6 },
    ...{ max_position_embeddings: 512, vocab_size: 512, full_attention_interval: 3 },
    layer_types: ['linear_attention', 'linear_attention', 'full_attention'],
    ...{ linear_conv_kernel_dim: 4, linear_key_head_dim: 32, linear_value_head_dim: 32 },
    ...{ linear_num_key_heads: 2, linear_num_value_heads: 6 },
    rope_parameters: {
      ...{ rope_type: 'default', rope_theta: 10_000, partial_rotary_factor: 0.25 },
      mrope_section: [2, 1, 1],
    },
  },
};

const mapleConfig = {
  ...{ model_type: 'maple', architectures: ['MapleForCausalLM'], hidden_act: 'silu' },
  ...{ hidden_size: 128, intermediate_size: 256, moe_intermediate_size: 64, num_hidden_layers: 2 },
  ...{ num_attention_heads: 4, num_key_value_heads: 2, head_dim: 32, rms_norm_eps: 1e-6 },
  ...{ max_position_embeddings: 512, vocab_size: 512, tie_word_embeddings: false },
  ...{ num_experts: 5, num_experts_per_tok: 2, nope_on_global_attention: true },
  ...{ sliding_window: 16, layer_types: ['sliding_attention', 'full_attention'] },
  rope_parameters: { rope_type: 'default', rope_theta: 10_000, partial_rotary_factor: 0.5 },
};
