// To add a role: its row here, its member in weights.h, and the row of its tensor in
// lib/model/spec/graph-tensors.ts.
#include "roles.h"

#include <algorithm>

namespace bitnet {
namespace {

using Size = uint64_t(const ModelSpec&);
constexpr Size* kOne = [](const ModelSpec&) -> uint64_t { return 1; };
constexpr Size* kVocab = [](const ModelSpec& s) -> uint64_t { return s.vocab_size; };
constexpr Size* kDim = [](const ModelSpec& s) -> uint64_t { return s.dim; };
constexpr Size* kFfn = [](const ModelSpec& s) -> uint64_t { return s.ffn_dim; };
constexpr Size* kHead = [](const ModelSpec& s) -> uint64_t { return s.head_dim; };
constexpr Size* kQ = [](const ModelSpec& s) { return uint64_t{s.n_head} * s.head_dim; };
constexpr Size* kQueries = [](const ModelSpec& s) { return uint64_t{s.n_head} * s.query_stride(); };
constexpr Size* kKv = [](const ModelSpec& s) { return uint64_t{s.n_kv_head} * s.head_dim; };
constexpr Size* kExperts = [](const ModelSpec& s) -> uint64_t { return s.n_expert; };
constexpr Size* kRope = [](const ModelSpec& s) -> uint64_t { return s.rope_dim / 2; };
constexpr Size* kTaps = [](const ModelSpec& s) -> uint64_t { return s.recurrent.taps; };
constexpr Size* kChannels = [](const ModelSpec& s) -> uint64_t { return s.recurrent.channels(); };
constexpr Size* kValues = [](const ModelSpec& s) -> uint64_t { return s.recurrent.values(); };
constexpr Size* kValueHeads = [](const ModelSpec& s) -> uint64_t {
  return s.recurrent.n_value_head;
};
constexpr Size* kStateIn = [](const ModelSpec& s) -> uint64_t { return s.recurrent.state_in(); };
constexpr Size* kStateNorm = [](const ModelSpec& s) -> uint64_t {
  return s.recurrent.state_norm();
};

using W = Weights;
using L = LayerWeights;
constexpr Branch kAttention = Branch::kAttention;
constexpr Branch kFeedForward = Branch::kFeedForward;

// Name, place, rows, columns, and of norms of a branch which.
const Role kRoles[] = {
    {"token_embd", &W::embedding, kVocab, kDim},
    {"output", &W::output, kVocab, kDim},
    {"output_norm", &W::output_norm, kOne, kDim},
    {"rope_freqs", &W::rope_freqs, kOne, kRope},
    {"rope_factors_long", &W::rope_long, kOne, kRope},
    {"rope_factors_short", &W::rope_short, kOne, kRope},

    {"attn_norm", &L::attn_norm, kOne, kDim},
    {"attn_q", &L::q, kQueries, kDim},
    {"attn_k", &L::k, kKv, kDim},
    {"attn_v", &L::v, kKv, kDim},
    {"attn_q_norm_in", LinearVector{&L::q, &Linear::norm_in}, kOne, kDim, kAttention},
    {"attn_k_norm_in", LinearVector{&L::k, &Linear::norm_in}, kOne, kDim, kAttention},
    {"attn_v_norm_in", LinearVector{&L::v, &Linear::norm_in}, kOne, kDim, kAttention},
    {"attn_q_bias", LinearVector{&L::q, &Linear::bias}, kOne, kQueries},
    {"attn_k_bias", LinearVector{&L::k, &Linear::bias}, kOne, kKv},
    {"attn_v_bias", LinearVector{&L::v, &Linear::bias}, kOne, kKv},
    {"attn_q_norm", &L::q_norm, kOne, kHead},
    {"attn_k_norm", &L::k_norm, kOne, kHead},
    {"attn_q_row_norm", &L::q_norm, kOne, kQ},
    {"attn_k_row_norm", &L::k_norm, kOne, kKv},
    {"attn_sub_norm", &L::attn_sub_norm, kOne, kQ},
    {"attn_output", &L::o, kDim, kQ},
    {"attn_output_bias", LinearVector{&L::o, &Linear::bias}, kOne, kDim},
    {"attn_post_norm", &L::attn_post_norm, kOne, kDim, kAttention},

    {"attn_qkv", &L::qkv, kChannels, kDim},
    {"attn_gate", &L::state_gate, kValues, kDim},
    {"ssm_in", &L::state_in, kStateIn, kDim},
    {"ssm_alpha", &L::decay_in, kValueHeads, kDim},
    {"ssm_beta", &L::beta_in, kValueHeads, kDim},
    {"ssm_conv1d", &L::conv, kChannels, kTaps},
    {"ssm_conv1d_bias", &L::conv_bias, kOne, kChannels},
    {"ssm_dt", &L::decay_bias, kOne, kValueHeads},
    {"ssm_a", &L::decay_rate, kOne, kValueHeads},
    {"ssm_d", &L::skip, kOne, kValueHeads},
    {"ssm_norm", &L::state_norm, kOne, kStateNorm},
    {"ssm_out", &L::state_out, kDim, kValues},

    {"ffn_norm", &L::ffn_norm, kOne, kDim},
    {"ffn_gate", &L::gate, kFfn, kDim},
    {"ffn_up", &L::up, kFfn, kDim},
    {"ffn_gate_norm_in", LinearVector{&L::gate, &Linear::norm_in}, kOne, kDim, kFeedForward},
    {"ffn_up_norm_in", LinearVector{&L::up, &Linear::norm_in}, kOne, kDim, kFeedForward},
    {"ffn_gate_bias", LinearVector{&L::gate, &Linear::bias}, kOne, kFfn},
    {"ffn_up_bias", LinearVector{&L::up, &Linear::bias}, kOne, kFfn},
    {"ffn_sub_norm", &L::ffn_sub_norm, kOne, kFfn},
    {"ffn_down", &L::down, kDim, kFfn},
    {"ffn_down_bias", LinearVector{&L::down, &Linear::bias}, kOne, kDim},
    {"ffn_post_norm", &L::ffn_post_norm, kOne, kDim, kFeedForward},

    {"ffn_gate_inp", &L::router, kExperts, kDim},
    {"ffn_gate_exps", &L::expert_gates, kFfn, kDim},
    {"ffn_up_exps", &L::expert_ups, kFfn, kDim},
    {"ffn_down_exps", &L::expert_downs, kDim, kFfn},
};

// The member that a place names.
struct Resolve {
  Weights& weights;
  LayerWeights* layer; // null for a layer that the model does not have

