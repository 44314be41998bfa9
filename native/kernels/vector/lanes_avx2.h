// Masked groups, the tree of the 16 lanes and exp on 256-bit registers; for vector_avx2.cpp.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <immintrin.h>

#include "vector.h"

namespace bitnet {
namespace {

struct All {}; // all eight elements
struct Some {  // the first few: all bits set in every lane that exists
  __m256i mask;
};

/**
 * Calls f(i, All or Some) for each group of 8 elements: masked accesses are slow, so only the last
 * group uses them.
 */
template <class F> inline void for_groups(size_t count, F f) {
  size_t i = 0;
  for (; i + 8 <= count; i += 8)
    f(i, All{});
  if (i < count) {
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    f(i, Some{_mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count - i)), lanes)});
  }
}

inline __m256 load(All, const float* p) {
  return _mm256_loadu_ps(p);
}
inline __m256 load(Some s, const float* p) {
  return _mm256_maskload_ps(p, s.mask);
}
inline __m256i load(All, const int32_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
inline __m256i load(Some s, const int32_t* p) {
  return _mm256_maskload_epi32(p, s.mask);
}
inline void store(float* p, All, __m256 v) {
  _mm256_storeu_ps(p, v);
}
inline void store(float* p, Some s, __m256 v) {
  _mm256_maskstore_ps(p, s.mask, v);
}
/** v where the element exists, else `other`. */
inline __m256 choose(All, __m256 v, __m256) {
  return v;
}
inline __m256 choose(Some s, __m256 v, __m256 other) {
  return _mm256_blendv_ps(other, v, _mm256_castsi256_ps(s.mask));
}
inline float float_of_half(uint16_t half) {
  return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(half)));
}

/** Values d .. d + 8 of a row of the KV cache. */
template <KvType kType> inline __m256 load_cached(const uint8_t* row, size_t head_dim, size_t d) {
  if constexpr (kType == kKvF16)
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(row + 2 * d)));
  uint16_t half;
  memcpy(&half, row + head_dim + d / 32 * 2, sizeof half);
  const __m256i q =
      _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(row + d)));
  return _mm256_mul_ps(_mm256_cvtepi32_ps(q), _mm256_set1_ps(float_of_half(half)));
}

inline float float_of_bits(uint32_t bits) {
  return _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(static_cast<int>(bits))));
}

/** Pairs at distance 8 (lanes 0..7 with 8..15), 4, 2, 1. */
inline float tree(__m256 low, __m256 high) {
  const __m256 l8 = _mm256_add_ps(low, high);
  const __m128 l4 = _mm_add_ps(_mm256_castps256_ps128(l8), _mm256_extractf128_ps(l8, 1));
  const __m128 l2 = _mm_add_ps(l4, _mm_movehl_ps(l4, l4));
  return _mm_cvtss_f32(_mm_add_ss(l2, _mm_movehdup_ps(l2)));
}

/** The tree from distance 4 on, of 8 vectors at once: lane i of the result is the sum of v[i]. */
inline __m256 tree8(const __m256 v[8]) {
  __m256 by4[4], by2[2]; // by4[i]: vectors i, 4 + i
  for (int i = 0; i < 4; i++)
    by4[i] = _mm256_add_ps(_mm256_permute2f128_ps(v[i], v[4 + i], 0x20),
                           _mm256_permute2f128_ps(v[i], v[4 + i], 0x31));
  for (int i = 0; i < 2; i++)
    by2[i] = _mm256_add_ps(_mm256_shuffle_ps(by4[2 * i], by4[2 * i + 1], 0x44),
                           _mm256_shuffle_ps(by4[2 * i], by4[2 * i + 1], 0xee));
  return _mm256_add_ps(_mm256_shuffle_ps(by2[0], by2[1], 0x88),
                       _mm256_shuffle_ps(by2[0], by2[1], 0xdd));
}

/** exp as vector_scalar.cpp defines it, step by step. */
inline __m256 exp_approx(__m256 x) {
  const __m256 magic = _mm256_set1_ps(12582912.0f);
  const __m256 bounded = _mm256_min_ps(_mm256_set1_ps(89.0f), x); // MINPS gives x when x is NaN
  const __m256 t = _mm256_fmadd_ps(bounded, _mm256_set1_ps(1.44269504f), magic);
  const __m256 n = _mm256_sub_ps(t, magic);
  const __m256 r = _mm256_fmadd_ps(n, _mm256_set1_ps(2.12194440e-4f),
                                   _mm256_fmadd_ps(n, _mm256_set1_ps(-0.693359375f), bounded));
  __m256 p = _mm256_set1_ps(1.9875691500e-4f);
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.3981999507e-3f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(8.3334519073e-3f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(4.1665795894e-2f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.6666665459e-1f));
  p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(5.0000001201e-1f));
  const __m256 y = _mm256_add_ps(_mm256_fmadd_ps(p, _mm256_mul_ps(r, r), r), _mm256_set1_ps(1.0f));
  const __m256i e = _mm256_add_epi32(
      _mm256_sub_epi32(_mm256_castps_si256(t), _mm256_castps_si256(magic)), _mm256_set1_epi32(256));
  const __m256i half = _mm256_srli_epi32(e, 1), one = _mm256_set1_epi32(1);
  const __m256i scale1 = _mm256_slli_epi32(_mm256_sub_epi32(half, one), 23);
  const __m256i scale2 = _mm256_slli_epi32(_mm256_sub_epi32(_mm256_sub_epi32(e, half), one), 23);
  const __m256 scaled =
      _mm256_mul_ps(_mm256_mul_ps(y, _mm256_castsi256_ps(scale1)), _mm256_castsi256_ps(scale2));
  return _mm256_andnot_ps(_mm256_cmp_ps(x, _mm256_set1_ps(-87.33654f), _CMP_LT_OQ), scaled);
}

inline float exp_of_one(float x) {
  return _mm256_cvtss_f32(exp_approx(_mm256_set1_ps(x)));
}

} // namespace
} // namespace bitnet
