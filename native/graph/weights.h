// All weights of one model in kernel layout: read once, immutable, shared by every session.
#pragma once
#include <memory>
#include <vector>

#include "../common/arena.h"
#include "head_copy.h"
#include "linear.h"
#include "planned_tensor.h"
#include "row_table.h"
#include "spec.h"

namespace bitnet {

/** Norms are empty in graphs without them. */
struct LayerWeights {
  std::vector<float> attn_norm;      // [dim]
  std::vector<float> q_norm, k_norm; // [head_dim] of every head, or as long as the row of all heads
  std::vector<float> attn_sub_norm;  // [n_head * head_dim] before o
  std::vector<float> attn_post_norm; // [dim] after o
  std::vector<float> ffn_norm;       // [dim]
  std::vector<float> ffn_sub_norm;   // [ffn_dim] before down
  std::vector<float> ffn_post_norm;  // [dim] after down
  Linear q, k, v, o;
  Linear gate, up, down;
  // Instead, in a mixture of experts:
  Linear router;                                              // [n_expert, dim]
  std::vector<Linear> expert_gates, expert_ups, expert_downs; // [n_expert]

  // Of recurrent layers, in place of q, k, v and o or beside them (RecurrentSpec).
  Linear qkv;                    // [channels, dim]
  Linear state_gate;             // [values, dim]
  Linear decay_in, beta_in;      // [n_value_head, dim]
  Linear state_in;               // [state_in, dim] of a state space, instead of these four
  std::vector<float> conv;       // [taps, channels]
  std::vector<float> conv_bias;  // [channels] or empty
  std::vector<float> decay_bias; // [n_value_head]
  std::vector<float> decay_rate; // [n_value_head] negative
  std::vector<float> skip;       // [n_value_head] of a state space
  std::vector<float>
      state_norm;   // [head_dim] of every value head; of a state space [values] or empty
  Linear state_out; // [dim, values]
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
  std::vector<float> rope_long;   // [rope_dim / 2] more of them, of long sessions, or empty
  std::vector<float> rope_short;  // [rope_dim / 2] and of the others
  std::vector<std::unique_ptr<const Rotation>>
      rotations;      // of what enters matrices, one for each width
  uint64_t bytes = 0; // held in memory: the sum over the plan

  const RowTable& head() const { return tied ? embedding : output; }
  /** Whether the files that rows are still read from are as they were at the load. */
  Status files_unchanged() const;
};

} // namespace bitnet
