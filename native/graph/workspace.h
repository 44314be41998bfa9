// Intermediate values of a step: one per model, used by one step at a time.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <atomic>
#include <span>
#include <vector>

#include "../common/aligned_buffer.h"
#include "../common/status.h"
#include "adapter.h"
#include "head_scratch.h"
#include "linear.h"
#include "mat.h"
#include "weights.h"

namespace bitnet {

/** How the heads of some tokens were answered; any thread may read it. */
struct HeadCounts {
  std::atomic<uint64_t> prefiltered{0}; // tokens for which only candidates were multiplied
  std::atomic<uint64_t> candidates{0};  // rows multiplied for these
  std::atomic<uint64_t> full{0};        // tokens for which all rows were
};

/** Tokens of one step at most: more share each weight read, but wait longer for an abort. */
constexpr size_t kMaxBatch = 512;

/**
 * Most bytes of the working values of a model: a full step of the largest public models takes a
 * third of it. Wider ones get fewer tokens in a step.
 */
constexpr uint64_t kWorkspaceBudget = uint64_t{512} << 20;

/** What fits into the budget. The numbers decide about speed and memory, never about a bit. */
struct WorkspacePlan {
  size_t batch;       // tokens of a step, 1..kMaxBatch
  size_t tile_tokens; // that go through the same keys together
};

/** kMemory, with the numbers, where not even one token of a step fits. */
Status plan_workspace(const ModelSpec& spec, size_t threads, WorkspacePlan* plan,
                      uint64_t budget = kWorkspaceBudget);

/** One of the experts that a token uses. */
struct ExpertSlot {
  uint32_t expert;
  uint32_t token; // row of the step
  float weight;
};

/** How the experts of a model are held: a matrix of each kind, and what all of them read. */
struct ExpertKinds {
  explicit ExpertKinds(const Weights& weights);

  std::vector<const Linear*> inner; // gates and ups
  std::vector<const Linear*> outer; // downs
  ActivationTypes reads_inner;
  ActivationTypes reads_outer;
};

/** What one part of the step hands to the next: a row for each token. */
class StepValues {
public:
  explicit StepValues(const ModelSpec& spec);

  TokenMat<float> x;        // [n, dim] the residual stream
  TokenMat<float> h;        // [n, widest input] input of the next linear layer, normalized
  TokenMat<int8_t> q8;      // [n, widest input] the same, quantized
  TokenMat<int32_t> q_sum;  // [n, 1]
  TokenMat<int32_t> q_sums; // [n, widest input / kGroupSumCols] where scales may be of groups
  TokenMat<float> q_step;   // [n, 1]
  TokenMat<float> q;        // [n, n_head * query_stride]
  TokenMat<float> k;        // [n, n_kv_head * head_dim]
  TokenMat<float> v;        // [n, n_kv_head * head_dim]
  TokenMat<float> attn;     // [n, n_head * head_dim]
  TokenMat<float> ffn;      // [n, ffn_dim]
  // Allocated only where layers are recurrent:
  TokenMat<float> qkv;         // [n, channels] of a gated delta net
  TokenMat<float> state_gate;  // [n, values] of the same
  TokenMat<float> state_in;    // [n, state_in] of a state space
  TokenMat<float> decay, beta; // [n, n_value_head]
  TokenMat<float> state_read;  // [n, values] what the queries read of the states
  // Allocated only where a linear layer's own input or output is normalized:
  TokenMat<float> branch; // [n, dim]
  TokenMat<float> up;     // [n, ffn_dim]
  // Allocated only in a mixture of experts. A token has n_expert_used slots; `slots` are sorted by
  // expert, then by token, so that the tokens of an expert are rows that follow each other:
  TokenMat<float> router;       // [n, n_expert] logits
  TokenMat<ExpertSlot> choices; // [n, n_expert_used] of each token, by expert
  TokenMat<ExpertSlot> slots;   // [n * n_expert_used] the same, sorted
  TokenMat<float> slot_h;       // [n * n_expert_used, dim] input of gate and up
  TokenMat<int8_t> slot_q8; // [n * n_expert_used, wider of dim and ffn_dim] of those and of down
  TokenMat<int32_t> slot_q_sum;  // [n * n_expert_used]
  TokenMat<int32_t> slot_q_sums; // [n * n_expert_used, width of slot_q8 / kGroupSumCols]
  TokenMat<float> slot_q_step;   // [n * n_expert_used]
  TokenMat<float> slot_ffn;      // [n * n_expert_used, ffn_dim] input of down
  TokenMat<float> rope;          // [n, tables * rope_dim] cosines of all pairs, then their sines

  /** Makes each `n` rows. False when memory runs out. */
  bool ensure(size_t n);
  /** Bytes held. */
  uint64_t bytes() const;
  /** Bytes that one more token takes. */
  size_t token_bytes() const;

private:
  template <class Self, class Use> static void each(Self& self, Use&& use);
};

/** All the memory of a step: once there is enough of it, nothing is allocated before its end. */
struct Workspace : StepValues {
  Workspace(const Weights& weights, size_t threads, uint64_t budget = kWorkspaceBudget);

  /**
   * Makes room for `n` tokens, at most plan.batch, for what `work` asks of the head, and for what
   * `adapters` add. kMemory where there is none; more room than needed is kept.
   */
  Status ensure(size_t n, const HeadWork& work, std::span<const AdapterRows> adapters = {});
  /** Bytes held. */
  uint64_t bytes() const;

  WorkspacePlan plan;
  AlignedBuffer active; // int32 [widest + kActiveSlack]: inputs of a layer that are not zero
  std::vector<size_t> active_in; // neurons of each chunk of a layer's rows that are active
  AlignedBuffer shrunk;          // float [n, shrunk_stride] A x of adapters
  size_t shrunk_stride = 0;
  AlignedBuffer deltas;          // float [adapters, ffn_dim] of up, for one token
  std::vector<size_t> slots_end; // [n_expert] behind the last slot of each expert
  std::vector<uint32_t> chosen;  // experts that have slots
  ExpertKinds experts;

  // Radians per position [rope_dim / 2]; the second, where there is one, is that of sliding-window
  // layers.
  std::vector<std::vector<double>> rope_frequency;
  std::vector<double> long_rope_frequency; // instead of the first, of long sessions (LongRoPE)
  std::vector<ThreadScratch> scratch;      // one per thread
  HeadScratch head;
  HeadCounts head_counts; // since the model was loaded

private:
  const Weights& weights_;
};

} // namespace bitnet
