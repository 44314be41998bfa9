import { quote } from '../../gguf/malformed.js';
import type { GgufFile } from '../../gguf/types.js';
import { modelError } from '../../model/spec/model-error.js';
import type { ModelSpec } from '../../model/spec/spec.js';

/** How models of one architecture are called and built in Transformers. */
export interface ExportedFamily {
  /** `model_type` and `architectures` of config.json. */
  readonly modelType: string;
  readonly modelClass: string;
  /** Projections that have biases, all or none; without a setting where they always have. */
  readonly biases: readonly BiasGroup[];
  /** Which of the names of a sub-norm it has: those of the 2B-4T model, or of 1bitLLM. */
  readonly subNorms?: 0 | 1;
  /** What a person should know who loads it. */
  readonly note?: string;
}

/** Biases that a setting of config.json switches on. */
export interface BiasGroup {
  readonly key?: string;
  readonly parts: readonly string[];
}

const attention: BiasGroup = {
  key: 'attention_bias',
  parts: ['attn_q.bias', 'attn_k.bias', 'attn_v.bias', 'attn_output.bias'],
};
const feedForward: BiasGroup = {
  key: 'mlp_bias',
  parts: ['ffn_gate.bias', 'ffn_up.bias', 'ffn_down.bias'],
};

const bitnet: ExportedFamily = {
  modelType: 'bitnet',
  modelClass: 'BitNetForCausalLM',
  biases: [attention],
  subNorms: 0,
};

/** By `general.architecture`. */
const families: ReadonlyMap<string, ExportedFamily> = new Map<string, ExportedFamily>([
  [
    'llama',
    { modelType: 'llama', modelClass: 'LlamaForCausalLM', biases: [attention, feedForward] },
  ],
  [
    'qwen2',
    {
      modelType: 'qwen2',
      modelClass: 'Qwen2ForCausalLM',
      biases: [{ parts: attention.parts.slice(0, 3) }],
    },
  ],
  ['qwen3', { modelType: 'qwen3', modelClass: 'Qwen3ForCausalLM', biases: [attention] }],
  ['bitnet-b1.58', bitnet],
  ['bitnet-25', bitnet],
  [
    'bitnet',
    {
      modelType: 'llama',
      modelClass: 'BitnetForCausalLM',
      biases: [],
      subNorms: 1,
      note: 'Transformers has no class with these sub-norms under this name: take the model code of the original repository, without its rounding of weights (weight_quant)',
    },
  ],
]);

/** The family of a model. @throws ERR_BITNET_MODEL when it is of none */
export function exportedFamily(file: GgufFile, spec: ModelSpec): ExportedFamily {
  const family = families.get(spec.architecture);
  const field = 'metadata "general.architecture"';
  if (family === undefined) {
    const expected = `one of ${[...families.keys()].join(', ')}`;
    throw modelError(file.path, field, expected, quote(spec.architecture), others);
  }
  const odd = spec.tensors.find(
    ({ role, scaleOffset, rotated }) =>
      /_norm_in$/.test(role) || scaleOffset !== undefined || rotated,
  );
  const normed = file.tensors.some(({ name }) => name === 'blk.0.attn_q_norm_in.weight');
  if (odd === undefined && !normed) return family;
  const [expected, found] = normed
    ? ['without norms before single projections', 'some']
    : ['plain numbers', 'numbers that are scaled or rotated when the model runs'];
  throw modelError(
    file.path,
    normed ? 'the model' : `tensor ${quote(odd!.name)}`,
    expected,
    found,
    others,
  );
}

const others = 'others cannot be written as safetensors yet';
