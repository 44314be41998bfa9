// Sizes of the intermediate values.
#include "workspace.h"

#include <math.h>

#include <algorithm>

namespace bitnet {

Workspace::Workspace(const Weights& weights, size_t threads) : scratch(threads) {
  const ModelSpec& spec = weights.spec;
  dim_stride = pad_to(spec.dim, kFloatPad);
  head_stride = pad_to(size_t{spec.n_head} * spec.head_dim, kFloatPad);
  kv_stride = pad_to(size_t{spec.n_kv_head} * spec.head_dim, kFloatPad);
  ffn_stride = pad_to(spec.ffn_dim, kFloatPad);
  wide_stride = std::max({dim_stride, head_stride, ffn_stride});
  q8_stride = pad_to(wide_stride, kInt8Pad);

  // θ_j = base^(-2j / rope_dim), divided by the file's factor for that pair if it has one (Su et
  // al. 2021).
  rope_frequency.resize(spec.rope_dim / 2);
  for (size_t j = 0; j < rope_frequency.size(); ++j) {
    const double factor = weights.rope_freqs.empty() ? 1.0 : weights.rope_freqs[j];
    rope_frequency[j] = pow(spec.rope_base, -2.0 * static_cast<double>(j) / spec.rope_dim) /
                        factor / spec.rope_scale;
  }
}

Status Workspace::ensure(size_t n) {
  const bool ok =
      x.ensure(n * dim_stride * sizeof(float)) && h.ensure(n * wide_stride * sizeof(float)) &&
      q8.ensure(n * q8_stride) && q_sum.ensure(n * sizeof(int32_t)) &&
      q_step.ensure(n * sizeof(float)) && q.ensure(n * head_stride * sizeof(float)) &&
      k.ensure(n * kv_stride * sizeof(float)) && v.ensure(n * kv_stride * sizeof(float)) &&
      attn.ensure(n * head_stride * sizeof(float)) && ffn.ensure(n * ffn_stride * sizeof(float)) &&
      live.ensure((wide_stride + kLiveSlack) * sizeof(int32_t)) &&
      rope.ensure(n * rope_frequency.size() * 2 * sizeof(float));
  return ok ? Status{}
            : Status::error(Code::kMemory, "Not enough memory for the working values of " +
                                               std::to_string(n) + " tokens.");
}

} // namespace bitnet
