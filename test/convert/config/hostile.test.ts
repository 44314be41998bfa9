import { describe, expect, it } from 'vitest';
import { Config } from '../../../lib/convert/config/config.js';
import { readHyperparameters } from '../../../lib/convert/config/hyperparameters.js';
import { familyOf, graphOf } from '../../../lib/convert/families.js';
import { decideScaleRule } from '../../../lib/convert/scale-rule.js';
import { BitnetError } from '../../../lib/errors.js';
import { config } from '../made-checkpoint.js';

type Settings = Record<string, unknown>;

const factors = Array(32).fill(1);
const longrope = { rope_type: 'longrope', long_factor: factors, short_factor: factors };
const yarn = { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 64 };
const llama3 = { ...yarn, rope_type: 'llama3', low_freq_factor: 1, high_freq_factor: 4 };
const gemma3 = { model_type: 'gemma3_text', sliding_window: 64, head_dim: 64 };
const bitnet = { quant_method: 'bitnet', linear_class: 'autobitlinear' };
const maple = {
  ...{ model_type: 'maple', moe_intermediate_size: 64, num_experts: 4, num_experts_per_tok: 2 },
  ...{ sliding_window: 64, layer_types: ['sliding_attention'], nope_on_global_attention: true },
};
const qwen35 = {
  ...{ model_type: 'qwen3_5_text', linear_conv_kernel_dim: 4, head_dim: 64 },
  ...{ linear_key_head_dim: 64, linear_value_head_dim: 64 },
  ...{ linear_num_key_heads: 2, linear_num_value_heads: 4 },
  rope_parameters: { rope_theta: 1e7, partial_rotary_factor: 0.25, mrope_section: [2, 3, 3] },
};
const both = {
  full_attention: { rope_theta: 1e6, rope_type: 'default' },
  sliding_attention: { rope_theta: 1e4, rope_type: 'default' },
};

/** Settings that are sound, each with something that others have not. */
const sound: readonly Settings[] = [
  { rope_scaling: yarn },
  { model_type: 'mistral', rope_scaling: llama3, sliding_window: 4096 },
  { model_type: 'qwen3', layer_types: ['full_attention'], rope_parameters: { rope_theta: 1e6 } },
  { ...gemma3, layer_types: ['sliding_attention'], rope_parameters: both },
  maple,
  qwen35,
  { ...gemma3, final_logit_softcapping: 30, query_pre_attn_scalar: 64 },
  { model_type: 'bitnet', hidden_act: 'relu2', quantization_config: bitnet },
  {
    ...{ model_type: 'minicpm', scale_emb: 12, scale_depth: 1.4, dim_model_base: 64 },
    rope_scaling: longrope,
  },
];

/** As a JSON text is read: objects have no prototype. */
function read(settings: Settings): void {
  const bare = (value: unknown): unknown =>
    typeof value !== 'object' || value === null || Array.isArray(value)
      ? value
      : Object.assign(
          Object.create(null),
          Object.fromEntries(Object.entries(value).map(([key, part]) => [key, bare(part)])),
        );
  readAll(new Config('config.json', bare({ ...config, ...settings }) as Settings));
}

function readAll(of: Config): void {
  const family = familyOf(of);
  readHyperparameters(of, family);
  decideScaleRule(of, graphOf(family).projectionNorms === true);
}

/** Every key that is looked for, with those around it. */
function keysOf(settings: Settings): string[][] {
  const keys = new Map<string, string[]>();
  const watched = (value: object, before: string[]): object =>
    new Proxy(value, {
      getOwnPropertyDescriptor(target, key) {
        const way = [...before, String(key)];
        keys.set(way.join(), way);
        return Reflect.getOwnPropertyDescriptor(target, key);
      },
      get(target, key) {
        const part = Reflect.get(target, key);
        const isPart = typeof part === 'object' && part !== null && !Array.isArray(part);
        return isPart ? watched(part, [...before, String(key)]) : part;
      },
    });
  readAll(new Config('config.json', watched({ ...config, ...settings }, []) as Settings));
  return [...keys.values()];
}

function replaced(settings: unknown, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value;
  const parts = (settings ?? {}) as Settings;
  return { ...parts, [key]: replaced(parts[key], rest, value) };
}

const long = '\x1b[2J'.repeat(500_000);
const hostile = { object: {}, array: [], object2: [{}], long, longs: [long, long], inf: 1e308 };

describe('The settings of a checkpoint', () => {
  it('look for many keys', () => {
    expect(new Set(sound.flatMap(keysOf).map(String)).size).toBeGreaterThan(50);
  });

  it.each(sound)('are refused in one short sentence, whatever one of %o is', (settings) => {
    const all = { ...config, ...settings };
    for (const key of keysOf(settings)) {
      for (const [what, value] of Object.entries(hostile)) {
        const error = errorOf(() => read(replaced(all, key, value) as Settings));
        if (error === undefined) continue;
        expect(error, `${key}: ${what}`).toBeInstanceOf(BitnetError);
        expect(error.message.length, `${key}: ${what}`).toBeLessThan(800);
        expect(error.message).not.toContain('\x1b');
      }
    }
  });

  it.each<[Settings, RegExp]>([
    [{ head_dim: {} }, /"head_dim" of .* found an object/],
    [{ attn_logit_softcapping: {} }, /"attn_logit_softcapping" of .* found an object/],
    [{ ...gemma3, query_pre_attn_scalar: {} }, /"query_pre_attn_scalar" of .* found an object/],
    [{ rope_scaling: { factor: 4 } }, /rope_type" of .* no such entry beside "factor"/],
    [
      { model_type: 'qwen3', layer_types: ['sliding_attention'], sliding_window: 64 },
      /"layer_types" of .* found "sliding_attention" for 1 layer;/,
    ],
    [{ use_sliding_window: true, sliding_window: 64 }, /"use_sliding_window" of .* found true/],
    [
      { model_type: 'mistral', sliding_window: 64 },
      /"sliding_window" of .* to be null, but found 64;/,
    ],
    [
      { ...gemma3, rope_parameters: { ...both, sliding_attention: { rope_type: 'yarn' } } },
      /sliding_attention.rope_type" of .* to be "default"/,
    ],
  ])('are refused where they are %o', (settings, message) => {
    expect(errorOf(() => read(settings))?.message).toMatch(message);
  });

  it.each<Settings>([
    { use_sliding_window: true, sliding_window: null },
    { use_sliding_window: true, sliding_window: config.max_position_embeddings },
    { rope_scaling: { rope_theta: 5000 } },
    { rope_scaling: null },
  ])('are taken where they are %o', (settings) => {
    expect(() => read(settings)).not.toThrow();
  });
});

function errorOf(call: () => void): Error | undefined {
  try {
    call();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}
