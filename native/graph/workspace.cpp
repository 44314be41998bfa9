// Sizes of the intermediate values.
#include "workspace.h"

#include <math.h>

#include <algorithm>

#include "head.h"
#include "kv_cache.h"
#include "roles.h"
#include "step.h"

namespace bitnet {
namespace {

// θ_j = base^(-2j / rope_dim) / factor_j / scale (Su et al. 2021). A file's tensors and its metadata
// may each give factors; without any factor_j is 1.
std::vector<double> frequencies(uint32_t rope_dim, double base, double scale,
                                std::initializer_list<const std::vector<float>*> tensors,
                                const std::vector<double>& factors) {
  std::vector<double> frequency(rope_dim / 2);
  for (size_t j = 0; j < frequency.size(); ++j) {
    double factor = 1.0;
    for (const std::vector<float>* tensor : tensors)
      if (!tensor->empty())
        factor *= static_cast<double>((*tensor)[j]);
    if (!factors.empty())
      factor *= factors[j];
    frequency[j] = pow(base, -2.0 * static_cast<double>(j) / rope_dim) / factor / scale;
  }
  return frequency;
}

size_t widest_input(const ModelSpec& spec) {
  return std::max<size_t>(
      {spec.dim, size_t{spec.n_head} * spec.head_dim, spec.ffn_dim, spec.recurrent.values()});
}

// Sums of an input for layers with group scales; none in a model whose types have no such scales.
size_t group_sums(const ModelSpec& spec) {
  const auto has_groups = [](const TensorSpec& tensor) {
    const TernaryFormat* format = find_ternary_format(tensor.type);
    return format && format->scale_cols != 0;
  };
  return std::any_of(spec.tensors.begin(), spec.tensors.end(), has_groups)
             ? pad_to(widest_input(spec), kInt8Pad) / kGroupSumCols
             : 0;
}

// Values of all slots of a token, each padded so that the next one begins a row.
size_t slot_values(const ModelSpec& spec, size_t width, size_t pad) {
  return spec.n_expert_used * pad_to(width, pad);
}

size_t widest_of_expert(const ModelSpec& spec) {
  return std::max<size_t>(spec.dim, spec.ffn_dim);
}

// Whether products with `a` take as much memory and begin at the same rows as those with `b`.
bool same_kind(const Linear& a, const Linear& b) {
  if (a.kind() != b.kind() || a.rows != b.rows || a.cols != b.cols)
    return false;
  if (const auto* tiles = std::get_if<TernaryTiles>(&a.layout))
    return tiles->kernel == std::get<TernaryTiles>(b.layout).kernel;
  if (const auto* groups = std::get_if<TernaryGroups>(&a.layout))
    return groups->kernel == std::get<TernaryGroups>(b.layout).kernel;
  return a.kind() == Linear::Kind::kDense;
}

void add_kind(const Linear& matrix, std::vector<const Linear*>* kinds, ActivationTypes* reads) {
  reads->cover(matrix);
  if (std::none_of(kinds->begin(), kinds->end(),
                   [&](const Linear* kind) { return same_kind(*kind, matrix); }))
    kinds->push_back(&matrix);
}

// Tokens of a prompt that go through the same keys together: enough to reuse them, few enough to
// share out. Many query heads of one KV head reuse them too, and their values fill a cache alone.
constexpr size_t kTileTokens = 8;
constexpr size_t kTileBytes = size_t{1} << 20;

// Rows of a product, or of the head, whose results for a token a thread holds (linear.cpp,
// head.cpp).
constexpr size_t kScratchRows = 256;

} // namespace

Status plan_workspace(const ModelSpec& spec, size_t threads, WorkspacePlan* plan, uint64_t budget) {
  const uint64_t tile = attention_scratch(spec, pad_to(spec.head_dim, kWidestHeadPad), 1);
  plan->tile_tokens = std::min<uint64_t>(kTileTokens, std::max<uint64_t>(1, kTileBytes / tile));
  const uint64_t shared = StepValues(spec).token_bytes();
  // Of each thread for a token, and besides, where it sums up to a whole row of the residual stream
  // (project.cpp).
  const uint64_t own = kScratchRows * sizeof(float);
  const uint64_t always = plan->tile_tokens * tile + spec.dim * sizeof(float);
  const uint64_t needed = shared + threads * (own + always);
  if (needed > budget) {
    const std::string message =
        "Expected a model whose intermediate values for one token fit into " +
        std::to_string(budget >> 20) + " MiB, but they are " + std::to_string(needed >> 20) +
        " MiB";
    return Status::error(
        Code::kMemory,
        shared + own + always > budget
            ? message + ", of which " + std::to_string(shared >> 20) +
                  " MiB for any number of threads: its layers are too wide to run here."
            : message + " for " + std::to_string(spec.n_head) + " heads of " +
                  std::to_string(spec.head_dim) + " on " + std::to_string(threads) +
                  " threads; use fewer threads.");
  }
  plan->batch =
      std::min<uint64_t>(kMaxBatch, (budget - threads * always) / (shared + threads * own));
  return {};
}

StepValues::StepValues(const ModelSpec& spec)
    : x(spec.dim, kFloatPad), h(widest_input(spec), kFloatPad), q8(widest_input(spec), kInt8Pad),
      q_sum(1, 1), q_sums(group_sums(spec), 1), q_step(1, 1),
      q(size_t{spec.n_head} * spec.query_stride(), kFloatPad),
      k(size_t{spec.n_kv_head} * spec.head_dim, kFloatPad), v(k.cols, kFloatPad),
      attn(size_t{spec.n_head} * spec.head_dim, kFloatPad), ffn(spec.ffn_dim, kFloatPad),
      qkv(spec.recurrent.state_space ? 0 : spec.recurrent.channels(), kFloatPad),
      state_gate(spec.recurrent.state_space ? 0 : spec.recurrent.values(), kFloatPad),
      state_in(spec.recurrent.state_in(), kFloatPad), decay(spec.recurrent.n_value_head, kFloatPad),
      beta(decay.cols, kFloatPad), state_read(spec.recurrent.values(), kFloatPad),
      branch(has_branch_norms(spec) ? spec.dim : 0, kFloatPad),
      up(has_branch_norms(spec) ? spec.ffn_dim : 0, kFloatPad), router(spec.n_expert, kFloatPad),
      choices(spec.n_expert_used, 1), slots(spec.n_expert_used, 1),
      slot_h(slot_values(spec, spec.dim, kFloatPad), kFloatPad),
      slot_q8(slot_values(spec, widest_of_expert(spec), kInt8Pad), kInt8Pad),
      slot_q_sum(spec.n_expert_used, 1),
      slot_q_sums(group_sums(spec) ? slot_q8.cols / kGroupSumCols : 0, 1),
      slot_q_step(spec.n_expert_used, 1),
      slot_ffn(slot_values(spec, spec.ffn_dim, kFloatPad), kFloatPad),
      rope((spec.has_window_rope() ? 2 : 1) * (spec.rope_dim / 2) * 2, 1) {}

template <class Self, class Use> void StepValues::each(Self& self, Use&& use) {
  use(self.x), use(self.h), use(self.q8), use(self.q_sum), use(self.q_sums), use(self.q_step);
  use(self.q), use(self.k), use(self.v), use(self.attn), use(self.rope);
  use(self.ffn), use(self.branch), use(self.up);
  use(self.router), use(self.choices), use(self.slots), use(self.slot_h), use(self.slot_q8);
  use(self.slot_q_sum), use(self.slot_q_sums), use(self.slot_q_step), use(self.slot_ffn);
  use(self.qkv), use(self.state_gate), use(self.state_in), use(self.decay), use(self.beta),
      use(self.state_read);
}

bool StepValues::ensure(size_t n) {
  bool ok = true;
  each(*this, [&](auto& values) { ok = ok && values.ensure(n); });
  return ok;
}

uint64_t StepValues::bytes() const {
  uint64_t sum = 0;
  each(*this, [&](const auto& values) { sum += values.bytes(); });
  return sum;
}

size_t StepValues::token_bytes() const {
  size_t sum = 0;
  each(*this, [&](const auto& values) { sum += values.row_bytes(); });
  return sum;
}

ExpertKinds::ExpertKinds(const Weights& weights) {
  for (const LayerWeights& layer : weights.layers) {
    for (const std::vector<Linear>* matrices : {&layer.expert_gates, &layer.expert_ups})
      for (const Linear& matrix : *matrices)
        add_kind(matrix, &inner, &reads_inner);
    for (const Linear& matrix : layer.expert_downs)
      add_kind(matrix, &outer, &reads_outer);
  }
}

Workspace::Workspace(const Weights& weights, size_t threads, uint64_t budget)
    : StepValues(weights.spec), experts(weights), scratch(threads), weights_(weights) {
  const ModelSpec& spec = weights.spec;
  if (!plan_workspace(spec, threads, &plan, budget).ok())
    plan.batch = 1; // of a model that load_weights would have refused
  const auto of_sessions = [&](const std::vector<float>& long_or_short) {
    return frequencies(spec.rope_dim, spec.rope_base, spec.rope_scale,
                       {&weights.rope_freqs, &long_or_short}, spec.rope_factors);
  };
  rope_frequency.push_back(of_sessions(weights.rope_short));
  if (spec.rope_long_above != 0)
    long_rope_frequency = of_sessions(weights.rope_long);
  if (spec.has_window_rope())
    rope_frequency.push_back(frequencies(spec.rope_dim, spec.window_rope_base, 1.0, {}, {}));
  active_in.resize(most_gate_chunks(weights, threads));
  slots_end.resize(spec.n_expert);
  chosen.reserve(spec.n_expert);
}

Status Workspace::ensure(size_t n, const HeadWork& work, std::span<const AdapterRows> adapters) {
  const size_t width = pad_to(weights_.spec.head_dim, kWidestHeadPad);
  ScratchBytes thread = projection_scratch(weights_, scratch.size(), n);
  thread.cover(expert_scratch(experts, scratch.size(), n));
  thread.cover(head_thread_scratch(weights_, work));
  thread.cover({.kernel = weights_.embedding.buffer_bytes(1),
                .values = attention_scratch(weights_.spec, width, std::min(n, plan.tile_tokens))});
  shrunk_stride = 0;
  for (const AdapterRows& rows : adapters)
    shrunk_stride = std::max(shrunk_stride, rows.at + rows.applied.adapter->shrunk_width);
  const size_t delta_rows = n == 1 && !active_in.empty() ? adapters.size() : 0;
  bool ok = shrunk.ensure(n * shrunk_stride * sizeof(float)) &&
            deltas.ensure(delta_rows * weights_.spec.ffn_dim * sizeof(float)) &&
            StepValues::ensure(n) && active.ensure((h.stride + kActiveSlack) * sizeof(int32_t)) &&
            head.ensure(weights_, scratch.size(), work);
  for (ThreadScratch& of_thread : scratch)
    ok = ok && of_thread.ensure(thread);
  return ok ? Status{}
            : Status::error(Code::kMemory,
                            "Not enough memory for the intermediate values of a step.");
}

uint64_t Workspace::bytes() const {
  uint64_t sum = StepValues::bytes() + active.size() + shrunk.size() + deltas.size() + head.bytes();
  for (const ThreadScratch& of_thread : scratch)
    sum += of_thread.bytes();
  return sum;
}

} // namespace bitnet
