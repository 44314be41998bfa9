// Ternary product with SDOT on 128-bit registers, two bits per weight: layout and loops are in
// mad2_sdot.h.
#include "../cpu_features.h"
#include "mad2_sdot.h"

namespace bitnet {
namespace {

// Instructions for 64 weights and a token: 4 SDOT + 3/4 AND in panels of four, or 4 SDOT + 14/n of
// unpacking.
constexpr size_t kUnpackFrom = 21;

void product(const TernaryProduct& p, size_t row_begin, size_t row_end) {
  for (size_t row = row_begin; row < row_end; row += kMad2Rows) {
    const uint8_t* tile = p.packed + row / kMad2Rows * mad2_tile_bytes(p.cols);
    int32_t* out = p.out + (row - row_begin);
    if (p.n < kUnpackFrom)
      mad2_tile_times_few(tile, p, out);
    else
      tile_times_many<4, mad2_trits>(tile, p, out);
  }
}

} // namespace

extern const TernaryKernel kMad2NeonDot;
const TernaryKernel kMad2NeonDot = {
    .family = "mad2",
    .isa = "neondot",
    .features = kCpuNeon | kCpuNeonDot,
    .tile_rows = kMad2Rows,
    .tile_cols = kMad2Cols,
    .tile_bytes = mad2_tile_bytes,
    .pack_tile = mad2_pack_flipped,
    .unpack_tile = mad2_unpack_flipped,
    .scratch_bytes = sdot_scratch_bytes<4>,
    .product = product,
};

} // namespace bitnet
