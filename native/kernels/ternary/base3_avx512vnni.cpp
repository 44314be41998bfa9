// Ternary product at 1.6 bits per weight with VPDPBUSD on 512-bit registers: 80 rows x 4 columns
// per load.
#include "ternary.h"

#include "../cpu_features.h"
#include "base3_panel_avx512.h"

namespace bitnet {
namespace {

void product(const TernaryProduct& p, size_t row_begin, size_t row_end) {
  for (size_t row = row_begin; row < row_end; row += kBase3Rows) {
    const uint8_t* tile = p.packed + row / kBase3Rows * base3_tile_bytes(p.cols);
    const Panel all = {p.q, p.q_stride, p.out + (row - row_begin), p.out_stride};
    if (p.n >= kUnpackFrom) {
      multiply_tile(tile, p.cols, {all, p.q_sum, kBase3Rows, false}, p.n, p.scratch);
    } else {
      start_sums(p.q_sum, p.n, kBase3Rows, all.out, p.out_stride);
      telescope_wide(tile, p.cols, all, p.n);
    }
  }
}

size_t scratch_bytes(size_t) {
  return kBase3Scratch;
}

} // namespace

extern const TernaryKernel kBase3Avx512Vnni;
const TernaryKernel kBase3Avx512Vnni = {
    .family = "base3",
    .isa = "avx512vnni",
    .features = kCpuAvx2 | kCpuAvx512 | kCpuAvx512Vnni,
    .tile_rows = kBase3Rows,
    .tile_cols = kBase3Cols,
    .tile_bytes = base3_tile_bytes,
    .pack_tile = base3_pack_tile,
    .unpack_tile = base3_unpack_tile,
    .scratch_bytes = scratch_bytes,
    .product = product,
};

} // namespace bitnet
