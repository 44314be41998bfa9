// An int8 copy of the output head, which bounds every logit and so tells which rows can be the
// best.
#pragma once
#include <vector>

#include "../common/thread_pool.h"
#include "../kernels/prefilter/prefilter.h"
#include "row_table.h"

namespace bitnet {

/**
 * Row r of the head is w = scale[r] * q + e with int8 q and |e| <= error[r] (Euclidean norms,
 * rounded up).
 */
struct HeadCopy {
  const PrefilterKernel* kernel = nullptr;
  size_t padded_cols = 0;
  AlignedBuffer packed;
  std::vector<float> scale; // [rows padded to tiles]
  std::vector<float> error; // [rows padded to tiles]
  std::vector<float> norm;  // |scale * q|, rounded up

  bool empty() const { return packed.size() == 0; }
  uint64_t bytes() const { return packed.size() + 3 * scale.size() * sizeof(float); }
};

/** What HeadCopy::bytes() will be for a head of that shape. */
uint64_t head_copy_bytes(const PrefilterKernel& kernel, size_t rows, size_t cols);

/**
 * Reads every row of `table` once. A row that is not finite gets an infinite error: it is always a
 * candidate.
 */
Status build_head_copy(const RowTable& table, const PrefilterKernel& kernel, ThreadPool& pool,
                       HeadCopy* out);

/**
 * A vector as the prefilter sees it, and what that costs: for every row,
 *
 *   |computed f32 dot(w, x) - approximation| <= error * error_factor + norm * norm_factor
 */
struct PrefilterVector {
  int32_t high_sum, low_sum;
  float step;
  float error_factor;
  float norm_factor;
};

/** Also writes the planes, [padded_cols] each. False when x is not finite. */
bool prefilter_vector(const float* x, size_t cols, size_t padded_cols, int8_t* high_plane,
                      int8_t* low_plane, PrefilterVector* out);

} // namespace bitnet
