// Stored rows of one type as stored rows of another.
//
// Into a ternary type three rules give the scales. Exact: the weights are codes times scales already,
// and neither changes. Absmean (BitNet b1.58): the scale is the mean absolute value of the weights
// that share it, and a weight is rounded to the nearest of -scale, 0, +scale, of two to 0. Given: the
// caller has them (`group_sizes`), and says which weights are 0.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "../common/abort.h"
#include "../common/thread_pool.h"
#include "findings.h"
#include "tensor_rows.h"

namespace bitnet {

enum class ScaleRule { kExact, kAbsmean, kGiven };

/** Columns of a row that have one scale in every type. */
constexpr size_t kSizeGroup = 64;

/** Groups of a row of `cols` columns, the last of which may be shorter. */
inline size_t size_groups(size_t cols) {
  return (cols + kSizeGroup - 1) / kSizeGroup;
}

struct TargetType {
  const TernaryFormat* ternary; // null: dense
  DenseType dense;
  ScaleRule rule;
  float scale; // of types with one scale for a tensor
  // Of given scales: [rows, size_groups(cols)], those that share one in the target being equal.
  const float* given;
  float zero_limit; // weights up to this size are 0
};

/** What a conversion needs besides the tensor. */
struct QuantizeContext {
  const DenseKernel& kernel;
  ThreadPool& pool;
  const Abort& abort;
};

/**
 * Rows [row, row + count) as the target stores them, followed, at the end of a tensor with one
 * scale, by that scale and 28 zeros; `*findings` collects what was found meanwhile. The bytes mean
 * nothing where that is more than a rounded scale. Slices begin at multiples of `row_step`.
 */
Status encode_rows(const StoredTensor& tensor, size_t row, size_t count, const TargetType& target,
                   const QuantizeContext& context, uint8_t* out, uint32_t* findings);

/** Bytes that `encode_rows` writes. */
uint64_t encoded_bytes(const StoredTensor& tensor, size_t row, size_t count,
                       const TargetType& target);

/** Rows that can only be encoded together, because blocks straddle them. */
size_t row_step(const StoredTensor& tensor);

/** The only scale the tensor can have if it has one: that of the first weight that is not 0. */
Status first_scale(const StoredTensor& tensor, const QuantizeContext& context, float* scale);

/**
 * Of each group of a dense tensor the one size that all weights but zeros have, 0 where all are zeros,
 * and -1 where there are several: [rows, size_groups(cols)].
 */
Status group_sizes(const StoredTensor& tensor, const QuantizeContext& context, float* out);

/**
 * Σ |x| of each row of a dense tensor: [rows]. Terms are added in order, of 16-bit types those with odd
 * indices by themselves, so that neither sum waits for the other.
 */
Status row_sums(const StoredTensor& tensor, const QuantizeContext& context, double* out);

/** How far a dense tensor is from ternary weights. */
struct TernaryDistance {
  bool exact;      // it has them: one pass fewer, and the distance is 0
  float absmean;   // the scale of all weights by absmean
  double distance; // |w - scale t| / |w| by absmean, Euclidean norms
};

/** @param group columns that share a scale; 0: the whole tensor */
Status measure_ternary(const StoredTensor& tensor, size_t group, const QuantizeContext& context,
                       TernaryDistance* out);

} // namespace bitnet
