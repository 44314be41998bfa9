import type { Graph } from '../../model/spec/architectures.js';

/** What a tensor of a layer is called in checkpoints, by what it is called in GGUF after `blk.N.`; the first that is there counts. */
const layerNames: Readonly<Record<string, readonly string[]>> = {
  'attn_norm.weight': ['input_layernorm.weight'],
  'attn_q_norm_in.weight': ['self_attn.q_proj.norm.weight'],
  'attn_k_norm_in.weight': ['self_attn.k_proj.norm.weight'],
  'attn_v_norm_in.weight': ['self_attn.v_proj.norm.weight'],
  'attn_qkv.weight': ['linear_attn.in_proj_qkv.weight'],
  'attn_gate.weight': ['linear_attn.in_proj_z.weight'],
  'ssm_alpha.weight': ['linear_attn.in_proj_a.weight'],
  'ssm_beta.weight': ['linear_attn.in_proj_b.weight'],
  'ssm_conv1d.weight': ['linear_attn.conv1d.weight'],
  'ssm_dt.bias': ['linear_attn.dt_bias'],
  ssm_a: ['linear_attn.A_log'],
  'ssm_norm.weight': ['linear_attn.norm.weight'],
  'ssm_out.weight': ['linear_attn.out_proj.weight'],
  'attn_q.weight': ['self_attn.q_proj.weight'],
  'attn_k.weight': ['self_attn.k_proj.weight'],
  'attn_v.weight': ['self_attn.v_proj.weight'],
  'attn_q.bias': ['self_attn.q_proj.bias'],
  'attn_k.bias': ['self_attn.k_proj.bias'],
  'attn_v.bias': ['self_attn.v_proj.bias'],
  'attn_q_norm.weight': ['self_attn.q_norm.weight', 'self_attn.query_layernorm.weight'],
  'attn_k_norm.weight': ['self_attn.k_norm.weight', 'self_attn.key_layernorm.weight'],
  'attn_sub_norm.weight': ['self_attn.attn_sub_norm.weight', 'self_attn.inner_attn_ln.weight'],
  'attn_output_norm_in.weight': ['self_attn.o_proj.norm.weight'],
  'attn_output.weight': ['self_attn.o_proj.weight'],
  'attn_output.bias': ['self_attn.o_proj.bias'],
  'post_attention_norm.weight': ['post_attention_layernorm.weight'],
  'ffn_norm.weight': ['post_attention_layernorm.weight'],
  'ffn_gate_norm_in.weight': ['mlp.gate_proj.norm.weight'],
  'ffn_up_norm_in.weight': ['mlp.up_proj.norm.weight'],
  'ffn_gate_inp.weight': ['mlp.gate.weight', 'mlp.router.weight'],
  'ffn_gate.weight': ['mlp.gate_proj.weight'],
  'ffn_up.weight': ['mlp.up_proj.weight'],
  'ffn_gate.bias': ['mlp.gate_proj.bias'],
  'ffn_up.bias': ['mlp.up_proj.bias'],
  'ffn_sub_norm.weight': ['mlp.ffn_sub_norm.weight', 'mlp.ffn_layernorm.weight'],
  'ffn_down_norm_in.weight': ['mlp.down_proj.norm.weight'],
  'ffn_down.weight': ['mlp.down_proj.weight'],
  'ffn_down.bias': ['mlp.down_proj.bias'],
  'post_ffw_norm.weight': ['post_feedforward_layernorm.weight'],
};

/** Where a layer is normed before and after, names tell the norms apart in another way. */
const postNormNames: Readonly<Record<string, readonly string[]>> = {
  'ffn_norm.weight': ['pre_feedforward_layernorm.weight'],
};

/** Names of a tensor of a layer in checkpoints, after `layers.N.`. */
export function layerNamesOf(name: string, { postNorms }: Graph): readonly string[] {
  return (postNorms ? postNormNames[name] : undefined) ?? layerNames[name] ?? [];
}

/** What each expert's part of a tensor is called, after `layers.N.mlp.experts.E.`. */
export const expertNames: Readonly<Record<string, string>> = {
  'ffn_gate_exps.weight': 'gate_proj.weight',
  'ffn_up_exps.weight': 'up_proj.weight',
  'ffn_down_exps.weight': 'down_proj.weight',
};

/** Names of tensors that a model has once, after the prefix of all. */
export const globalNames: Readonly<Record<string, readonly string[]>> = {
  'token_embd.weight': ['embed_tokens.weight'],
  'output_norm.weight': ['norm.weight'],
};

/** The head stands outside of what the prefix names. */
export const headName = 'lm_head.weight';

/** Tensors that a model computes anew when it is made, which old checkpoints hold all the same. */
export const staleNames =
  /(^|\.)(rotary_emb\.(inv_freq|cos_cached|sin_cached)|masked_bias|position_ids)$/;
