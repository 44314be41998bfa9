// Dense products on 256-bit registers.
#include "dense.h"

#include "../cpu_features.h"
#include "../lanes/lanes_avx2.h"

#include "dense_types_avx2.h"

#include "dense_generic.h"

namespace bitnet {

extern const DenseKernel kDenseAvx2;
constinit const DenseKernel kDenseAvx2 = kernel_for("avx2", kCpuAvx2);

} // namespace bitnet
