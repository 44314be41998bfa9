// Masked groups, the tree of the 16 lanes and exp on 512-bit registers; for vector_avx512.cpp.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <immintrin.h>

#include "vector.h"

namespace bitnet {
namespace {

struct All {}; // all sixteen elements
struct Some {  // the first few
  __mmask16 mask;
};

/** Calls f(i, All or Some) for each group of 16 elements; only the last group may be masked. */
template <class F> inline void for_groups(size_t count, F f) {
  size_t i = 0;
  for (; i + 16 <= count; i += 16)
    f(i, All{});
  if (i < count)
    f(i, Some{static_cast<__mmask16>((1u << (count - i)) - 1)});
}

inline __m512 load(All, const float* p) {
  return _mm512_loadu_ps(p);
}
inline __m512 load(Some s, const float* p) {
  return _mm512_maskz_loadu_ps(s.mask, p);
}
inline __m512i load(All, const int32_t* p) {
  return _mm512_loadu_si512(p);
}
inline __m512i load(Some s, const int32_t* p) {
  return _mm512_maskz_loadu_epi32(s.mask, p);
}
inline void store(float* p, All, __m512 v) {
  _mm512_storeu_ps(p, v);
}
inline void store(float* p, Some s, __m512 v) {
  _mm512_mask_storeu_ps(p, s.mask, v);
}
inline void store(uint16_t* p, All, __m256i v) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v);
}
inline void store(uint16_t* p, Some s, __m256i v) {
  _mm256_mask_storeu_epi16(p, s.mask, v);
}
/** v where the element exists, else `other`. */
inline __m512 choose(All, __m512 v, __m512) {
  return v;
}
inline __m512 choose(Some s, __m512 v, __m512 other) {
  return _mm512_mask_mov_ps(other, s.mask, v);
}
inline float float_of_half(uint16_t half) {
  return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(half)));
}

/** Values d .. d + 16 of a row of the KV cache. */
template <KvType kType> inline __m512 load_cached(const uint8_t* row, size_t head_dim, size_t d) {
  if constexpr (kType == kKvF16)
    return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(row + 2 * d)));
  uint16_t half;
  memcpy(&half, row + head_dim + d / 32 * 2, sizeof half);
  const __m512i q =
      _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(row + d)));
  return _mm512_mul_ps(_mm512_cvtepi32_ps(q), _mm512_set1_ps(float_of_half(half)));
}

/** Pairs at distance 8, 4, 2, 1. */
inline float tree(__m512 lane) {
  const __m256 l8 = _mm256_add_ps(_mm512_castps512_ps256(lane), _mm512_extractf32x8_ps(lane, 1));
  const __m128 l4 = _mm_add_ps(_mm256_castps256_ps128(l8), _mm256_extractf128_ps(l8, 1));
  const __m128 l2 = _mm_add_ps(l4, _mm_movehl_ps(l4, l4));
  return _mm_cvtss_f32(_mm_add_ss(l2, _mm_movehdup_ps(l2)));
}

/**
 * tree() of 16 vectors at once: lane i of the result is the tree of v[i]. Each step adds the same
 * pairs as tree().
 */
inline __m512 tree16(const __m512 v[16]) {
  __m512 by8[8], by4[4], by2[2]; // by8[2i]: vectors i, 4 + i; by8[2i + 1]: vectors 8 + i, 12 + i
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < 2; j++) {
      const __m512 a = v[8 * j + i], b = v[8 * j + 4 + i];
      by8[2 * i + j] =
          _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
    }
  for (int i = 0; i < 4; i++)
    by4[i] = _mm512_add_ps(_mm512_shuffle_f32x4(by8[2 * i], by8[2 * i + 1], 0x88),
                           _mm512_shuffle_f32x4(by8[2 * i], by8[2 * i + 1], 0xdd));
  for (int i = 0; i < 2; i++)
    by2[i] = _mm512_add_ps(_mm512_shuffle_ps(by4[2 * i], by4[2 * i + 1], 0x44),
                           _mm512_shuffle_ps(by4[2 * i], by4[2 * i + 1], 0xee));
  return _mm512_add_ps(_mm512_shuffle_ps(by2[0], by2[1], 0x88),
                       _mm512_shuffle_ps(by2[0], by2[1], 0xdd));
}

/** exp as vector_scalar.cpp defines it, step by step. */
inline __m512 exp_approx(__m512 x) {
  const __m512 magic = _mm512_set1_ps(12582912.0f);
  const __m512 bounded = _mm512_min_ps(_mm512_set1_ps(89.0f), x); // MINPS gives x when x is NaN
  const __m512 t = _mm512_fmadd_ps(bounded, _mm512_set1_ps(1.44269504f), magic);
  const __m512 n = _mm512_sub_ps(t, magic);
  const __m512 r = _mm512_fmadd_ps(n, _mm512_set1_ps(2.12194440e-4f),
                                   _mm512_fmadd_ps(n, _mm512_set1_ps(-0.693359375f), bounded));
  __m512 p = _mm512_set1_ps(1.9875691500e-4f);
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.3981999507e-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(8.3334519073e-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(4.1665795894e-2f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.6666665459e-1f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.0000001201e-1f));
  const __m512 y = _mm512_add_ps(_mm512_fmadd_ps(p, _mm512_mul_ps(r, r), r), _mm512_set1_ps(1.0f));
  const __m512i e = _mm512_add_epi32(
      _mm512_sub_epi32(_mm512_castps_si512(t), _mm512_castps_si512(magic)), _mm512_set1_epi32(256));
  const __m512i half = _mm512_srli_epi32(e, 1), one = _mm512_set1_epi32(1);
  const __m512i scale1 = _mm512_slli_epi32(_mm512_sub_epi32(half, one), 23);
  const __m512i scale2 = _mm512_slli_epi32(_mm512_sub_epi32(_mm512_sub_epi32(e, half), one), 23);
  const __m512 scaled =
      _mm512_mul_ps(_mm512_mul_ps(y, _mm512_castsi512_ps(scale1)), _mm512_castsi512_ps(scale2));
  const __mmask16 tiny = _mm512_cmp_ps_mask(x, _mm512_set1_ps(-87.33654f), _CMP_LT_OQ);
  return _mm512_mask_mov_ps(scaled, tiny, _mm512_setzero_ps());
}

inline float exp_of_one(float x) {
  return _mm512_cvtss_f32(exp_approx(_mm512_set1_ps(x)));
}

} // namespace
} // namespace bitnet
