// Ternary product with VPDPBUSD on 256-bit registers, for CPUs that have it without AVX-512.
#include "ternary.h"

#include "../cpu_features.h"
#include "mad2_layout.h"
#include "rows_avxvnni.h"

namespace bitnet {
namespace {

// Field 3 counts 64-fold, so |64 * 2 * 127 * columns| < 2^31 bounds the columns of one sum.
constexpr size_t kChunk = 131072;

// Columns that two or more tokens pass before the next: 8 kB of a tile stay in the L1 cache, where
// every pass but the first finds them.
constexpr size_t kPiece = 512;

// From this many tokens on, the 16 rows of one field are enough accumulators.
constexpr size_t kByField = 4;

/**
 * All lanes of a tile times one token <1, 2>, or 8 of its 16 lanes times two tokens <2, 1>: eight
 * accumulators either way. The fields of a byte b take three ANDs and four sums:
 *
 *   S  = Σ b * a
 *   S0 = Σ (b & 0x03) * a      field 0:  Σ c * a = S0
 *   S1 = Σ (b & 0x0c) * a      field 1:  Σ c * a = S1 / 4
 *   S2 = Σ (b & 0x30) * a      field 2:  Σ c * a = S2 / 16
 *                              field 3:  Σ c * a = (S - S0 - S1 - S2) / 64
 *
 * S may wrap: the difference is right modulo 2^32, and it fits. A pair fetches 8 * cols bytes from
 * `ahead`.
 */
template <int kTokens, int kHalves>
void tile_times_few(const uint8_t* tile, size_t cols, const uint8_t* ahead, const Panel& p) {
  const __m256i f0 = _mm256_set1_epi8(0x03), f1 = _mm256_set1_epi8(0x0c),
                f2 = _mm256_set1_epi8(0x30);
  const int8_t* q = p.q;
  const size_t q_stride = p.q_stride;
  Lanes sum[2][4]; // of a half, or of a token
  for (int j = 0; j < 2; j++)
    for (int f = 0; f < 4; f++)
      sum[j][f] = zero();
  for (size_t k = 0; k < cols; k += 4) {
    if (kTokens > 1)
      fetch(ahead + 8 * k);
    __m256i a[kTokens];
#pragma GCC unroll 2
    for (int i = 0; i < kTokens; i++)
      a[i] = broadcast4(q + i * q_stride + k);
#pragma GCC unroll 2
    for (int h = 0; h < kHalves; h++) {
      const __m256i w = load(tile + mad2_tile_bytes(k) + 32 * h);
      const __m256i fields[4] = {_mm256_and_si256(w, f0), _mm256_and_si256(w, f1),
                                 _mm256_and_si256(w, f2), w};
#pragma GCC unroll 4
      for (int f = 0; f < 4; f++)
#pragma GCC unroll 2
        for (int i = 0; i < kTokens; i++)
          sum[h + i][f] = dot(sum[h + i][f], fields[f], a[i]);
    }
  }
  for (int j = 0; j < 2; j++) {
    int32_t* out = p.out + (kTokens == 1 ? 8 * j : j * p.out_stride);
    __m256i s[4];
    for (int f = 0; f < 4; f++)
      s[f] = vector(sum[j][f]);
    const __m256i low = _mm256_add_epi32(_mm256_add_epi32(s[0], s[1]), s[2]);
    add_to(out, s[0]);
    add_to(out + 16, _mm256_srai_epi32(s[1], 2));
    add_to(out + 32, _mm256_srai_epi32(s[2], 4));
    add_to(out + 48, _mm256_srai_epi32(_mm256_sub_epi32(s[3], low), 6));
  }
}

/** One, two or three tokens: a pair, then a single one. */
void tile_times_pair(const uint8_t* tile, const TernaryProduct& p, int32_t* out) {
  const size_t piece = p.n == 1 ? kChunk : kPiece;
  for (size_t k = 0; k < p.cols; k += piece) {
    const size_t cols = p.cols - k < piece ? p.cols - k : piece;
    const uint8_t *bytes = tile + mad2_tile_bytes(k), *ahead = bytes + mad2_tile_bytes(cols);
    Panel panel = {p.q + k, p.q_stride, out, p.out_stride};
    if (p.n >= 2) {
      tile_times_few<2, 1>(bytes, cols, ahead, panel);
      panel.out += 8;
      tile_times_few<2, 1>(bytes + 32, cols, ahead + 8 * cols, panel);
    }
    if (p.n % 2 != 0) {
      panel.q += (p.n - 1) * p.q_stride;
      panel.out = out + (p.n - 1) * p.out_stride;
      tile_times_few<1, 2>(bytes, cols, ahead, panel);
    }
  }
}

/** Many tokens, one field of 16 rows at a time, straight from the packed bytes. */
void tile_times_many(const uint8_t* tile, const TernaryProduct& p, int32_t* out) {
  for (size_t k = 0; k < p.cols; k += kPiece) {
    const size_t cols = p.cols - k < kPiece ? p.cols - k : kPiece;
    const uint8_t* bytes = tile + mad2_tile_bytes(k);
    for_panels(p, k, out, [&](size_t tokens, Panel panel) {
      Ahead ahead = {bytes + mad2_tile_bytes(cols), 16};
      for (int f = 0; f < 4; f++, panel.out += kMad2Lanes, ahead = ahead.after(cols))
        rows16_times_panel({bytes, cols, static_cast<uint8_t>(3 << 2 * f), 2 * f, ahead}, tokens,
                           panel);
    });
  }
}

void product(const TernaryProduct& p, size_t row_begin, size_t row_end) {
  for (size_t row = row_begin; row < row_end; row += kMad2Rows) {
    const uint8_t* tile = p.packed + row / kMad2Rows * mad2_tile_bytes(p.cols);
    int32_t* out = p.out + (row - row_begin);
    start_rows(p, kMad2Rows, out);
    if (p.n < kByField)
      tile_times_pair(tile, p, out);
    else
      tile_times_many(tile, p, out);
  }
}

} // namespace

extern const TernaryKernel kMad2AvxVnni;
const TernaryKernel kMad2AvxVnni = {
    .family = "mad2",
    .isa = "avxvnni",
    .features = kCpuAvx2 | kCpuAvxVnni,
    .tile_rows = kMad2Rows,
    .tile_cols = kMad2Cols,
    .tile_bytes = mad2_tile_bytes,
    .pack_tile = mad2_pack_tile,
    .unpack_tile = mad2_unpack_tile,
    .scratch_bytes = mad2_no_scratch,
    .product = product,
};

} // namespace bitnet
