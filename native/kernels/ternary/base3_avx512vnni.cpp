// Ternary product at 1.6 bits per weight with VPDPBUSD on 512-bit registers: 80 rows x 4 columns
// per load.
#include "ternary.h"

#include "../cpu_features.h"
#include "base3_panel_avx512.h"

namespace bitnet {
namespace {

void product(const TernaryProduct& p, size_t row_begin, size_t row_end) {
  for (size_t row = row_begin; row < row_end; row += kBase3Rows) {
    int32_t* out = p.out + (row - row_begin);
    start_sums(p.q_sum, p.n, kBase3Rows, out, p.out_stride);
    add_tile(p.packed + row / kBase3Rows * base3_tile_bytes(p.cols), p.cols,
             {p.q, p.q_stride, out, p.out_stride}, p.n, p.scratch);
  }
}

size_t scratch_bytes(size_t) {
  return kBase3Scratch;
}

} // namespace

extern const TernaryKernel kBase3Avx512Vnni;
const TernaryKernel kBase3Avx512Vnni = {
    "base3",         "avx512vnni",      kCpuAvx2 | kCpuAvx512 | kCpuAvx512Vnni,
    kBase3Rows,      kBase3Cols,        base3_tile_bytes,
    base3_pack_tile, base3_unpack_tile, scratch_bytes,
    product,
};

} // namespace bitnet
