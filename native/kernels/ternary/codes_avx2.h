// Unpacked codes times many tokens with VPMADDUBSW, for the AVX2 kernels: 16 rows, up to 256
// columns. Anonymous, like the layouts.
//
// VPMADDUBSW adds two products u8 x s8 into an int16, which saturates. With |q| <= 127 and codes up
// to 2 one result is at most 508, so 64 of them fit (32,512).
#pragma once
#include "ternary.h"

#include <immintrin.h>
#include <string.h>

namespace bitnet {
namespace {

constexpr size_t kCodesCols = 256; // 64 groups of four

/** Four activations of one token in every int32 lane. */
inline __m256i broadcast4(const int8_t* q) {
  int32_t group;
  memcpy(&group, q, sizeof group);
  return _mm256_set1_epi32(group);
}

inline __m256i load(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}
inline void store(void* p, __m256i v) {
  _mm256_storeu_si256(static_cast<__m256i*>(p), v);
}

/** int16 pairs to int32 lanes. */
inline __m256i widen(__m256i pairs) {
  return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

/**
 * 16 rows of codes [cols / 4][row][4] times kTokens tokens, added to out. Six tokens are 12
 * accumulators, two vectors of codes, a broadcast and a product: all 16 registers.
 */
template <int kTokens>
void codes_times_tokens(const uint8_t* codes, size_t cols, const int8_t* q, size_t q_stride,
                        int32_t* out, size_t out_stride) {
  __m256i acc[kTokens][2];
#pragma GCC unroll 8
  for (int i = 0; i < kTokens; i++)
    acc[i][0] = acc[i][1] = _mm256_setzero_si256();
  for (size_t k = 0; k < cols; k += 4) {
    const __m256i w0 = load(codes + 16 * k), w1 = load(codes + 16 * k + 32);
#pragma GCC unroll 8
    for (int i = 0; i < kTokens; i++) {
      const __m256i a = broadcast4(q + i * q_stride + k);
      acc[i][0] = _mm256_add_epi16(acc[i][0], _mm256_maddubs_epi16(w0, a));
      acc[i][1] = _mm256_add_epi16(acc[i][1], _mm256_maddubs_epi16(w1, a));
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kTokens; i++) {
    int32_t* o = out + i * out_stride;
    store(o, _mm256_add_epi32(load(o), widen(acc[i][0])));
    store(o + 8, _mm256_add_epi32(load(o + 8), widen(acc[i][1])));
  }
}

inline void codes_times_panel(const uint8_t* codes, size_t cols, size_t tokens, const int8_t* q,
                              size_t q_stride, int32_t* out, size_t out_stride) {
  switch (tokens) {
  case 1:
    return codes_times_tokens<1>(codes, cols, q, q_stride, out, out_stride);
  case 2:
    return codes_times_tokens<2>(codes, cols, q, q_stride, out, out_stride);
  case 3:
    return codes_times_tokens<3>(codes, cols, q, q_stride, out, out_stride);
  case 4:
    return codes_times_tokens<4>(codes, cols, q, q_stride, out, out_stride);
  case 5:
    return codes_times_tokens<5>(codes, cols, q, q_stride, out, out_stride);
  default:
    return codes_times_tokens<6>(codes, cols, q, q_stride, out, out_stride);
  }
}

/** Codes of columns k .. k + cols - 1, at most kCodesCols, times all tokens of the call. */
inline void codes_times_all(const uint8_t* codes, size_t k, size_t cols, const TernaryProduct& p,
                            int32_t* out /* [n, out_stride], 16 rows */) {
  for (size_t i = 0; i < p.n;) {
    const size_t left = p.n - i, tokens = left <= 6 ? left : left < 12 ? (left + 1) / 2 : 6;
    codes_times_panel(codes, cols, tokens, p.q + i * p.q_stride + k, p.q_stride,
                      out + i * p.out_stride, p.out_stride);
    i += tokens;
  }
}

/** out = -q_sum, to which sums of c * q are added: see ternary.h. */
inline void start_rows(const TernaryProduct& p, size_t rows, int32_t* out /* [n, out_stride] */) {
  for (size_t i = 0; i < p.n; i++)
    for (size_t r = 0; r < rows; r += 8)
      store(out + i * p.out_stride + r,
            _mm256_sub_epi32(_mm256_setzero_si256(), _mm256_set1_epi32(p.q_sum[i])));
}

} // namespace
} // namespace bitnet
