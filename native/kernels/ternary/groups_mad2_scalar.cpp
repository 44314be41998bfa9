// Ternary product with group scales in plain C++: the specification of every group kernel, its
// oracle, and the fallback.
#include "ternary.h"

#include "groups_scalar.h"
#include "mad2_layout.h"

namespace bitnet {
namespace {

/** The codes of column k of a group's 64 rows. */
void column_codes(const uint8_t* bytes, size_t k, uint8_t* codes) {
  bytes += k / 4 * kMad2Group + k % 4;
  for (size_t row = 0; row < kMad2Rows; row++)
    codes[row] = bytes[row % kMad2Lanes * 4] >> 2 * (row / kMad2Lanes) & 3;
}

} // namespace

extern const GroupKernel kGroupsMad2Scalar;
const GroupKernel kGroupsMad2Scalar = {
    .family = "mad2",
    .isa = "scalar",
    .features = 0,
    .tile_rows = kMad2Rows,
    .tile_bytes = groups_tile_bytes<kMad2Rows>,
    .pack_tile = pack_groups<kMad2Rows, mad2_pack_tile>,
    .scratch_bytes = 0,
    .product = multiply_groups<kMad2Rows, column_codes>,
};

} // namespace bitnet
