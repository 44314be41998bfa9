// Intermediate values of one forward pass: one per model, used by one pass at a time.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <atomic>
#include <vector>

#include "../common/aligned_buffer.h"
#include "../common/status.h"
#include "linear.h"
#include "weights.h"

namespace bitnet {

/** How the heads of some tokens were answered; any thread may read it. */
struct HeadCounts {
  std::atomic<uint64_t> screened{0};   // tokens for which only candidates were multiplied
  std::atomic<uint64_t> candidates{0}; // rows multiplied for these
  std::atomic<uint64_t> full{0};       // tokens for which all rows were
};

/** Tokens of one pass at most: more share each weight read, but wait longer for an abort. */
constexpr size_t kMaxBatch = 512;

/**
 * Most bytes of the working values of a model: a full pass of the largest public models takes a
 * third of it. Wider ones get fewer tokens in a pass.
 */
constexpr uint64_t kWorkspaceBudget = uint64_t{512} << 20;

/** What fits into the budget. The numbers decide about speed and memory, never about a bit. */
struct WorkspacePlan {
  size_t batch;       // tokens of a pass, 1..kMaxBatch
  size_t tile_tokens; // that go through the same keys together
};

/** kMemory, with the numbers, where not even one token of a pass fits. */
Status plan_workspace(const ModelSpec& spec, size_t threads, WorkspacePlan* plan,
                      uint64_t budget = kWorkspaceBudget);

/**
 * Bytes a thread needs to attend with `tokens` tokens and the query heads of one KV head, whose
 * rows are padded to `width`.
 */
size_t attention_scratch(const ModelSpec& spec, size_t width, size_t tokens);

/** Rows are tokens. Padding columns are zero and stay so, because strides never change. */
struct Workspace {
  Workspace(const Weights& weights, size_t threads, uint64_t budget = kWorkspaceBudget);

  /** Makes room for `n` tokens, at most plan.batch. */
  Status ensure(size_t n);
  /** Bytes held. */
  uint64_t bytes() const;

  WorkspacePlan plan;
  size_t dim_stride;  // floats per row of x
  size_t head_stride; // floats per row of q and attn: n_head * head_dim
  size_t kv_stride;   // floats per row of k and v
  size_t ffn_stride;
  size_t wide_stride; // floats per row of h: the widest input of a linear layer
  size_t q8_stride;   // bytes per row of q8
  bool branch_norms;  // a linear layer's own input or output is normed: needs branch and up

  AlignedBuffer x;      // float [n, dim_stride]   the residual stream
  AlignedBuffer h;      // float [n, wide_stride]  input of the next linear layer, normalised
  AlignedBuffer q8;     // int8  [n, q8_stride]    the same, quantised
  AlignedBuffer q_sum;  // int32 [n]
  AlignedBuffer q_step; // float [n]
  AlignedBuffer q;      // float [n, head_stride]
  AlignedBuffer k;      // float [n, kv_stride]
  AlignedBuffer v;      // float [n, kv_stride]
  AlignedBuffer attn;   // float [n, head_stride]
  AlignedBuffer ffn;    // float [n, ffn_stride]
  AlignedBuffer branch; // float [n, dim_stride]   only with branch_norms
  AlignedBuffer up;     // float [n, ffn_stride]   only with branch_norms
  AlignedBuffer live;   // int32 [wide_stride + kLiveSlack]: inputs of a layer that are not zero
  AlignedBuffer rope;   // float [tables, n, rope_dim] cosines of all pairs, then their sines
  AlignedBuffer bounds; // float [vectors, vocab padded] of the screened head

  // Radians per position [rope_dim / 2]; the second, where there is one, is that of local layers.
  std::vector<std::vector<double>> rope_frequency;
  std::vector<ThreadScratch> scratch; // one per thread
  HeadCounts head_counts;             // since the model was loaded

  /** A buffer that grows with the tokens of a pass. */
  struct TokenBuffer {
    AlignedBuffer Workspace::*buffer;
    size_t bytes; // a token
  };

private:
  std::vector<TokenBuffer> token_buffers_;
};

} // namespace bitnet
