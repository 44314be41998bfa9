// Vector operations on 128-bit registers.
#include "vector.h"

#include "../cpu_features.h"
#include "../lanes/lanes_neon.h"

#include "vector_generic.h"

namespace bitnet {

extern const VectorKernel kVectorNeon;
constinit const VectorKernel kVectorNeon = kernel_for("neon", kCpuNeon);

} // namespace bitnet
