import { isDeepStrictEqual } from 'node:util';
import { largestOf } from '../../extremes.js';
import type { GgufFile, GgufValue } from '../../gguf/types.js';
import type { GgufTyped } from '../../gguf/writer.js';
import { modelError } from '../../model/spec/model-error.js';
import { readSpec } from '../../model/spec/read-spec.js';
import { llama3Factors } from '../../model/spec/rope.js';
import type { ModelSpec } from '../../model/spec/spec.js';
import { Config } from '../config/config.js';
import { readHyperparameters } from '../config/hyperparameters.js';
import { familyOf } from '../families.js';
import type { ExportedFamily } from './exported-families.js';

/**
 * What config.json says of a model. It is read back as that of a checkpoint, and must say the same as the file.
 *
 * @param ropeFactors what a tensor of the file divides the rotary angles by
 * @param dtype that holds all numbers
 * @throws ERR_BITNET_MODEL for settings that it cannot state
 */
export function configOf(
  file: GgufFile,
  spec: ModelSpec,
  family: ExportedFamily,
  dtype: string,
  ropeFactors?: Float32Array,
): object {
  const { rope } = spec;
  const scaling = ropeFactors ? llama3Of(file, spec, ropeFactors) : scalingOf(file, spec);
  const config = {
    architectures: [family.modelClass],
    model_type: family.modelType,
    vocab_size: spec.vocabSize,
    hidden_size: spec.dim,
    intermediate_size: spec.ffnDim,
    num_hidden_layers: spec.nLayer,
    num_attention_heads: spec.nHead,
    num_key_value_heads: spec.nKvHead,
    ...(statesHeads(file, spec) && { head_dim: spec.headDim }),
    hidden_act: spec.activation,
    max_position_embeddings: spec.contextLength,
    rms_norm_eps: shortest(spec.normEps),
    rope_theta: shortest(rope.base),
    ...(scaling && { rope_scaling: scaling }),
    ...biasSettings(file, family),
    tie_word_embeddings: !spec.tensors.some(({ role }) => role === 'output'),
    ...specialIds(file),
    torch_dtype: dtype,
  };
  checkBack(file, spec, config);
  return config;
}

/** Whether the columns of a head must be stated, or would not be taken for what they are without it. */
function statesHeads({ metadata }: GgufFile, { architecture }: ModelSpec): boolean {
  return architecture === 'qwen3' || metadata.has(`${architecture}.attention.key_length`);
}

/** The decimal number with the fewest digits that is the same 32-bit float. */
function shortest(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === Math.fround(value)) return short;
  }
  return value;
}

/** Linear scaling and YaRN as the file has them. */
function scalingOf(file: GgufFile, { architecture, contextLength }: ModelSpec) {
  const get = (key: string) => file.metadata.get(`${architecture}.rope.scaling.${key}`);
  const number = (key: string, name: string) => {
    const value = get(key);
    return typeof value === 'number' ? { [name]: shortest(value) } : {};
  };
  const type = get('type');
  if (type !== 'linear' && type !== 'yarn') return undefined;
  const factor = { rope_type: type, ...number('factor', 'factor') };
  if (!('factor' in factor) || type === 'linear') return 'factor' in factor ? factor : undefined;
  return {
    ...factor,
    original_max_position_embeddings: get('original_context_length') ?? contextLength,
    ...number('yarn_attn_factor', 'attention_factor'),
    ...number('yarn_ext_factor', 'extrapolation_factor'),
    ...number('yarn_beta_fast', 'beta_fast'),
    ...number('yarn_beta_slow', 'beta_slow'),
  };
}

/** The scaling of Llama 3.1 and later, of which files have the result only; all models state the same but the factor. */
function llama3Of({ path }: GgufFile, { rope }: ModelSpec, factors: Float32Array) {
  const [low, high, context] = [1, 4, 8192];
  const factor = largestOf(factors);
  const usual = llama3Factors({ factor, low, high, context }, rope.dim, rope.base);
  const same = usual.every((value, i) => Math.abs(factors[i]! / value - 1) < 1e-6);
  if (!same || usual.length !== factors.length) {
    const expected = 'of the scaling of Llama 3 (factors 1 and 4, 8192 positions)';
    throw modelError(path, 'tensor "rope_freqs.weight"', expected, 'others', notStated);
  }
  return {
    ...{ rope_type: 'llama3', factor, low_freq_factor: low, high_freq_factor: high },
    original_max_position_embeddings: context,
  };
}

const notStated = 'config.json cannot state it';

function biasSettings({ path, tensors }: GgufFile, { biases }: ExportedFamily) {
  const names = tensors.map(({ name }) => name).filter((name) => name.endsWith('.bias'));
  const left = new Set(names);
  const settings: Record<string, boolean> = {};
  const blocks = new Set(tensors.flatMap(({ name }) => /^blk\.\d+\./.exec(name)?.[0] ?? []));
  for (const { key, parts } of biases) {
    const all = [...blocks].flatMap((block) => parts.map((part) => block + part));
    const there = all.filter((name) => left.delete(name));
    if (there.length > 0 && there.length < all.length) {
      throw modelError(path, 'the biases', `all of ${parts.join(', ')} or none`, 'some', notStated);
    }
    if (key !== undefined) settings[key] = there.length > 0;
  }
  if (left.size === 0) return settings;
  const field = `tensor "${[...left][0]}"`;
  throw modelError(path, field, 'absent', 'a bias that such models have not', notStated);
}

function specialIds({ metadata }: GgufFile) {
  const id = (name: string) => {
    const value = metadata.get(`tokenizer.ggml.${name}_token_id`);
    return typeof value === 'number' ? { [`${name}_token_id`]: value } : {};
  };
  return { ...id('bos'), ...id('eos') };
}

/** @throws ERR_BITNET_MODEL when the settings are read back as another graph */
function checkBack(file: GgufFile, spec: ModelSpec, values: Record<string, unknown>): void {
  const config = new Config(file.path, values);
  const family = familyOf(config);
  const { entries } = readHyperparameters(config, family);
  const { metadata } = file;
  const others = [...metadata].filter(([key]) => !key.startsWith(`${spec.architecture}.`));
  const stated = entries.map(([key, typed]): [string, GgufValue] => [key, storedValue(typed)]);
  const general: [string, GgufValue] = ['general.architecture', family.architecture];
  const back = readSpec({ ...file, metadata: new Map([...others, general, ...stated]) });
  for (const key of compared) {
    if (isDeepStrictEqual(spec[key], back[key])) continue;
    throw modelError(file.path, `the setting ${key}`, 'one of its family', 'another', notStated);
  }
}

/** A value as a file gives it back; none of these is an array. */
function storedValue(typed: GgufTyped): GgufValue {
  const { value } = typed as { readonly value: GgufValue };
  return typed.type === 'f32' ? Math.fround(value as number) : value;
}

/** What makes up a graph of these families. */
const compared = [
  ...(['nLayer', 'dim', 'ffnDim', 'nHead', 'nKvHead', 'headDim', 'vocabSize'] as const),
  ...(['contextLength', 'normEps', 'rope', 'attentionScale', 'slidingWindow'] as const),
  ...(['embeddingScale', 'residualScale', 'logitScale', 'logitSoftcapping'] as const),
  ...(['activation'] as const),
];
