// Vector operations on 512-bit registers.
#include "vector.h"

#include "../cpu_features.h"
#include "../lanes/lanes_avx512.h"

#include "vector_generic.h"

namespace bitnet {

extern const VectorKernel kVectorAvx512;
constinit const VectorKernel kVectorAvx512 = kernel_for("avx512", kCpuAvx2 | kCpuAvx512);

} // namespace bitnet
