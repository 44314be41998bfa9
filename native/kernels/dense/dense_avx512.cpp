// Dense products on 512-bit registers.
#include "dense.h"

#include "../cpu_features.h"
#include "../lanes/lanes_avx512.h"

#include "dense_types_avx512.h"

#include "dense_generic.h"

namespace bitnet {

extern const DenseKernel kDenseAvx512;
constinit const DenseKernel kDenseAvx512 = kernel_for("avx512", kCpuAvx2 | kCpuAvx512);

} // namespace bitnet
