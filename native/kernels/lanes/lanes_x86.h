// What lanes_avx2.h and lanes_avx512.h share: single floats, the end of the tree, prefetches.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <immintrin.h>

namespace bitnet {
namespace {

inline float float_of_bits(uint32_t bits) {
  return _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(static_cast<int>(bits))));
}
inline float float_of_half(uint16_t half) {
  return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(half)));
}
/** Rounded to nearest, ties to even. */
inline uint16_t half_of_float(float v) {
  const __m128i half = _mm_cvtps_ph(_mm_set_ss(v), _MM_FROUND_TO_NEAREST_INT);
  return static_cast<uint16_t>(_mm_cvtsi128_si32(half));
}
inline float fma(float a, float b, float c) {
  return _mm_cvtss_f32(_mm_fmadd_ss(_mm_set_ss(a), _mm_set_ss(b), _mm_set_ss(c)));
}
inline double square_root(double v) {
  const __m128d one = _mm_set_sd(v);
  return _mm_cvtsd_f64(_mm_sqrt_sd(one, one));
}

/** Asks for the cache line at p, which need not exist. */
template <bool kIntoL1> inline void prefetch(const uint8_t* p) {
  if (kIntoL1)
    _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T0);
  else
    _mm_prefetch(reinterpret_cast<const char*>(p), _MM_HINT_T1);
}

// The tree of a register: pairs at distance 4, 2, 1.
inline float tree(__m256 v) {
  const __m128 l4 = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  const __m128 l2 = _mm_add_ps(l4, _mm_movehl_ps(l4, l4));
  return _mm_cvtss_f32(_mm_add_ss(l2, _mm_movehdup_ps(l2)));
}
inline double tree(__m256d v) {
  const __m128d l2 = _mm_add_pd(_mm256_castpd256_pd128(v), _mm256_extractf128_pd(v, 1));
  return _mm_cvtsd_f64(_mm_add_sd(l2, _mm_unpackhi_pd(l2, l2)));
}

} // namespace
} // namespace bitnet
