// Stored rows of one type as stored rows of another.
//
// Into a ternary type two rules give the scales. Exact: the weights are codes times scales already,
// and neither changes. Absmean (BitNet b1.58): the scale is the mean absolute value of the weights
// that share it, and a weight is rounded to the nearest of -scale, 0, +scale, of two to 0.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "../common/abort.h"
#include "../common/thread_pool.h"
#include "findings.h"
#include "tensor_rows.h"

namespace bitnet {

enum class ScaleRule { kExact, kAbsmean };

struct TargetType {
  const TernaryFormat* ternary; // null: dense
  DenseType dense;
  ScaleRule rule;
  float scale; // of types with one scale for a tensor
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
