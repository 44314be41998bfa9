import { quote } from '../../gguf/malformed.js';
import { type Config, describe } from '../config/config.js';
import { readSettings } from '../config/json-file.js';
import { namePattern } from './name-pattern.js';

/** What adapter_config.json says of the modules. */
export interface AdapterConfig {
  /** Name or folder of the model that the adapter was made for. */
  readonly base: string | undefined;
  /** Rank and alpha of a module, `model.layers.0.self_attn.q_proj`: alpha / rank is what B (A x) is multiplied by. */
  readonly of: (module: string) => { readonly rank: number; readonly alpha: number };
  readonly error: Config['error'];
}

/** Entries of a pattern; real ones have up to one for each module. */
const mostKeys = 4096;

/** @throws ERR_BITNET_FILE, ERR_BITNET_MODEL for what is no LoRA adapter, or does more than GGUF adapters can */
export async function readAdapterConfig(folder: string): Promise<AdapterConfig> {
  const config = await readSettings(folder, 'adapter_config.json');
  config.text('peft_type', ['LORA']);
  refuseVariants(config);
  const rank = config.integer('r', rankRange);
  const alpha = config.number('lora_alpha', alphaRange);
  const rankOf = patternOf(config, 'rank_pattern', rank);
  const alphaOf = patternOf(config, 'alpha_pattern', alpha);
  const rooted = config.flag('use_rslora', false);
  const base = config.get('base_model_name_or_path');
  return {
    base: typeof base === 'string' ? base : undefined,
    of: (module) => {
      const r = rankOf(module);
      const own = alphaOf(module);
      // What divides by the root of the rank is the same as an alpha that is larger by that root.
      return { rank: r, alpha: rooted ? own * Math.sqrt(r) : own };
    },
    error: (...fault) => config.error(...fault),
  };
}

const rankRange = { min: 1, max: 65_536 };
const alphaRange = { min: 2 ** -20, max: 2 ** 20 };

/** Settings that mean more than two matrices beside a layer. */
const switches = ['use_dora', 'lora_bias', 'fan_in_fan_out', 'use_qalora'] as const;
const parts = [
  ...['modules_to_save', 'layer_replication', 'megatron_config', 'target_parameters'],
  ...['trainable_token_indices', 'alora_invocation_tokens'],
] as const;

/** Ways to begin that leave the weights of the base model as they are; others change them. */
const beginnings: readonly unknown[] = [undefined, true, false, 'gaussian', 'eva', 'orthogonal'];

function refuseVariants(config: Config): void {
  for (const key of switches) {
    if (config.flag(key, false)) throw config.error(key, 'false', 'true', notStored);
  }
  config.text('bias', ['none'], 'none');
  for (const key of parts) {
    const value = config.get(key);
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    throw config.error(key, 'empty', describe(value), notStored);
  }
  const key = 'init_lora_weights';
  if (beginnings.includes(config.get(key))) return;
  const expected = 'true, false, "gaussian", "eva" or "orthogonal", which leave the base as it is';
  throw config.error(key, expected, describe(config.get(key)), notStored);
}

const notStored = 'adapters like this cannot be used';

/** The value for a module: that of the first key that names it. */
function patternOf(config: Config, name: string, usual: number): (module: string) => number {
  const pattern = config.part(name);
  const keys = pattern?.keys() ?? [];
  if (keys.length > mostKeys) {
    throw config.error(name, `of at most ${mostKeys} entries`, `${keys.length}`);
  }
  const range = name === 'rank_pattern' ? rankRange : alphaRange;
  const rules = keys.map((key) => {
    const value =
      name === 'rank_pattern' ? pattern!.integer(key, range) : pattern!.number(key, range);
    const matches = namePattern(key);
    if (typeof matches !== 'string') return { matches, value };
    const advice = 'name the modules in another way';
    throw config.error(
      name,
      'of names or simple regular expressions',
      `${matches}, ${quote(key)}`,
      advice,
    );
  });
  return (module) => rules.find(({ matches }) => matches(module))?.value ?? usual;
}
