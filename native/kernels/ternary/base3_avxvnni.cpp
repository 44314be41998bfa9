// Ternary product at 1.6 bits per weight with VPDPBUSD on 256-bit registers.
#include "ternary.h"

#include "../cpu_features.h"
#include "base3_panel_avxvnni.h"

namespace bitnet {
namespace {

void product(const TernaryProduct& p, size_t row_begin, size_t row_end) {
  for (size_t row = row_begin; row < row_end; row += kBase3Rows) {
    const uint8_t* tile = p.packed + row / kBase3Rows * base3_tile_bytes(p.cols);
    int32_t* out = p.out + (row - row_begin);
    start_rows(p, kBase3Rows, out);
    add_tile(tile, p, out);
  }
}

size_t scratch_bytes(size_t) {
  return kBase3Scratch;
}

} // namespace

extern const TernaryKernel kBase3AvxVnni;
const TernaryKernel kBase3AvxVnni = {
    "base3",          "avxvnni",       kCpuAvx2 | kCpuAvxVnni, kBase3Rows,    kBase3Cols,
    base3_tile_bytes, base3_pack_tile, base3_unpack_tile,      scratch_bytes, product,
};

} // namespace bitnet
