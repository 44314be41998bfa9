// The plan of a load: how each tensor of a model will be held, with which kernel, in how many bytes.
#pragma once
#include <stdint.h>

#include <string>
#include <vector>

#include "../common/status.h"
#include "../graph/planned_tensor.h"
#include "../graph/spec.h"
#include "../kernels/kernels.h"

namespace bitnet {

/** As inspect prints it. */
const char* name_of(TensorLayout layout);

/** Heads in floats from this many bytes on are worth an int8 copy. */
constexpr uint64_t kPrefilterFrom = uint64_t{32} << 20;

/** Inputs of a plan besides model and kernels: what the user asked for, and what was measured. */
struct LoadChoices {
  struct ShapeKernel {
    uint64_t rows;
    uint64_t cols;
    const TernaryKernel* kernel;
  };
  std::vector<ShapeKernel> by_shape; // instead of the model's ternary kernel
  std::vector<int32_t> skip_layers;  // [n_layer] 1 to skip inactive neurons; empty: all
  uint64_t prefilter_from =
      kPrefilterFrom; // bytes of the smallest head in floats that is prefiltered
};

struct LoadPlan {
  KernelSet kernels;
  std::vector<PlannedTensor> tensors;
};

/**
 * The plan for a model: a pure function, so that whoever wants to know what a load does may ask for
 * it. kModel or kType for a tensor that the graph or this version cannot use.
 */
Status plan_load(const ModelSpec& spec, const KernelSet& kernels, const LoadChoices& choices,
                 LoadPlan* out);

/** The kernel that computes with a tensor held so; empty for vectors. */
std::string kernel_of(const PlannedTensor& planned, const KernelSet& kernels);

} // namespace bitnet
