// The output head: all logits of some tokens, exactly the best few of them, or log-probabilities.
#pragma once
#include <stddef.h>
#include <stdint.h>

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
  float* logits; // [vocab] out
};

/** The best logits of one row, and those of `also`. */
struct BestRow {
  size_t row;
  size_t k;            // 1..vocab
  int32_t* ids;        // [k] out: highest logit first, ties to the lower id
  float* logits;       // [k] out
  const int32_t* also; // [also_count]
  size_t also_count;
  float* also_logits;  // [also_count] out
  double* log_sum_exp; // [1] out, or null: log Σ exp(logit)
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

// Rows of one call share each read of the head; there are at most as many as the pass had tokens.
// kNumeric where a logit that is asked for is NaN or infinite, or all are minus infinity.

Status output_logits(const Weights& weights, Workspace& workspace, ThreadPool& pool,
                     const LogitsRow* rows, size_t n);

/**
 * Bit-equal to what output_logits gives. Where the head has a shadow, only rows of the head that
 * the bounds cannot rule out are read, unless all logits are needed for log_sum_exp.
 */
Status best_logits(const Weights& weights, Workspace& workspace, ThreadPool& pool,
                   const BestRow* rows, size_t n);

Status score_rows(const Weights& weights, Workspace& workspace, ThreadPool& pool,
                  const ScoreRow* rows, size_t n);

void output_states(const Weights& weights, Workspace& workspace, ThreadPool& pool,
                   const StateRow* rows, size_t n);

} // namespace bitnet
