// Ternary product with VPMADDUBSW on 256-bit registers, for CPUs without VPDPBUSD; overflow-proof
// in int16.
//
// Limits are those of codes_avx2.h; a code left in its field as 4c allows 16 sums. Each loop widens
// to int32 in time.
#include "../cpu_features.h"
#include "codes_avx2.h"
#include "mad2_layout.h"

namespace bitnet {
namespace {

/**
 * All lanes of a tile times one token <1, 2>, or 8 of its 16 lanes times two tokens <2, 1>: eight
 * accumulators either way. Fields 2 and 3 are shifted onto 0 and 1; fields 1 and 3 count fourfold.
 */
template <int kTokens, int kHalves>
void tile_times_few(const uint8_t* tile, size_t cols, const int8_t* q, size_t q_stride,
                    const int32_t* q_sum, int32_t* out, size_t out_stride) {
  const __m256i f0 = _mm256_set1_epi8(0x03), f1 = _mm256_set1_epi8(0x0c);
  __m256i total[4][2];
  for (int f = 0; f < 4; f++)
    total[f][0] = total[f][1] = _mm256_setzero_si256();
  for (size_t block = 0; block < cols; block += kMad2Cols) { // 16 groups, as field 1 allows
    __m256i acc[4][2];
    for (int f = 0; f < 4; f++)
      acc[f][0] = acc[f][1] = _mm256_setzero_si256();
    for (size_t k = block; k < block + kMad2Cols; k += 4) {
#pragma GCC unroll 2
      for (int h = 0; h < kHalves; h++) {
        const __m256i low = load(tile + mad2_tile_bytes(k) + 32 * h);
        const __m256i high =
            _mm256_srli_epi16(low, 4); // bits from the neighbour byte are masked away
        const __m256i w[4] = {_mm256_and_si256(low, f0), _mm256_and_si256(low, f1),
                              _mm256_and_si256(high, f0), _mm256_and_si256(high, f1)};
#pragma GCC unroll 2
        for (int i = 0; i < kTokens; i++) {
          const __m256i a = broadcast4(q + i * q_stride + k);
          for (int f = 0; f < 4; f++)
            acc[f][h + i] = _mm256_add_epi16(acc[f][h + i], _mm256_maddubs_epi16(w[f], a));
        }
      }
    }
    for (int f = 0; f < 4; f++)
      for (int j = 0; j < 2; j++)
        total[f][j] = _mm256_add_epi32(total[f][j], widen(acc[f][j]));
  }
  for (int f = 0; f < 4; f++)
    for (int j = 0; j < 2; j++) {
      const __m256i sum = f % 2 ? _mm256_srai_epi32(total[f][j], 2) : total[f][j];
      int32_t* o = out + 16 * f + (kTokens == 1 ? 8 * j : j * out_stride);
      store(o, _mm256_sub_epi32(sum, _mm256_set1_epi32(q_sum[kTokens == 1 ? 0 : j])));
    }
}

/** Codes of the 16 rows of `field`, `cols` columns, as bytes: [cols / 4][64]. */
void unpack_field(const uint8_t* tile, size_t cols, int field, uint8_t* codes) {
  const __m256i mask = _mm256_set1_epi8(3);
  const __m128i shift = _mm_cvtsi32_si128(2 * field);
  for (size_t i = 0; i < cols * 16; i += 32)
    store(codes + i, _mm256_and_si256(_mm256_srl_epi16(load(tile + i), shift), mask));
}

/** One tile times all tokens: 16 rows x 256 columns of codes (4 kB) are unpacked once and stay in
 * L1. */
void tile_times_tokens(const uint8_t* tile, const TernaryProduct& p,
                       int32_t* out /* [n, out_stride] */) {
  start_rows(p, kMad2Rows, out);
  alignas(32) uint8_t codes[16 * kCodesCols];
  for (size_t k = 0; k < p.cols; k += kCodesCols) {
    const size_t cols = p.cols - k < kCodesCols ? p.cols - k : kCodesCols;
    for (int field = 0; field < 4; field++) {
      unpack_field(tile + mad2_tile_bytes(k), cols, field, codes);
      codes_times_all(codes, k, cols, p, out + 16 * field);
    }
  }
}

/** Batches of up to this many tokens are faster without the unpacked copy. */
constexpr size_t kFew = 8;

void tile_times_pairs(const uint8_t* tile, const TernaryProduct& p,
                      int32_t* out /* [n, out_stride] */) {
  size_t i = 0;
  for (; i + 2 <= p.n; i += 2)
    for (int half = 0; half < 2; half++)
      tile_times_few<2, 1>(tile + 32 * half, p.cols, p.q + i * p.q_stride, p.q_stride, p.q_sum + i,
                           out + i * p.out_stride + 8 * half, p.out_stride);
  if (i < p.n)
    tile_times_few<1, 2>(tile, p.cols, p.q + i * p.q_stride, 0, p.q_sum + i, out + i * p.out_stride,
                         0);
}

void product(const TernaryProduct& p, size_t row_begin, size_t row_end) {
  for (size_t row = row_begin; row < row_end; row += kMad2Rows) {
    const uint8_t* tile = p.packed + row / kMad2Rows * mad2_tile_bytes(p.cols);
    if (p.n <= kFew)
      tile_times_pairs(tile, p, p.out + (row - row_begin));
    else
      tile_times_tokens(tile, p, p.out + (row - row_begin));
  }
}

} // namespace

extern const TernaryKernel kMad2Avx2;
const TernaryKernel kMad2Avx2 = {
    "mad2",          "avx2",         kCpuAvx2,         kMad2Rows,       kMad2Cols,
    mad2_tile_bytes, mad2_pack_tile, mad2_unpack_tile, mad2_no_scratch, product,
};

} // namespace bitnet
