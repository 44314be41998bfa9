// Ternary product with group scales with SDOT on 128-bit registers.
#include "ternary.h"

#include "../cpu_features.h"
#include "groups_neon.h"

namespace bitnet {
namespace {

struct Sum {
  int32x4_t sum;

  void clear() { sum = vdupq_n_s32(0); }
  void add(int8x16_t w, int8x16_t a) { sum = vdotq_s32(sum, w, a); }
  int32x4_t lanes() const { return sum; }
};

} // namespace

extern const GroupKernel kGroupsMad2NeonDot;
const GroupKernel kGroupsMad2NeonDot = {
    .family = "mad2",
    .isa = "neondot",
    .features = kCpuNeon | kCpuNeonDot,
    .tile_rows = kMad2Rows,
    .tile_bytes = groups_tile_bytes<kMad2Rows>,
    .pack_tile = pack_groups<kMad2Rows, mad2_pack_tile>,
    .scratch_bytes = 0,
    .product = multiply_groups<Sum, 4>,
};

} // namespace bitnet
