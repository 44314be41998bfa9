import { quote } from '../../gguf/malformed.js';
import type { GgufValue } from '../../gguf/types.js';
import type { Keys } from './keys.js';
import type { ModelSpec } from './spec.js';

type Facts = Pick<ModelSpec, 'contextLength' | 'attentionScale' | 'experts'>;

/** Whether a value of an entry does nothing. */
type Neutral = (value: GgufValue, facts: Facts) => boolean;

const never: Neutral = () => false;
const one: Neutral = (value) => value === 1;

/** Entries that other graphs compute with, and their values that do nothing, besides 0. */
const meaningful: ReadonlyMap<string, Neutral> = new Map(
  Object.entries<Neutral>({
    embedding_scale: one,
    residual_scale: one,
    logit_scale: one,
    final_logit_softcapping: never,
    attn_logit_softcapping: never,
    'attention.scale': (value, { attentionScale }) =>
      Math.abs(Number(value) / attentionScale - 1) < 1e-6,
    'attention.clamp_kqv': never,
    'attention.max_alibi_bias': never,
    'attention.sliding_window': (value, { contextLength }) => Number(value) >= contextLength,
    'rope.scaling.alpha': one,
    'rope.scaling.yarn_log_multiplier': never,
  }),
);

/**
 * Entries that change nothing here: sizes that are known from elsewhere, details of a scaling or window that the model has not, and parts for images and the like.
 */
const harmless = new RegExp(
  `^(${[
    'tensor_data_layout|embedding_length_out|vocab_size|attention\\.layer_norm_epsilon',
    'rope\\.(freq_base|freq_scale|dimension_count)_swa|rope\\.dimension_sections|rope\\.scale_linear',
    'rope\\.scaling\\.(factor|original_context_length|finetuned|(low|high)_freq_factor)',
    'rope\\.scaling\\.yarn_(ext_factor|attn_factor|beta_fast|beta_slow)',
    'attention\\.sliding_window_pattern|(mm|vision|image|audio|clip|classifier)\\..*',
  ].join('|')})$`,
);

/** Entries that change nothing in a model without experts. */
const ofExperts = /^expert_/;

/** Unknown entries that are named. */
const named = 5;

/**
 * Notes what the file says of its graph and nothing here computes: what llama.cpp knows and ignores
 * for this architecture as well, and what neither knows. Nothing, 0 and false are "off" everywhere.
 */
export function noteIgnored(keys: Keys, facts: Facts): void {
  const unknown: string[] = [];
  for (const [key, value] of keys.unread()) {
    if (value === 0 || value === false || value === '' || harmless.test(key)) continue;
    if (facts.experts === undefined && ofExperts.test(key)) continue;
    const neutral = meaningful.get(key);
    if (neutral === undefined) unknown.push(key);
    else if (!neutral(value, facts)) {
      const choice = `${keys.architecture}.${key}, ${keys.describe(key)}`;
      const reason = `models of architecture ${keys.architecture} are computed without it, as in llama.cpp`;
      keys.decide('ignored metadata', choice, reason, true);
    }
  }
  if (unknown.length === 0) return;
  const names = unknown.slice(0, named).map((key) => quote(`${keys.architecture}.${key}`));
  const more = unknown.length > named ? `, and ${unknown.length - named} more` : '';
  const reason = 'nothing is known here of what they would change';
  keys.decide('ignored metadata', names.join(', ') + more, reason, true);
}
