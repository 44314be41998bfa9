// The output head: all logits of some tokens, exactly the best few of them, or log-probabilities.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <vector>

#include "../common/thread_pool.h"
#include "weights.h"
#include "workspace.h"

namespace bitnet {

/**
 * logits = head · RMSNorm(workspace.x[row]) of one row of the residual stream, soft-capped where
 * the graph is.
 */
struct LogitsRow {
  size_t row;
  float* logits;                 // [vocab_size] out
  double* log_sum_exp = nullptr; // [1] out, or null: log Σ exp(logit)
};

/**
 * The best logits of one row, and those of `also`: bit-equal to what LogitsRow gives. Where the head
 * has an int8 copy, only rows of the head that the bounds cannot rule out are read, unless all
 * logits are needed for log_sum_exp.
 */
struct BestRow {
  size_t row;
  size_t k;                 // 1..vocab_size
  int32_t* ids;             // [k] out: highest logit first, ties to the lower id
  float* logits;            // [k] out
  const int32_t* extra_ids; // [extra_count]
  size_t extra_count;
  float* extra_logits; // [extra_count] out
  double* log_sum_exp; // [1] out, or null: log Σ exp(logit) of all
  // Bit (id % 32) of word (id / 32) for every id that may be among the best; null: all may. Where
  // these are fewer than k, ids of -1 and logits of minus infinity follow them.
  const uint32_t* allowed = nullptr;

  bool allows(size_t id) const { return !allowed || (allowed[id / 32] >> (id % 32) & 1) != 0; }
};

/** What the model says of the token that came next. */
struct ScoreRow {
  size_t row;
  int32_t next;
  double* score; // [1] out: natural log p(next)
};

/** RMSNorm(workspace.x[row]) of one row of the residual stream. */
struct StateRow {
  size_t row;
  float* state; // [dim] out
};

/** What a step's evaluations want of the output head: of each kind at most one for each token. */
struct HeadWork {
  std::vector<LogitsRow> logits;
  std::vector<BestRow> best;
  std::vector<ScoreRow> scores;
  std::vector<StateRow> states;

  void clear();
};

/**
 * Does all of `work`, for which the workspace has room (Workspace::ensure). Rows share each read of
 * the head. kNumeric where a logit that is asked for is NaN or infinite, or all are minus infinity.
 */
Status answer(const Weights& weights, Workspace& workspace, ThreadPool& pool, const HeadWork& work);

/** What that takes of each thread's memory. */
ScratchBytes head_thread_scratch(const Weights& weights, const HeadWork& work);

} // namespace bitnet
