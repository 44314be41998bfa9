// Packed 2-bit codes times few tokens with VPMADDUBSW, for the AVX2 kernels: multiplied where they
// stand in their bytes. Anonymous, like the layouts.
//
// Limits are those of codes_avx2.h; a code left in its field as 4c allows 16 sums. The loop widens
// to int32 in time.
#pragma once
#include "codes_avx2.h"

namespace bitnet {
namespace {

/**
 * 64 rows as groups of four columns, 64 bytes each: byte [half][lane][column], field f of it
 * belongs to row  rows_of_field * f + rows_of_half * half + lane, with 8 lanes.
 */
struct Fields {
  const uint8_t* bytes;
  size_t cols; // a multiple of 4
  size_t rows_of_field, rows_of_half;
};

/**
 * All rows times one token <1, 2>, or half of them times two tokens <2, 1>: eight accumulators
 * either way; added to out. Fields 2 and 3 are shifted onto 0 and 1; fields 1 and 3 count fourfold.
 */
template <int kTokens, int kHalves>
void fields_times_few(const Fields& fields, const int8_t* q, size_t q_stride, int32_t* out,
                      size_t out_stride) {
  const __m256i f0 = _mm256_set1_epi8(0x03), f1 = _mm256_set1_epi8(0x0c);
  __m256i total[4][2];
  for (int f = 0; f < 4; f++)
    total[f][0] = total[f][1] = _mm256_setzero_si256();
  for (size_t block = 0; block < fields.cols; block += 64) { // 16 groups, as field 1 allows
    const size_t end = block + 64 < fields.cols ? block + 64 : fields.cols;
    __m256i acc[4][2];
    for (int f = 0; f < 4; f++)
      acc[f][0] = acc[f][1] = _mm256_setzero_si256();
    for (size_t k = block; k < end; k += 4) {
#pragma GCC unroll 2
      for (int h = 0; h < kHalves; h++) {
        const __m256i low = load(fields.bytes + 16 * k + 32 * h);
        const __m256i high =
            _mm256_srli_epi16(low, 4); // bits from the neighbor byte are masked away
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
  for (size_t f = 0; f < 4; f++)
    for (size_t j = 0; j < 2; j++) {
      const __m256i sum = f % 2 ? _mm256_srai_epi32(total[f][j], 2) : total[f][j];
      int32_t* o =
          out + fields.rows_of_field * f + j * (kTokens == 1 ? fields.rows_of_half : out_stride);
      store(o, _mm256_add_epi32(load(o), sum));
    }
}

/** Columns k .. k + cols - 1 times all tokens of the call, two at a time. */
inline void fields_times_all(const Fields& fields, size_t k, const TernaryProduct& p,
                             int32_t* out /* [n, out_stride], 64 rows */) {
  size_t i = 0;
  for (; i + 2 <= p.n; i += 2)
    for (size_t half = 0; half < 2; half++)
      fields_times_few<2, 1>(
          {fields.bytes + 32 * half, fields.cols, fields.rows_of_field, fields.rows_of_half},
          p.q + i * p.q_stride + k, p.q_stride, out + i * p.out_stride + fields.rows_of_half * half,
          p.out_stride);
  if (i < p.n)
    fields_times_few<1, 2>(fields, p.q + i * p.q_stride + k, 0, out + i * p.out_stride, 0);
}

} // namespace
} // namespace bitnet
