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

/** Rows are tokens. Padding columns are zero and stay so, because strides never change. */
struct Workspace {
  Workspace(const Weights& weights, size_t threads);

  /** Makes room for `n` tokens. */
  Status ensure(size_t n);

  size_t dim_stride;  // floats per row of x
  size_t head_stride; // floats per row of q and attn: n_head * head_dim
  size_t kv_stride;   // floats per row of k and v
  size_t ffn_stride;
  size_t wide_stride; // floats per row of h: the widest input of a linear layer
  size_t q8_stride;   // bytes per row of q8

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
  AlignedBuffer
      live; // int32 [widest layer + kLiveSlack]: inputs of a linear layer that are not zero
  AlignedBuffer rope;   // float [n, rope_dim / 2] cosines, then as many sines
  AlignedBuffer bounds; // float [vectors, vocab padded] of the screened head

  std::vector<double> rope_frequency; // [rope_dim / 2] radians per position
  std::vector<ThreadScratch> scratch; // one per thread
  HeadCounts head_counts;             // since the model was loaded
};

} // namespace bitnet
