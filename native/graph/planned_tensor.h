// How a tensor is held in memory: decided by the plan of a load, read by whoever asks what it takes.
#pragma once
#include <stdint.h>

#include "../kernels/kernels.h"

namespace bitnet {

/** How a tensor is held once it is loaded. */
enum class TensorLayout : uint32_t {
  kF32,        // a vector
  kTiles,      // a ternary matrix
  kGroups,     // the same with a scale for every group of columns: where scales inside a row differ
  kNeuronRows, // a ternary `up` of which single rows can be skipped
  kNeuronColumns, // a ternary `down` of which single columns can be skipped
  kDense,         // as stored, rows padded
  kQ4_0,          // a ternary type that dense products and tables use
  kFile,          // rows stay in the file
  kPrefilter,     // of a head: rows stay in the file, an int8 copy of them is in memory
};

/** How the tensor in the same place of ModelSpec::tensors is held. */
struct PlannedTensor {
  TensorLayout layout;
  const TernaryKernel* tiles; // of every ternary matrix, also in case its scales are of groups
  /** In memory. Only reading a tensor tells its scales and levels: load_weights corrects these. */
  uint64_t bytes;
};

} // namespace bitnet
