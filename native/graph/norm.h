// The norms of a row, as the graph has them.
#pragma once
#include <stddef.h>

#include <vector>

#include "weights.h"

namespace bitnet {

/** y = norm(x) * w, for rows as long as `w`: RMSNorm, or LayerNorm where the graph has that. */
void norm_row(const Weights& weights, const float* x, const std::vector<float>& w, float* y);

/**
 * y = (x - mean) / sqrt(variance + eps) * w: one definition in plain arithmetic for every CPU.
 * Mean and variance are sums in double, in order; each result is rounded before `w` multiplies it.
 */
void layer_norm(const float* x, const float* w, size_t count, float eps, float* y);

} // namespace bitnet
