// Ternary product at 1.6 bits per weight in plain C++: the telescoping sums of base3_layout.h, one
// lane at a time.
#include "ternary.h"

#include "base3_layout.h"

namespace bitnet {
namespace {

/**
 * Five rows (one lane) of a tile times one token over at most kBase3Chunk columns, added to
 * out[16 f].
 */
void lane_times_token(const uint8_t* lane, size_t cols, const int8_t* q, int32_t* out) {
  uint32_t sum[kBase3Fields + 1] = {}; // modulo 2^32
  for (size_t k = 0; k < cols; k++) {
    uint32_t digit = lane[k / 4 * kBase3Group + k % 4];
    for (uint32_t& s : sum) {
      s += digit * static_cast<uint32_t>(q[k]);
      digit = 3 * digit & 255;
    }
  }
  for (size_t f = 0; f < kBase3Fields; f++)
    out[f * kBase3Lanes] += static_cast<int32_t>(3 * sum[f] - sum[f + 1]) / 256;
}

void product(const TernaryProduct& p, size_t row_begin, size_t row_end) {
  for (size_t row = row_begin; row < row_end; row += kBase3Rows) {
    const uint8_t* tile = p.packed + row / kBase3Rows * base3_tile_bytes(p.cols);
    for (size_t i = 0; i < p.n; i++) {
      int32_t* out = p.out + i * p.out_stride + (row - row_begin);
      for (size_t r = 0; r < kBase3Rows; r++)
        out[r] = -p.q_sum[i];
      for (size_t k = 0; k < p.cols; k += kBase3Chunk) {
        const size_t cols = p.cols - k < kBase3Chunk ? p.cols - k : kBase3Chunk;
        for (size_t lane = 0; lane < kBase3Lanes; lane++)
          lane_times_token(tile + base3_tile_bytes(k) + lane * 4, cols, p.q + i * p.q_stride + k,
                           out + lane);
      }
    }
  }
}

size_t no_scratch(size_t) {
  return 0;
}

} // namespace

extern const TernaryKernel kBase3Scalar;
const TernaryKernel kBase3Scalar = {
    .family = "base3",
    .isa = "scalar",
    .features = 0,
    .tile_rows = kBase3Rows,
    .tile_cols = kBase3Cols,
    .tile_bytes = base3_tile_bytes,
    .pack_tile = base3_pack_tile,
    .unpack_tile = base3_unpack_tile,
    .scratch_bytes = no_scratch,
    .product = product,
};

} // namespace bitnet
