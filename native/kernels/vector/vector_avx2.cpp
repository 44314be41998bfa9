// Vector operations on 256-bit registers.
#include "vector.h"

#include "../cpu_features.h"
#include "../lanes/lanes_avx2.h"

#include "vector_generic.h"

namespace bitnet {

extern const VectorKernel kVectorAvx2;
constinit const VectorKernel kVectorAvx2 = kernel_for("avx2", kCpuAvx2);

} // namespace bitnet
