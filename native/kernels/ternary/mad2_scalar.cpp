// Ternary product in plain C++: the specification of every ternary kernel, its oracle, and the
// fallback.
#include "ternary.h"

#include "mad2_layout.h"

namespace bitnet {
namespace {

/** out[0..63] = rows of one tile times one token. Sums are modulo 2^32, as in every kernel. */
void tile_times_token(const uint8_t* tile, size_t cols, const int8_t* q, int32_t q_sum,
                      int32_t* out) {
  uint32_t sum[kMad2Rows] = {}; // Σ c * q
  for (size_t k = 0; k < cols; k++) {
    const uint8_t* bytes = tile + k / 4 * kMad2Group + k % 4;
    const uint32_t a = static_cast<uint32_t>(static_cast<int32_t>(q[k]));
    for (size_t lane = 0; lane < kMad2Lanes; lane++) {
      const uint32_t b = bytes[lane * 4];
      for (size_t field = 0; field < 4; field++)
        sum[field * kMad2Lanes + lane] += (b >> 2 * field & 3) * a;
    }
  }
  for (size_t row = 0; row < kMad2Rows; row++)
    out[row] = static_cast<int32_t>(sum[row] - static_cast<uint32_t>(q_sum));
}

void product(const TernaryProduct& p, size_t row_begin, size_t row_end) {
  for (size_t row = row_begin; row < row_end; row += kMad2Rows) {
    const uint8_t* tile = p.packed + row / kMad2Rows * mad2_tile_bytes(p.cols);
    for (size_t i = 0; i < p.n; i++)
      tile_times_token(tile, p.cols, p.q + i * p.q_stride, p.q_sum[i],
                       p.out + i * p.out_stride + (row - row_begin));
  }
}

} // namespace

extern const TernaryKernel kMad2Scalar;
const TernaryKernel kMad2Scalar = {
    .family = "mad2",
    .isa = "scalar",
    .features = 0,
    .tile_rows = kMad2Rows,
    .tile_cols = kMad2Cols,
    .tile_bytes = mad2_tile_bytes,
    .pack_tile = mad2_pack_tile,
    .unpack_tile = mad2_unpack_tile,
    .scratch_bytes = mad2_no_scratch,
    .product = product,
};

} // namespace bitnet
