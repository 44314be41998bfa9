// Sizes of the intermediate values.
#include "workspace.h"

#include <math.h>

#include <algorithm>

#include "kv_cache.h"
#include "roles.h"

namespace bitnet {
namespace {

// θ_j = base^(-2j / rope_dim) / factor_j / scale (Su et al. 2021). A file's tensor and its metadata
// may each give factors; without either factor_j is 1.
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

struct Strides {
  size_t dim, head, kv, ffn, wide, q8;

  explicit Strides(const ModelSpec& spec)
      : dim(pad_to(spec.dim, kFloatPad)),
        head(pad_to(size_t{spec.n_head} * spec.head_dim, kFloatPad)),
        kv(pad_to(size_t{spec.n_kv_head} * spec.head_dim, kFloatPad)),
        ffn(pad_to(spec.ffn_dim, kFloatPad)), wide(std::max({dim, head, ffn})),
        q8(pad_to(wide, kInt8Pad)) {}
};

std::vector<Workspace::TokenBuffer> token_buffers(const ModelSpec& spec) {
  const Strides stride(spec);
  const size_t ropes = spec.local.empty() ? 1 : 2;
  const size_t branches = has_branch_norms(spec) ? 1 : 0;
  return {
      {&Workspace::x, stride.dim * sizeof(float)},
      {&Workspace::h, stride.wide * sizeof(float)},
      {&Workspace::q8, stride.q8},
      {&Workspace::q_sum, sizeof(int32_t)},
      {&Workspace::q_step, sizeof(float)},
      {&Workspace::q, stride.head * sizeof(float)},
      {&Workspace::k, stride.kv * sizeof(float)},
      {&Workspace::v, stride.kv * sizeof(float)},
      {&Workspace::attn, stride.head * sizeof(float)},
      {&Workspace::ffn, stride.ffn * sizeof(float)},
      {&Workspace::rope, ropes * (spec.rope_dim / 2) * 2 * sizeof(float)},
      {&Workspace::branch, branches * stride.dim * sizeof(float)},
      {&Workspace::up, branches * stride.ffn * sizeof(float)},
  };
}

// Tokens of a prompt that go through the same keys together: enough to reuse them, few enough to
// share out. Many query heads of one KV head reuse them too, and their values fill a cache alone.
constexpr size_t kTileTokens = 8;
constexpr size_t kTileBytes = size_t{1} << 20;

// Rows of a product, or of the head, whose results for a token a thread holds (linear.cpp,
// head.cpp).
constexpr size_t kScratchRows = 256;

} // namespace

size_t attention_scratch(const ModelSpec& spec, size_t width, size_t tokens) {
  const size_t group = spec.n_head / spec.n_kv_head;
  return (3 * width + 4 * kFloatPad) * group * tokens * sizeof(float);
}

Status plan_workspace(const ModelSpec& spec, size_t threads, WorkspacePlan* plan, uint64_t budget) {
  const uint64_t tile = attention_scratch(spec, pad_to(spec.head_dim, kWidestHeadPad), 1);
  plan->tile_tokens = std::min<uint64_t>(kTileTokens, std::max<uint64_t>(1, kTileBytes / tile));
  uint64_t token = threads * kScratchRows * sizeof(float);
  for (const Workspace::TokenBuffer& buffer : token_buffers(spec))
    token += buffer.bytes;
  // Besides, a thread sums up to a whole row of the residual stream (project.cpp).
  const uint64_t always = threads * (plan->tile_tokens * tile + spec.dim * sizeof(float));
  if (always + token > budget)
    return Status::error(Code::kMemory,
                         "Expected a model whose working values of a token fit into " +
                             std::to_string(budget >> 20) + " MiB, but they are " +
                             std::to_string((always + token) >> 20) + " MiB for " +
                             std::to_string(spec.n_head) + " heads of " +
                             std::to_string(spec.head_dim) + " on " + std::to_string(threads) +
                             " threads; use fewer threads.");
  plan->batch = std::min<uint64_t>(kMaxBatch, (budget - always) / token);
  return {};
}

Workspace::Workspace(const Weights& weights, size_t threads, uint64_t budget)
    : scratch(threads), token_buffers_(token_buffers(weights.spec)) {
  const ModelSpec& spec = weights.spec;
  const Strides stride(spec);
  dim_stride = stride.dim;
  head_stride = stride.head;
  kv_stride = stride.kv;
  ffn_stride = stride.ffn;
  wide_stride = stride.wide;
  q8_stride = stride.q8;
  if (!plan_workspace(spec, threads, &plan, budget).ok())
    plan.batch = 1; // of a model that load_weights would have refused
  branch_norms = has_branch_norms(spec);
  rope_frequency.push_back(frequencies(spec.rope_dim, spec.rope_base, spec.rope_scale,
                                       weights.rope_freqs, spec.rope_factors));
  if (!spec.local.empty())
    rope_frequency.push_back(frequencies(spec.rope_dim, spec.local_rope_base, 1.0, {}, {}));
}

Status Workspace::ensure(size_t n) {
  bool ok = live.ensure((wide_stride + kLiveSlack) * sizeof(int32_t));
  for (const TokenBuffer& buffer : token_buffers_)
    ok = ok && (this->*buffer.buffer).ensure(n * buffer.bytes);
  return ok ? Status{}
            : Status::error(Code::kMemory,
                            "Not enough memory for the working values of a forward pass.");
}

uint64_t Workspace::bytes() const {
  uint64_t sum = live.size() + bounds.size();
  for (const TokenBuffer& buffer : token_buffers_)
    sum += (this->*buffer.buffer).size();
  for (const ThreadScratch& thread : scratch)
    sum += thread.acc.size() + thread.kernel.size() + thread.values.size();
  return sum;
}

} // namespace bitnet