  Slot operator()(RowTable Weights::*member) const { return &(weights.*member); }
  Slot operator()(std::vector<float> Weights::*member) const { return &(weights.*member); }
  Slot operator()(Linear LayerWeights::*member) const {
    return layer ? Slot(&(layer->*member)) : Slot();
  }
  Slot operator()(std::vector<Linear> LayerWeights::*member) const {
    return layer ? Slot(&(layer->*member)) : Slot();
  }
  Slot operator()(std::vector<float> LayerWeights::*member) const {
    return layer ? Slot(&(layer->*member)) : Slot();
  }
  Slot operator()(const LinearVector& part) const {
    return layer ? Slot(&(layer->*part.linear.*part.vector)) : Slot();
  }
};

} // namespace

bool is_of_layer(const Role& role) {
  return !std::holds_alternative<RowTable Weights::*>(role.place) &&
         !std::holds_alternative<std::vector<float> Weights::*>(role.place);
}

bool is_of_experts(const Role& role) {
  return std::holds_alternative<std::vector<Linear> LayerWeights::*>(role.place);
}

const Role* find_role(const std::string& name) {
  const Role* found = std::find_if(std::begin(kRoles), std::end(kRoles),
                                   [&name](const Role& role) { return name == role.name; });
  return found == std::end(kRoles) ? nullptr : found;
}

bool has_role(const ModelSpec& spec, const char* name) {
  return std::any_of(spec.tensors.begin(), spec.tensors.end(),
                     [name](const TensorSpec& tensor) { return tensor.role == name; });
}

bool has_branch_norms(const ModelSpec& spec, Branch branch) {
  return std::any_of(spec.tensors.begin(), spec.tensors.end(), [branch](const TensorSpec& tensor) {
    const Role* role = find_role(tensor.role);
    return role && role->branch == branch;
  });
}

bool has_branch_norms(const ModelSpec& spec) {
  return has_branch_norms(spec, Branch::kAttention) || has_branch_norms(spec, Branch::kFeedForward);
}

Slot slot_of(const Role& role, int32_t layer, Weights& weights) {
  const size_t index = static_cast<size_t>(layer);
  const bool there = layer >= 0 && index < weights.layers.size();
  return std::visit(Resolve{weights, there ? &weights.layers[index] : nullptr}, role.place);
}

} // namespace bitnet
