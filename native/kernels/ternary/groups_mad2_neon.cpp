// Ternary product with group scales with SMLAL, for ARM CPUs without SDOT; overflow-proof in int16.
#include "ternary.h"

#include "../cpu_features.h"
#include "groups_neon.h"
#include "smlal.h"

namespace bitnet {
namespace {

/** 16 products of at most 254 are added to an int16. */
struct Sum {
  Pair pair;

  void clear() { pair = {vdupq_n_s16(0), vdupq_n_s16(0)}; }
  void add(int8x16_t w, int8x16_t a) { multiply_add(pair, w, a); }
  int32x4_t lanes() const { return widen(pair); }
};

} // namespace

extern const GroupKernel kGroupsMad2Neon;
const GroupKernel kGroupsMad2Neon = {
    .family = "mad2",
    .isa = "neon",
    .features = kCpuNeon,
    .tile_rows = kMad2Rows,
    .tile_bytes = groups_tile_bytes<kMad2Rows>,
    .pack_tile = pack_groups<kMad2Rows, mad2_pack_tile>,
    .scratch_bytes = 0,
    .product = multiply_groups<Sum, 2>,
};

} // namespace bitnet
