// The output head: all logits of some tokens, or exactly the best few of one.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <vector>

#include "../common/thread_pool.h"
#include "weights.h"
#include "workspace.h"

namespace bitnet {

/** A logit and its id. */
struct Candidate {
  float logit;
  int32_t id;

  /** Best first: the higher logit, then the lower id. NaN comes before every number, so that
   * damaged weights are seen and not sampled around. */
  bool operator<(const Candidate& other) const;
};

/**
 * logits[i] = head · RMSNorm(workspace.x[rows[i]]) for `n` rows of the residual stream; logits: [n,
 * vocab].
 */
Status output_logits(const Weights& weights, Workspace& workspace, ThreadPool& pool,
                     const size_t* rows, size_t n, float* logits);

/**
 * The `k` best logits of one row of the residual stream, best first, and those of `also`; bit-equal
 * to what output_logits gives. Where the head has a shadow, only rows that the bounds cannot rule
 * out are read.
 */
Status best_logits(const Weights& weights, Workspace& workspace, ThreadPool& pool, size_t row,
                   size_t k, const int32_t* also, size_t also_count, std::vector<Candidate>* best,
                   float* also_logits);

} // namespace bitnet
