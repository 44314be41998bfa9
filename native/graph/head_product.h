// Products of the head, for head.cpp, best.cpp and head_scratch.cpp.
#pragma once
#include "head.h"

namespace bitnet {

/** Rows of the head that one thread takes at a time: of a full product, … */
constexpr size_t kFullRows = 128;
/** … of the prefilter, … */
constexpr size_t kPrefilterRows = 512;
/** … and of those that the prefilter leaves. */
constexpr size_t kExactRows = 8;

/**
 * Above this fraction of the rows the bounds rule out too little: reading all rows in order is
 * faster.
 */
constexpr size_t kMostCandidates = 16; // 1/16

/** Whether only the rows that bounds cannot rule out may answer `row`. */
bool may_prefilter(const Weights& weights, const BestRow& row);

/**
 * Vectors whose logits, or bounds of them, are in memory together: 32, or fewer where these would
 * be more than 128 MiB.
 */
size_t head_vectors(size_t vocab_size);

/** Norm of row `row` of the residual stream, / logit_scale, into row `i` of ws.h. */
void normalize_row(const Weights& weights, Workspace& ws, size_t row, size_t i);

/**
 * Rows of the head times `n` vectors of ws.h from `vector` on; out: [n, rows]. Uses
 * scratch.kernel.
 */
Status head_rows(const Weights& weights, const Workspace& ws, RowRange rows, size_t vector,
                 size_t n, ThreadScratch& scratch, Mat out);

Status output_logits(const Weights& weights, Workspace& ws, ThreadPool& pool, const LogitsRow* rows,
                     size_t n);

Status best_logits(const Weights& weights, Workspace& ws, ThreadPool& pool, const BestRow* rows,
                   size_t n);

/** Where the logits, or their upper bounds, of the `i`-th vector of a group go. */
float* logits_row(Workspace& ws, size_t i);

/** kNumeric, that logits are not numbers. */
Status not_numbers();

/** Whether each may be a logit: a number, or minus infinity. */
bool all_logits(const float* values, size_t count);

/** log Σ exp(logits), in double and in order of the ids, so that it does not depend on threads. */
double log_sum_exp(const float* logits, size_t count);

/** Forgets what failed before in any thread. */
void clear_failures(Workspace& ws);
/** The first failure among threads. */
Status first_failure(Workspace& ws);

} // namespace bitnet
