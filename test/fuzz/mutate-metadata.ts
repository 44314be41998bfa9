import type { GgufNumericType } from '../../lib/gguf/value-types.js';
import type { GgufTyped } from '../../lib/gguf/writer.js';
import type { TinyModel } from '../fixtures/tiny-model.js';
import { awkwardIntegers, awkwardNumbers, awkwardTexts, type Draw } from './draw.js';

/** Keys that a file may have and a tiny model has not, after the name of the architecture. */
const optionalNumbers = [
  'rope.scaling.factor',
  'rope.scaling.original_context_length',
  'rope.scaling.attn_factor',
  'rope.scaling.yarn_ext_factor',
  'rope.scaling.yarn_attn_factor',
  'rope.scaling.yarn_beta_fast',
  'rope.scaling.yarn_beta_slow',
  'rope.scaling.yarn_log_multiplier',
  'rope.freq_base_swa',
  'attention.sliding_window',
  'attention.scale',
  'attention.clamp_kqv',
  'attention.key_length',
  'attention.value_length',
  'attn_logit_softcapping',
  'final_logit_softcapping',
  'logit_scale',
  'residual_scale',
  'embedding_scale',
  'rope.scaling.alpha',
  'expert_count',
  'expert_used_count',
  'expert_feed_forward_length',
  'swiglu_clamp_exp',
  'attention.sliding_window_pattern',
  'ssm.conv_kernel',
  'ssm.state_size',
  'ssm.group_count',
  'ssm.time_step_rank',
  'ssm.inner_size',
  'full_attention_interval',
  'nextn_predict_layers',
  'attention.recurrent_layers',
  'pooling_type',
];
const optionalTexts = ['rope.scaling.type', 'hidden_activation'];
const optionalIds = ['bos', 'eos', 'unknown', 'separator', 'padding', 'eot', 'eom', 'mask', 'cls'];
const optionalFlags = ['add_bos_token', 'add_eos_token', 'add_space_prefix'];

/** Changes, adds, retypes or drops one entry of the metadata; returns what it did. */
export function mutateMetadata(model: TinyModel, draw: Draw): string {
  const { metadata } = model;
  const { arch } = model.options;
  const set = (key: string, value: GgufTyped) => {
    metadata.set(key, value);
    return `${key} = ${describe(value)}`;
  };
  const keys = [...metadata.keys()];
  return draw
    .weighted([
      {
        weight: 8,
        mutate: () => set(`${arch}.${draw.of(optionalNumbers)}`, awkwardNumber(draw)),
      },
      {
        weight: 3,
        mutate: () => set(`${arch}.${draw.of(optionalTexts)}`, awkwardText(draw)),
      },
      {
        weight: 3,
        mutate: () => set(`tokenizer.ggml.${draw.of(optionalIds)}_token_id`, awkwardInteger(draw)),
      },
      {
        weight: 2,
        mutate: () =>
          set(`tokenizer.ggml.${draw.of(optionalFlags)}`, {
            type: 'bool',
            value: draw.chance(0.5),
          }),
      },
      { weight: 2, mutate: () => set('tokenizer.chat_template', awkwardText(draw)) },
      { weight: 1, mutate: () => set(draw.of(keys), awkwardValue(draw)) },
      { weight: 1, mutate: () => retype(metadata, draw.of(keys), draw) },
      {
        weight: 1,
        mutate: () => {
          const key = draw.of(keys);
          metadata.delete(key);
          return `without ${key}`;
        },
      },
    ])
    .mutate();
}

/** The same number in another type, which programs do write. */
function retype(metadata: TinyModel['metadata'], key: string, draw: Draw): string {
  const old = metadata.get(key)!;
  const types: GgufNumericType[] = ['u16', 'u32', 'u64', 'i32', 'i64', 'f32', 'f64'];
  const type = draw.of(types);
  const value = old.type !== 'array' && old.type !== 'string' ? Number(old.value) : 1;
  const fits = Number.isInteger(value) && value >= 0 && value < 65_536;
  const typed: GgufTyped = { type: fits ? type : 'f64', value };
  metadata.set(key, typed);
  return `${key} = ${describe(typed)}`;
}

function awkwardValue(draw: Draw): GgufTyped {
  return draw.of([awkwardInteger, awkwardNumber, awkwardText, awkwardArray])(draw);
}

function awkwardInteger(draw: Draw): GgufTyped {
  const value = draw.of(awkwardIntegers);
  return { type: value < 2 ** 31 && draw.chance(0.2) ? 'i32' : 'u32', value };
}

function awkwardNumber(draw: Draw): GgufTyped {
  return draw.chance(0.3)
    ? awkwardInteger(draw)
    : { type: draw.chance(0.9) ? 'f32' : 'f64', value: draw.of(awkwardNumbers) };
}

function awkwardText(draw: Draw): GgufTyped {
  return { type: 'string', value: draw.of(awkwardTexts) };
}

function awkwardArray(draw: Draw): GgufTyped {
  const values = Array.from({ length: draw.integer(0, 5) }, () => draw.of(awkwardNumbers));
  return { type: 'array', elementType: 'f32', values };
}

function describe(value: GgufTyped): string {
  const text = value.type === 'array' ? [...value.values].join() : String(value.value);
  return `${value.type} ${JSON.stringify(text.slice(0, 40))}`;
}
