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
  // Of the output of a recurrent layer, whose value heads a folded matrix may want in the order
  // [key head, value head of it] and not, as they are, the other way round. 0: as they are.
  size_t key_heads = 0;
  size_t head_dim = 0;

  /** y = x in the order of the matrix. */
  void order(const float* x, float* y) const;
  /** Rotates x in place. */
  void apply(const VectorKernel& vector, float* x) const;
  /** x = s ⊙ H(x), which undoes it. */
  void undo(const VectorKernel& vector, float* x) const;
};

/** The rotation of what enters a tensor. */
Rotation rotation_of(const ModelSpec& spec, const TensorSpec& tensor);

} // namespace bitnet
