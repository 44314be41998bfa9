// Dense products on 128-bit registers.
#include "dense.h"

#include "../cpu_features.h"
#include "../lanes/lanes_neon.h"

#include "dense_types_neon.h"

#include "dense_generic.h"

namespace bitnet {

extern const DenseKernel kDenseNeon;
constinit const DenseKernel kDenseNeon = kernel_for("neon", kCpuNeon);

} // namespace bitnet
