// Ternary product at 1.6 bits per weight with VPDPBUSD on 256-bit registers.
#include "ternary.h"

#include "../cpu_features.h"
#include "base3_panel_avxvnni.h"

namespace bitnet {
namespace {

// Columns that several pairs pass before the next: 8 kB stay in the L1 cache.
constexpr size_t kPairPiece = 512;

void tile_times_pairs(const uint8_t* tile, const TernaryProduct& p, int32_t* out) {
  const size_t piece = p.n == 1 ? kBase3Chunk : kPairPiece;
  for (size_t k = 0; k < p.cols; k += piece) {
    const size_t cols = p.cols - k < piece ? p.cols - k : piece;
    const Ahead ahead = {tile + base3_tile_bytes(k + cols), kBase3Group / 2};
    piece_times_pairs(tile + base3_tile_bytes(k), k, cols, p, ahead, out);
  }
}

void tile_times_many(const uint8_t* tile, const TernaryProduct& p, int32_t* out) {
  for (size_t k = 0; k < p.cols; k += kPiece) {
    const size_t cols = p.cols - k < kPiece ? p.cols - k : kPiece;
    const Ahead ahead = {tile + base3_tile_bytes(k + cols), kBase3Group / 4};
    piece_times_many(tile + base3_tile_bytes(k), k, cols, p, ahead, out);
  }
}

void product(const TernaryProduct& p, size_t row_begin, size_t row_end) {
  for (size_t row = row_begin; row < row_end; row += kBase3Rows) {
    const uint8_t* tile = p.packed + row / kBase3Rows * base3_tile_bytes(p.cols);
    int32_t* out = p.out + (row - row_begin);
    start_rows(p, kBase3Rows, out);
    if (p.n < kUnpackFrom)
      tile_times_pairs(tile, p, out);
    else
      tile_times_many(tile, p, out);
  }
}

size_t scratch_bytes(size_t) {
  return kBase3Scratch;
}

} // namespace

extern const TernaryKernel kBase3AvxVnni;
const TernaryKernel kBase3AvxVnni = {
    .family = "base3",
    .isa = "avxvnni",
    .features = kCpuAvx2 | kCpuAvxVnni,
    .tile_rows = kBase3Rows,
    .tile_cols = kBase3Cols,
    .tile_bytes = base3_tile_bytes,
    .pack_tile = base3_pack_tile,
    .unpack_tile = base3_unpack_tile,
    .scratch_bytes = scratch_bytes,
    .product = product,
};

} // namespace bitnet
