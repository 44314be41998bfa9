// The vocabulary of lanes.h on 256-bit registers: two are the 16 lanes.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <immintrin.h>

#include "lanes_x86.h"

namespace bitnet {
namespace {

using Floats = __m256;
using Ints = __m256i;
using Doubles = __m256d;
constexpr int kWidth = 8, kParts = 2;
constexpr int kPartsTogether = 1, kGroupsTogether = 1;

struct Lanes { // 0..7, 8..15
  Floats part[kParts];
};
struct IntLanes {
  Ints part[kParts];
};

inline Floats broadcast(float v) { return _mm256_set1_ps(v); }
inline Ints broadcast(int32_t v) { return _mm256_set1_epi32(v); }
inline Doubles broadcast(double v) { return _mm256_set1_pd(v); }

inline Floats load(const float* p) { return _mm256_loadu_ps(p); }
inline Ints load(const int32_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
inline void store(float* p, Floats v) { _mm256_storeu_ps(p, v); }

/** All bits set in the first n elements. */
inline __m256i mask_of(int n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
inline Floats load_first(int n, const float* p) { return _mm256_maskload_ps(p, mask_of(n)); }
inline Ints load_first(int n, const int32_t* p) { return _mm256_maskload_epi32(p, mask_of(n)); }
inline void store_first(int n, float* p, Floats v) { _mm256_maskstore_ps(p, mask_of(n), v); }
inline Floats choose_first(int n, Floats v, Floats other) {
  return _mm256_blendv_ps(other, v, _mm256_castsi256_ps(mask_of(n)));
}

inline Floats add(Floats a, Floats b) { return _mm256_add_ps(a, b); }
inline Floats sub(Floats a, Floats b) { return _mm256_sub_ps(a, b); }
inline Floats mul(Floats a, Floats b) { return _mm256_mul_ps(a, b); }
inline Floats div(Floats a, Floats b) { return _mm256_div_ps(a, b); }
inline Floats fma(Floats a, Floats b, Floats c) { return _mm256_fmadd_ps(a, b, c); }
inline Floats min(Floats a, Floats b) {
  return _mm256_min_ps(a, b); // gives b when one is NaN
}
inline Floats max(Floats a, Floats b) { return _mm256_max_ps(a, b); }
inline Floats negate(Floats v) { return _mm256_xor_ps(v, _mm256_set1_ps(-0.0f)); }
inline Floats relu(Floats v) {
  return _mm256_max_ps(v, _mm256_setzero_ps()); // gives 0 when v is NaN
}
inline Floats zero_below(Floats bound, Floats x, Floats v) {
  return _mm256_andnot_ps(_mm256_cmp_ps(x, bound, _CMP_LT_OQ), v);
}

inline Ints add(Ints a, Ints b) { return _mm256_add_epi32(a, b); }
inline Ints sub(Ints a, Ints b) { return _mm256_sub_epi32(a, b); }
inline Ints min(Ints a, Ints b) { return _mm256_min_epi32(a, b); }
inline Ints max(Ints a, Ints b) { return _mm256_max_epi32(a, b); }
template <int kBits> inline Ints shift_left(Ints v) { return _mm256_slli_epi32(v, kBits); }
template <int kBits> inline Ints shift_right(Ints v) { return _mm256_srli_epi32(v, kBits); }

inline Floats convert(Ints v) { return _mm256_cvtepi32_ps(v); }
inline Ints round(Floats v) { return _mm256_cvtps_epi32(v); }
inline Ints bits(Floats v) { return _mm256_castps_si256(v); }
inline Floats floats_of_bits(Ints v) { return _mm256_castsi256_ps(v); }
inline Ints magnitude(Floats v) {
  return _mm256_and_si256(_mm256_castps_si256(v), _mm256_set1_epi32(0x7fffffff));
}

inline Doubles add(Doubles a, Doubles b) { return _mm256_add_pd(a, b); }
inline Doubles fma(Doubles a, Doubles b, Doubles c) { return _mm256_fmadd_pd(a, b, c); }
inline Doubles low_doubles(Floats v) { return _mm256_cvtps_pd(_mm256_castps256_ps128(v)); }
inline Doubles high_doubles(Floats v) { return _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1)); }

template <int n> inline Floats swap_within(Floats v) {
  if constexpr (n == 4)
    return _mm256_permute2f128_ps(v, v, 0x01);
  else
    return _mm256_permute_ps(v, n == 1 ? 0xb1 : 0x4e);
}

inline float first(Floats v) { return _mm256_cvtss_f32(v); }
inline float max_of(Floats v) {
  __m128 m = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  m = _mm_max_ps(m, _mm_movehl_ps(m, m));
  return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
}
inline int32_t max_of(Ints v) {
  __m128i m = _mm_max_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0x4e));
  return _mm_cvtsi128_si32(_mm_max_epi32(m, _mm_shuffle_epi32(m, 0xb1)));
}
inline int32_t sum_of(Ints v) {
  __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}
// tree() of one register: lanes_x86.h
inline Floats trees(const Floats v[kWidth]) {
  Floats by4[4], by2[2]; // by4[i]: registers i, 4 + i
  for (int i = 0; i < 4; i++)
    by4[i] = _mm256_add_ps(_mm256_permute2f128_ps(v[i], v[4 + i], 0x20),
                           _mm256_permute2f128_ps(v[i], v[4 + i], 0x31));
  for (int i = 0; i < 2; i++)
    by2[i] = _mm256_add_ps(_mm256_shuffle_ps(by4[2 * i], by4[2 * i + 1], 0x44),
                           _mm256_shuffle_ps(by4[2 * i], by4[2 * i + 1], 0xee));
  return _mm256_add_ps(_mm256_shuffle_ps(by2[0], by2[1], 0x88),
                       _mm256_shuffle_ps(by2[0], by2[1], 0xdd));
}

inline Lanes load_f32(const uint8_t* p) {
  const float* floats = reinterpret_cast<const float*>(p);
  return {{_mm256_loadu_ps(floats), _mm256_loadu_ps(floats + 8)}};
}
inline Floats float_of_bf16(__m128i top) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(top), 16));
}
inline Lanes load_bf16(const uint8_t* p) {
  const __m128i* tops = reinterpret_cast<const __m128i*>(p);
  return {{float_of_bf16(_mm_loadu_si128(tops)), float_of_bf16(_mm_loadu_si128(tops + 1))}};
}
inline Lanes load_f16(const uint8_t* p) {
  const __m128i* halves = reinterpret_cast<const __m128i*>(p);
  return {{_mm256_cvtph_ps(_mm_loadu_si128(halves)), _mm256_cvtph_ps(_mm_loadu_si128(halves + 1))}};
}
inline void store_f16(uint16_t* p, const Lanes& v) {
  for (int i = 0; i < kParts; i++)
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p + kWidth * i),
                     _mm256_cvtps_ph(v.part[i], _MM_FROUND_TO_NEAREST_INT));
}
inline Lanes load_i8(const uint8_t* p) {
  const __m128i low = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
  const __m128i high = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p + 8));
  return {{_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(low)),
           _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(high))}};
}
inline void store_i8(uint8_t* p, const IntLanes& v) {
  __m128i words[2]; // 0..7, 8..15
  for (int i = 0; i < 2; i++)
    words[i] =
        _mm_packs_epi32(_mm256_castsi256_si128(v.part[i]), _mm256_extracti128_si256(v.part[i], 1));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_packs_epi16(words[0], words[1]));
}

} // namespace
} // namespace bitnet
