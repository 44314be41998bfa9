// How a ternary matrix lies in memory, once it is known which kernel has packed it.
#pragma once
#include <stddef.h>

#include "../graph/linear.h"
#include "../graph/planned_tensor.h"
#include "../graph/spec.h"

namespace bitnet {

struct PackedLayout {
  Linear::Layout layout; // groups: with the factor 1
  size_t bytes = 0;
};

PackedLayout in_tiles(const TernaryKernel& kernel, size_t rows, size_t cols);
PackedLayout in_groups(const GroupKernel& kernel, size_t rows, size_t cols, size_t group);
PackedLayout by_neuron(const NeuronKernel& kernel, TensorLayout layout, size_t rows, size_t cols);
PackedLayout in_q4_0(const DenseKernel& kernel, size_t rows, size_t cols);

/**
 * One of these for a matrix of `tensor`; false where it cannot be held so.
 * @param tiles as PlannedTensor::tiles
 */
bool packed_layout(const TensorSpec& tensor, TensorLayout layout, const TernaryKernel* tiles,
                   const KernelSet& kernels, PackedLayout* out);

} // namespace bitnet
