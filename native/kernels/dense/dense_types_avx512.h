// Stored types as 512-bit loads of 16 weights, as dense_scalar.cpp defines them; for
// dense_avx512.cpp.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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
// does a unit's shared work, group(g, j) is the 16 weights of group g + j as float, where g is a
// multiple of kTogether and j < kTogether a constant: groups that share loads are asked together.

struct F32 {
  static constexpr int kGroups = 1, kTogether = 1;
  static constexpr size_t kBytes = 64;
  const uint8_t* p;
  static F32 at(const uint8_t* row, size_t k) { return {row + 4 * k}; }
  __m512 group(int, int) const { return _mm512_loadu_ps(p); }
};

struct F16 {
  static constexpr int kGroups = 1, kTogether = 1;
  static constexpr size_t kBytes = 32;
  const uint8_t* p;
  static F16 at(const uint8_t* row, size_t k) { return {row + 2 * k}; }
  __m512 group(int, int) const { return _mm512_cvtph_ps(load256(p)); }
};

struct Bf16 {
  static constexpr int kGroups = 1, kTogether = 1;
  static constexpr size_t kBytes = 32;
  const uint8_t* p;
  static Bf16 at(const uint8_t* row, size_t k) { return {row + 2 * k}; }
  __m512 group(int, int) const {
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
  static constexpr int kGroups = 2, kTogether = 2;
  static constexpr size_t kBytes = 34;
  __m512 d;
  const uint8_t* q;
  static Q8_0 at(const uint8_t* row, size_t k) {
    const uint8_t* block = row + k / 32 * 34;
    return {broadcast_half(block), block + 2};
  }
  __m512 group(int, int j) const { return _mm512_mul_ps(d, float_of_bytes(load128(q + 16 * j))); }
};

struct Q6_K { // blocks of 256: ql[128], qh[64], int8 scales[16], f16 d
  static constexpr int kGroups = 16, kTogether = 1;
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
  __m512 group(int g, int) const {
    return _mm512_mul_ps(_mm512_set1_ps(scales[g]), float_of_bytes(load128(q + 16 * g)));
  }
};

/** The values of the 16 codes of a block: first, first + 1, ... */
inline __m512 codes_from(float first) {
  return _mm512_add_ps(_mm512_set1_ps(first),
                       _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}

struct Q4_0 { // blocks of 32: f16 d, q[16] of two nibbles
  static constexpr int kGroups = 2, kTogether = 2;
  static constexpr size_t kBytes = 18;
  __m512 values; // of the 16 codes
  const uint8_t* q;
  static Q4_0 at(const uint8_t* row, size_t k) {
    const uint8_t* block = row + k / 32 * 18;
    return {_mm512_mul_ps(broadcast_half(block), codes_from(-8)), block + 2};
  }
  __m512 group(int, int j) const {
    const __m512i bytes = _mm512_cvtepu8_epi32(load128(q));
    return _mm512_permutexvar_ps(j ? _mm512_srli_epi32(bytes, 4) : bytes, values);
  }
};

struct Q4_K { // blocks of 256: f16 d, f16 dmin, scales[12], q[128] of two nibbles
  static constexpr int kGroups = 16, kTogether = 4;
  static constexpr size_t kBytes = 144;
  alignas(64) float scales[16]; // d * scale of the sub-blocks 0..7, dmin * min of 0..7
  const uint8_t* q;

  static Q4_K at(const uint8_t* row, size_t k) {
    const uint8_t* block = row + k / 256 * 144;
    Q4_K w;
    uint32_t u[3], six[4];
    memcpy(u, block + 4, 12);
    six[0] = u[0] & 0x3f3f3f3f;
    six[1] = (u[2] & 0x0f0f0f0f) | (u[0] >> 2 & 0x30303030);
    six[2] = u[1] & 0x3f3f3f3f;
    six[3] = (u[2] >> 4 & 0x0f0f0f0f) | (u[1] >> 2 & 0x30303030);
    const __m512 d = _mm512_insertf32x8(broadcast_half(block),
                                        _mm512_castps512_ps256(broadcast_half(block + 2)), 1);
    const __m128i all = _mm_set_epi32(six[3], six[2], six[1], six[0]);
    _mm512_store_ps(w.scales, _mm512_mul_ps(d, float_of_bytes(all)));
    w.q = block + 16;
    return w;
  }
  __m512 values(int s) const {
    return _mm512_fmsub_ps(_mm512_set1_ps(scales[s]), codes_from(0), _mm512_set1_ps(scales[8 + s]));
  }
  __m512 group(int g, int j) const {
    const __m512i bytes = _mm512_cvtepu8_epi32(load128(q + 8 * g + 16 * (j % 2)));
    return _mm512_permutexvar_ps(j / 2 ? _mm512_srli_epi32(bytes, 4) : bytes,
                                 values(g / 2 + j / 2));
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
