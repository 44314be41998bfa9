// All weights of one model in kernel layout: read once, immutable, shared by every session.
#pragma once
#include <atomic>
#include <memory>
#include <vector>

#include "../common/abort.h"
#include "../common/arena.h"
#include "../common/thread_pool.h"
#include "head_copy.h"
#include "linear.h"
#include "load_plan.h"
#include "row_table.h"
#include "spec.h"

namespace bitnet {

/** Norms are empty in graphs without them. */
struct LayerWeights {
  std::vector<float> attn_norm;      // [dim]
  std::vector<float> q_norm, k_norm; // [head_dim] of every head, before rotation
  std::vector<float> attn_sub_norm;  // [n_head * head_dim] before o
  std::vector<float> attn_post_norm; // [dim] after o
  std::vector<float> ffn_norm;       // [dim]
  std::vector<float> ffn_sub_norm;   // [ffn_dim] before down
  std::vector<float> ffn_post_norm;  // [dim] after down
  Linear q, k, v, o;
  Linear gate, up, down;
};

struct Weights {
  ModelSpec spec;
  KernelSet kernels = {};
  std::vector<PlannedTensor> plan; // as it was carried out
  Arena arena;                     // holds the matrices
  std::vector<LayerWeights> layers;
  RowTable embedding; // [vocab_size, dim]
  RowTable output;    // [vocab_size, dim]; empty when the head is the embedding
  HeadCopy head_copy; // of the head; empty where it would save nothing
  bool tied = false;
  std::vector<float> output_norm; // [dim]
  std::vector<float> rope_freqs;  // [rope_dim / 2] divisors of the angles, or empty
  uint64_t bytes = 0;             // held in memory: the sum over the plan

  const RowTable& head() const { return tied ? embedding : output; }
  /** Whether the files that rows are still read from are as they were at the load. */
  Status files_unchanged() const;
};

/** Lets a load be watched and stopped from another thread. */
struct LoadControl {
  Abort abort;
  std::atomic<int32_t>* progress; // 0..1000
};

/** Reads and packs every tensor of `spec` as planned, on the threads of `pool`. */
Status load_weights(ModelSpec spec, LoadPlan plan, ThreadPool& pool, const LoadControl& control,
                    std::shared_ptr<Weights>* out);

/**
 * Reads again, in place, the matrices that `plan` holds otherwise. Nothing may use the weights
 * meanwhile; after an error they are good for nothing.
 */
Status replan_weights(Weights& weights, const LoadPlan& plan, ThreadPool& pool,
                      const LoadControl& control);

} // namespace bitnet
