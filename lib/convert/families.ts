import { type Activation, type Architecture, architectures } from '../model/spec/architectures.js';
import { modelError } from '../model/spec/model-error.js';
import { type Config, describe } from './config/config.js';

/** How checkpoints of one `model_type` become GGUF. */
export interface Family {
  /** Its name in `general.architecture`; lib/model/spec/architectures.ts has its graph. */
  readonly architecture: string;
  /** What `hidden_act` may be, and what that is here. The first is meant where the checkpoint says nothing. */
  readonly activations: Readonly<Record<string, Activation>>;
  /** What the family's own code takes where config.json says nothing. */
  readonly defaults: {
    readonly normEps: number;
    readonly ropeBase: number;
    readonly tied: boolean;
    readonly headDim?: number;
  };
  /** Where the settings of the language model are, if not at the top. */
  readonly part?: string;
  /** Whether the weights of norms lack the 1 that is added to them. */
  readonly normsFromOne?: true;
  /** The part of the columns of a head that turns where the checkpoint says nothing; of other families all do. */
  readonly partialRotary?: number;
  /** Tensors of other parts of the model (a vision tower), which have no place in the file. */
  readonly otherParts?: RegExp;
}

const silu = { silu: 'silu', swish: 'silu' } as const;

const llama: Family = {
  architecture: 'llama',
  activations: silu,
  defaults: { normEps: 1e-6, ropeBase: 10_000, tied: false },
};

const qwen: Omit<Family, 'architecture'> = {
  activations: silu,
  defaults: { normEps: 1e-6, ropeBase: 10_000, tied: false },
};

const gemma3: Family = {
  architecture: 'gemma3',
  activations: { gelu_pytorch_tanh: 'gelu_tanh' },
  defaults: { normEps: 1e-6, ropeBase: 1e6, tied: true, headDim: 256 },
  normsFromOne: true,
};

const olmo: Omit<Family, 'architecture'> = {
  activations: silu,
  defaults: { normEps: 1e-5, ropeBase: 10_000, tied: false },
};

const qwen35: Family = {
  architecture: 'qwen35',
  activations: silu,
  defaults: { normEps: 1e-6, ropeBase: 10_000, tied: false, headDim: 256 },
  normsFromOne: true,
  partialRotary: 0.25,
  // What it sees with, and blocks that predict tokens further ahead.
  otherParts: /^(model\.)?(visual|mtp)\./,
};

/** By `model_type`. */
const families: ReadonlyMap<string, Family> = new Map<string, Family>([
  ['llama', llama],
  ['mistral', llama],
  [
    'bitnet',
    {
      architecture: 'bitnet-b1.58',
      activations: { relu2: 'relu2', ...silu },
      defaults: { normEps: 1e-5, ropeBase: 500_000, tied: false },
    },
  ],
  [
    'minicpm',
    {
      architecture: 'minicpm',
      activations: silu,
      defaults: { normEps: 1e-6, ropeBase: 10_000, tied: true },
    },
  ],
  ['qwen2', { architecture: 'qwen2', ...qwen }],
  ['qwen3', { architecture: 'qwen3', ...qwen, defaults: { ...qwen.defaults, headDim: 128 } }],
  [
    'maple',
    {
      architecture: 'maple',
      activations: silu,
      defaults: { normEps: 1e-6, ropeBase: 10_000, tied: false },
      partialRotary: 1,
    },
  ],
  ['hunyuan_v1_dense', { architecture: 'hunyuan-dense', ...olmo }],
  ['olmo', { architecture: 'olmo', ...olmo }],
  ['olmo2', { architecture: 'olmo2', ...olmo }],
  ['olmo3', { architecture: 'olmo2', ...olmo }],
  ['qwen3_5_text', qwen35],
  ['qwen3_5', { ...qwen35, part: 'text_config' }],
  ['gemma3_text', gemma3],
  [
    'gemma3',
    {
      ...gemma3,
      part: 'text_config',
      otherParts: /^(model\.)?(vision_tower|multi_modal_projector)\./,
    },
  ],
]);

/** The models of 1bitLLM call themselves llama and have the sub-norms of BitNet. */
const oneBitLlm: Family = { ...llama, architecture: 'bitnet' };

/** The family of a checkpoint. @throws ERR_BITNET_MODEL when it is of none */
export function familyOf(config: Config): Family {
  const name = config.get('model_type');
  const classes = config.texts('architectures');
  if (name === 'llama' && (classes.includes('BitnetForCausalLM') || isOneBit(config))) {
    return oneBitLlm;
  }
  const family = typeof name === 'string' ? families.get(name) : undefined;
  if (family !== undefined) return family;
  const expected = `one of ${[...families.keys()].join(', ')}`;
  const advice = 'only checkpoints of these kinds can be converted';
  throw modelError(config.path, '"model_type"', expected, describe(name), advice);
}

/** How 1bitLLM says that weights are rounded to trits and activations to 8 bits. */
export function isOneBit(config: Config): boolean {
  return config.get('weight_bits') === 1 && config.get('input_bits') === 8;
}

export function graphOf({ architecture }: Family): Architecture {
  return architectures.get(architecture)!;
}
