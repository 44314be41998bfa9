// Ternary product with group scales at 1.6 bits a code in plain C++.
#include "ternary.h"

#include "base3_layout.h"
#include "groups_scalar.h"

namespace bitnet {
namespace {

/** The codes of column k of a group's 80 rows. */
void column_codes(const uint8_t* bytes, size_t k, uint8_t* codes) {
  bytes += k / 4 * kBase3Group + k % 4;
  for (size_t lane = 0; lane < kBase3Lanes; lane++) {
    unsigned q = bytes[lane * 4];
    for (size_t f = 0; f < kBase3Fields; f++, q = 3 * q & 255)
      codes[f * kBase3Lanes + lane] = static_cast<uint8_t>(3 * q >> 8);
  }
}

} // namespace

extern const GroupKernel kGroupsBase3Scalar;
const GroupKernel kGroupsBase3Scalar = {
    .family = "base3",
    .isa = "scalar",
    .features = 0,
    .tile_rows = kBase3Rows,
    .tile_bytes = groups_tile_bytes<kBase3Rows>,
    .pack_tile = pack_groups<kBase3Rows, base3_pack_tile>,
    .scratch_bytes = 0,
    .product = multiply_groups<kBase3Rows, column_codes>,
};

} // namespace bitnet
