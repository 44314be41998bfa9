// The vocabulary of lanes.h on 512-bit registers: one is the 16 lanes.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <immintrin.h>

#include "lanes_x86.h"

namespace bitnet {
namespace {

using Floats = __m512;
using Ints = __m512i;
using Doubles = __m512d;
constexpr int kWidth = 16, kParts = 1;
constexpr int kPartsTogether = 1, kGroupsTogether = 4;

struct Lanes {
  Floats part[kParts];
};
struct IntLanes {
  Ints part[kParts];
};

inline Floats broadcast(float v) { return _mm512_set1_ps(v); }
inline Ints broadcast(int32_t v) { return _mm512_set1_epi32(v); }
inline Doubles broadcast(double v) { return _mm512_set1_pd(v); }

inline Floats load(const float* p) { return _mm512_loadu_ps(p); }
inline Ints load(const int32_t* p) { return _mm512_loadu_si512(p); }
inline void store(float* p, Floats v) { _mm512_storeu_ps(p, v); }

inline __mmask16 mask_of(int n) { return static_cast<__mmask16>((1u << n) - 1); }
inline Floats load_first(int n, const float* p) { return _mm512_maskz_loadu_ps(mask_of(n), p); }
inline Ints load_first(int n, const int32_t* p) { return _mm512_maskz_loadu_epi32(mask_of(n), p); }
inline void store_first(int n, float* p, Floats v) { _mm512_mask_storeu_ps(p, mask_of(n), v); }
inline Floats choose_first(int n, Floats v, Floats other) {
  return _mm512_mask_mov_ps(other, mask_of(n), v);
}

inline Floats add(Floats a, Floats b) { return _mm512_add_ps(a, b); }
inline Floats sub(Floats a, Floats b) { return _mm512_sub_ps(a, b); }
inline Floats mul(Floats a, Floats b) { return _mm512_mul_ps(a, b); }
inline Floats div(Floats a, Floats b) { return _mm512_div_ps(a, b); }
inline Floats fma(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
inline Floats min(Floats a, Floats b) {
  return _mm512_min_ps(a, b); // gives b when one is NaN
}
inline Floats max(Floats a, Floats b) { return _mm512_max_ps(a, b); }
inline Floats negate(Floats v) { return _mm512_xor_ps(v, _mm512_set1_ps(-0.0f)); }
inline Floats relu(Floats v) {
  return _mm512_max_ps(v, _mm512_setzero_ps()); // gives 0 when v is NaN
}
inline Floats zero_below(Floats bound, Floats x, Floats v) {
  return _mm512_mask_mov_ps(v, _mm512_cmp_ps_mask(x, bound, _CMP_LT_OQ), _mm512_setzero_ps());
}

inline Ints add(Ints a, Ints b) { return _mm512_add_epi32(a, b); }
inline Ints sub(Ints a, Ints b) { return _mm512_sub_epi32(a, b); }
inline Ints min(Ints a, Ints b) { return _mm512_min_epi32(a, b); }
inline Ints max(Ints a, Ints b) { return _mm512_max_epi32(a, b); }
template <int kBits> inline Ints shift_left(Ints v) { return _mm512_slli_epi32(v, kBits); }
template <int kBits> inline Ints shift_right(Ints v) { return _mm512_srli_epi32(v, kBits); }

inline Floats convert(Ints v) { return _mm512_cvtepi32_ps(v); }
inline Ints round(Floats v) { return _mm512_cvtps_epi32(v); }
inline Ints bits(Floats v) { return _mm512_castps_si512(v); }
inline Floats floats_of_bits(Ints v) { return _mm512_castsi512_ps(v); }
inline Ints magnitude(Floats v) {
  return _mm512_and_si512(_mm512_castps_si512(v), _mm512_set1_epi32(0x7fffffff));
}

inline Doubles add(Doubles a, Doubles b) { return _mm512_add_pd(a, b); }
inline Doubles fma(Doubles a, Doubles b, Doubles c) { return _mm512_fmadd_pd(a, b, c); }
inline Doubles low_doubles(Floats v) { return _mm512_cvtps_pd(_mm512_castps512_ps256(v)); }
inline Doubles high_doubles(Floats v) { return _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1)); }

template <int n> inline Floats swap_within(Floats v) {
  if constexpr (n < 4)
    return _mm512_permute_ps(v, n == 1 ? 0xb1 : 0x4e);
  else
    return _mm512_shuffle_f32x4(v, v, n == 4 ? 0xb1 : 0x4e);
}

inline float first(Floats v) { return _mm512_cvtss_f32(v); }
inline float max_of(Floats v) { return _mm512_reduce_max_ps(v); }
inline int32_t max_of(Ints v) { return _mm512_reduce_max_epi32(v); }
inline int32_t sum_of(Ints v) { return _mm512_reduce_add_epi32(v); }
inline float tree(Floats v) {
  return tree(_mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1)));
}
inline double tree(Doubles v) {
  return tree(_mm256_add_pd(_mm512_castpd512_pd256(v), _mm512_extractf64x4_pd(v, 1)));
}
inline Floats trees(const Floats v[kWidth]) {
  Floats by8[8], by4[4],
      by2[2]; // by8[2i]: registers i, 4 + i; by8[2i + 1]: registers 8 + i, 12 + i
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < 2; j++) {
      const Floats a = v[8 * j + i], b = v[8 * j + 4 + i];
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

/** 16 int8 as float. */
inline Lanes lanes_of_i8(__m128i bytes) {
  return {{_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes))}};
}

inline Lanes load_f32(const uint8_t* p) { return {{_mm512_loadu_ps(p)}}; }
inline Lanes load_bf16(const uint8_t* p) {
  const __m256i top = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return {{_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(top), 16))}};
}
inline Lanes load_f16(const uint8_t* p) {
  return {{_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))}};
}
inline void store_f16(uint16_t* p, const Lanes& v) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                      _mm512_cvtps_ph(v.part[0], _MM_FROUND_TO_NEAREST_INT));
}
inline Lanes load_i8(const uint8_t* p) {
  return lanes_of_i8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
inline void store_i8(uint8_t* p, const IntLanes& v) {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm512_cvtepi32_epi8(v.part[0]));
}

} // namespace
} // namespace bitnet
