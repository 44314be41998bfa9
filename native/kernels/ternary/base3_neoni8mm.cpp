// Ternary product with SMMLA for batches and SDOT for few tokens, 1.6 bits per weight: see
// trits_smmla.h, base3_sdot.h. USDOT would save nothing: the layout's bytes are signed already.
#include "../cpu_features.h"
#include "base3_sdot.h"
#include "trits_smmla.h"

namespace bitnet {
namespace {

// Instructions for 80 weights and a token: 6 SDOT + 5/4 MUL in panels of four, or
// 2 1/2 SMMLA + 26/n of unpacking.
constexpr size_t kUnpackFrom = 6;

void product(const TernaryProduct& p, size_t row_begin, size_t row_end) {
  for (size_t row = row_begin; row < row_end; row += kBase3Rows) {
    const uint8_t* tile = p.packed + row / kBase3Rows * base3_tile_bytes(p.cols);
    int32_t* out = p.out + (row - row_begin);
    if (p.n < kUnpackFrom)
      base3_tile_times_few(tile, p, out);
    else
      tile_times_pairs<5, base3_trits>(tile, p, out);
  }
}

} // namespace

extern const TernaryKernel kBase3NeonI8mm;
const TernaryKernel kBase3NeonI8mm = {
    .family = "base3",
    .isa = "neoni8mm",
    .features = kCpuNeon | kCpuNeonDot | kCpuNeonI8mm,
    .tile_rows = kBase3Rows,
    .tile_cols = kBase3Cols,
    .tile_bytes = base3_tile_bytes,
    .pack_tile = base3_pack_flipped,
    .unpack_tile = base3_unpack_flipped,
    .scratch_bytes = smmla_scratch_bytes<5>,
    .product = product,
};

} // namespace bitnet
