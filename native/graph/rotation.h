// Walsh-Hadamard rotations of what enters a layer (PrismML's Bonsai-2): weights that were folded with
// one stay ternary, and an input without outliers loses less when it is rounded.
#pragma once
#include <stddef.h>

#include <vector>

#include "../kernels/vector/vector.h"
#include "spec.h"

namespace bitnet {

/**
 * y = H(s ⊙ x), with a transform H of each `block` values and signs s. A matrix was folded with the
 * same, so that its product with y is that of the true one with x.
 */
struct Rotation {
  size_t width = 0;
  size_t block = 0;
  std::vector<float> signs; // [width] ±1, or empty: all 1

  /** Rotates x in place. */
  void apply(const VectorKernel& vector, float* x) const;
  /** x = s ⊙ H(x), which undoes it. */
  void undo(const VectorKernel& vector, float* x) const;
};

/** The rotation of inputs of `width` values. */
Rotation rotation_of(const ModelSpec& spec, size_t width);

} // namespace bitnet
