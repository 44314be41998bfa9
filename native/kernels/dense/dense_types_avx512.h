// Stored types as 512-bit loads of 16 weights, as dense_scalar.cpp defines them; for
// dense_avx512.cpp.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <immintrin.h>

namespace bitnet {
namespace {

inline __m128i load128(const uint8_t* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}
inline __m256i load256(const uint8_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}

// A stored type as a struct: columns come in units of kGroups x 16, stored in kBytes bytes; at()
// does a unit's shared work, group(g) is 16 of its weights as float.

struct F32 {
  static constexpr int kGroups = 1;
  static constexpr size_t kBytes = 64;
  const uint8_t* p;
  static F32 at(const uint8_t* row, size_t k) { return {row + 4 * k}; }
  __m512 group(int) const { return _mm512_loadu_ps(p); }
};

struct F16 {
  static constexpr int kGroups = 1;
  static constexpr size_t kBytes = 32;
  const uint8_t* p;
  static F16 at(const uint8_t* row, size_t k) { return {row + 2 * k}; }
  __m512 group(int) const { return _mm512_cvtph_ps(load256(p)); }
};

struct Bf16 {
  static constexpr int kGroups = 1;
  static constexpr size_t kBytes = 32;
  const uint8_t* p;
  static Bf16 at(const uint8_t* row, size_t k) { return {row + 2 * k}; }
  __m512 group(int) const {
    const __m256i top = load256(p);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(top), 16));
  }
};

/** Float of the half at p, in every lane. */
inline __m512 broadcast_half(const uint8_t* p) {
  return _mm512_broadcastss_ps(_mm_cvtph_ps(_mm_cvtsi32_si128(p[0] | p[1] << 8)));
}

/** 16 int8 as float. */
inline __m512 float_of_bytes(__m128i bytes) {
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
}

struct Q8_0 { // blocks of 32: f16 d, int8 q[32]
  static constexpr int kGroups = 2;
  static constexpr size_t kBytes = 34;
  __m512 d;
  const uint8_t* q;
  static Q8_0 at(const uint8_t* row, size_t k) {
    const uint8_t* block = row + k / 32 * 34;
    return {broadcast_half(block), block + 2};
  }
  __m512 group(int g) const { return _mm512_mul_ps(d, float_of_bytes(load128(q + 16 * g))); }
};

struct Q6_K { // blocks of 256: ql[128], qh[64], int8 scales[16], f16 d
  static constexpr int kGroups = 16;
  static constexpr size_t kBytes = 210;
  // In memory, and read in loops that are not unrolled whole: loads widen bytes and broadcast
  // floats for free, where registers would need shuffles (half the speed).
  alignas(64) uint8_t q[256]; // each minus 32
  alignas(64) float scales[16];

  static Q6_K at(const uint8_t* row, size_t k) {
    const uint8_t* block = row + k / 256 * 210;
    Q6_K w;
    for (int half = 0; half < 2; half++) {
      const __m512i low = _mm512_loadu_si512(block + 64 * half);
      const __m512i high = _mm512_broadcast_i64x4(load256(block + 128 + 32 * half));
      // Quarter t has bits 2t, 2t + 1 of the same 32 bytes; they belong into bits 4 and 5.
      const __m512i left = _mm512_sllv_epi16(
          high, _mm512_inserti64x4(_mm512_set1_epi16(4), _mm256_set1_epi16(2), 1));
      const __m512i right = _mm512_srlv_epi16(
          high, _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi16(2), 1));
      _mm512_store_si512(w.q + 128 * half, value(low, left));
      _mm512_store_si512(w.q + 128 * half + 64, value(_mm512_srli_epi16(low, 4), right));
    }
    _mm512_store_ps(
        w.scales, _mm512_mul_ps(broadcast_half(block + 208), float_of_bytes(load128(block + 192))));
    return w;
  }
  static __m512i value(__m512i nibbles, __m512i pairs) {
    const __m512i low = _mm512_and_si512(nibbles, _mm512_set1_epi8(15));
    const __m512i high = _mm512_and_si512(pairs, _mm512_set1_epi8(48));
    return _mm512_sub_epi8(_mm512_or_si512(low, high), _mm512_set1_epi8(32));
  }
  __m512 group(int g) const {
    return _mm512_mul_ps(_mm512_set1_ps(scales[g]), float_of_bytes(load128(q + 16 * g)));
  }
};

/** Pairs at distance 8, 4, 2, 1. */
inline float tree(__m512 lane) {
  const __m256 l8 = _mm256_add_ps(_mm512_castps512_ps256(lane), _mm512_extractf32x8_ps(lane, 1));
  const __m128 l4 = _mm_add_ps(_mm256_castps256_ps128(l8), _mm256_extractf128_ps(l8, 1));
  const __m128 l2 = _mm_add_ps(l4, _mm_movehl_ps(l4, l4));
  return _mm_cvtss_f32(_mm_add_ss(l2, _mm_movehdup_ps(l2)));
}

} // namespace
} // namespace bitnet
