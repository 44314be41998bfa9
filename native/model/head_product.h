// Exact products of the head, for head.cpp and best.cpp.
#pragma once
#include <vector>

#include "head.h"

namespace bitnet {

/**
 * Vectors whose logits, or bounds of them, are in memory together: 32, or fewer where these would
 * be more than 128 MiB.
 */
size_t head_vectors(size_t vocab);

/** RMSNorm of row `row` of the residual stream into row `i` of ws.h. */
void normalise_row(const Weights& weights, Workspace& ws, size_t row, size_t i);

/**
 * Rows [begin, end) of the head times vectors [vector, vector + n) of ws.h; out: [n, out_stride]
 * from row `begin` on. Uses scratch.kernel.
 */
Status head_rows(const Weights& weights, const Workspace& ws, size_t begin, size_t end,
                 size_t vector, size_t n, ThreadScratch& scratch, float* out, size_t out_stride);

/** kNumeric, that logits are not numbers. */
Status not_numbers();

/** Whether each may be a logit: a number, or minus infinity. */
bool all_logits(const float* values, size_t count);

/** log Σ exp(logits), in double and in order of the ids, so that it does not depend on threads. */
double log_sum_exp(const float* logits, size_t count);

/** The first failure among threads. */
Status first_failure(std::vector<Status>& statuses);

} // namespace bitnet
