// Sizes of the intermediate values.
#include "workspace.h"

#include <math.h>

#include <algorithm>

namespace bitnet {
namespace {

// θ_j = base^(-2j / rope_dim), divided by the factors of that pair, where there are any, and the
// scale (Su et al. 2021).
std::vector<double> frequencies(uint32_t rope_dim, double base, double scale,
                                const std::vector<float>& tensor,
                                const std::vector<double>& factors) {
  std::vector<double> frequency(rope_dim / 2);
  for (size_t j = 0; j < frequency.size(); ++j) {
    double factor = tensor.empty() ? 1.0 : static_cast<double>(tensor[j]);
    if (!factors.empty())
      factor *= factors[j];
    frequency[j] = pow(base, -2.0 * static_cast<double>(j) / rope_dim) / factor / scale;
  }
  return frequency;
}

// Whether a linear layer's own input or output is normed, which takes room for both at once.
bool has_branch_norms(const Weights& weights) {
  return std::any_of(weights.layers.begin(), weights.layers.end(), [](const LayerWeights& layer) {
    return !layer.attn_post_norm.empty() || !layer.ffn_post_norm.empty() ||
           !layer.q.norm_in.empty() || !layer.k.norm_in.empty() || !layer.v.norm_in.empty() ||
           !layer.gate.norm_in.empty() || !layer.up.norm_in.empty();
  });
}

} // namespace

Workspace::Workspace(const Weights& weights, size_t threads) : scratch(threads) {
  const ModelSpec& spec = weights.spec;
  dim_stride = pad_to(spec.dim, kFloatPad);
  head_stride = pad_to(size_t{spec.n_head} * spec.head_dim, kFloatPad);
  kv_stride = pad_to(size_t{spec.n_kv_head} * spec.head_dim, kFloatPad);
  ffn_stride = pad_to(spec.ffn_dim, kFloatPad);
  wide_stride = std::max({dim_stride, head_stride, ffn_stride});
  q8_stride = pad_to(wide_stride, kInt8Pad);

  branch_norms = has_branch_norms(weights);
  rope_frequency.push_back(frequencies(spec.rope_dim, spec.rope_base, spec.rope_scale,
                                       weights.rope_freqs, spec.rope_factors));
  if (!spec.local.empty())
    rope_frequency.push_back(frequencies(spec.rope_dim, spec.local_rope_base, 1.0, {}, {}));
}

Status Workspace::ensure(size_t n) {
  const bool ok =
      x.ensure(n * dim_stride * sizeof(float)) && h.ensure(n * wide_stride * sizeof(float)) &&
      q8.ensure(n * q8_stride) && q_sum.ensure(n * sizeof(int32_t)) &&
      q_step.ensure(n * sizeof(float)) && q.ensure(n * head_stride * sizeof(float)) &&
      k.ensure(n * kv_stride * sizeof(float)) && v.ensure(n * kv_stride * sizeof(float)) &&
      attn.ensure(n * head_stride * sizeof(float)) && ffn.ensure(n * ffn_stride * sizeof(float)) &&
      live.ensure((wide_stride + kLiveSlack) * sizeof(int32_t)) &&
      rope.ensure(rope_frequency.size() * n * rope_frequency[0].size() * 2 * sizeof(float)) &&
      (!branch_norms || (branch.ensure(n * dim_stride * sizeof(float)) &&
                         up.ensure(n * ffn_stride * sizeof(float))));
  return ok ? Status{}
            : Status::error(Code::kMemory, "Not enough memory for the working values of " +
                                               std::to_string(n) + " tokens.");
}

} // namespace bitnet
