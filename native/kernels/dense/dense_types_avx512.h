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

// A stored type as a struct: columns come in units of kGroups x 16, stored in kBytes bytes; load()
// does a unit's shared work, group(g, j) is the 16 weights of group g + j as float, where g is a
// multiple of kTogether and j < kTogether a constant: groups that share loads are asked together.
// `left` columns of the row are left; only where groups(left) says so may a row end inside a unit.
// kStreams: rows to read at once for one vector. Two are enough where memory is slower than the
// sums, which take four cycles a step; decoding needs four to fill the gaps.

struct F32 {
  static constexpr int kGroups = 1, kTogether = 1, kStreams = 2;
  static constexpr size_t kBytes = 64;
  const uint8_t* p;
  static int groups(size_t) { return kGroups; }
  void load(const uint8_t* row, size_t k, size_t) { p = row + 4 * k; }
  __m512 group(int, int) const { return _mm512_loadu_ps(p); }
};

struct F16 {
  static constexpr int kGroups = 1, kTogether = 1, kStreams = 2;
  static constexpr size_t kBytes = 32;
  const uint8_t* p;
  static int groups(size_t) { return kGroups; }
  void load(const uint8_t* row, size_t k, size_t) { p = row + 2 * k; }
  __m512 group(int, int) const { return _mm512_cvtph_ps(load256(p)); }
};

struct Bf16 {
  static constexpr int kGroups = 1, kTogether = 1, kStreams = 2;
  static constexpr size_t kBytes = 32;
  const uint8_t* p;
  static int groups(size_t) { return kGroups; }
  void load(const uint8_t* row, size_t k, size_t) { p = row + 2 * k; }
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
  static constexpr int kGroups = 2, kTogether = 2, kStreams = 4;
  static constexpr size_t kBytes = 34;
  __m512 d;
  const uint8_t* q;
  static int groups(size_t) { return kGroups; }
  void load(const uint8_t* row, size_t k, size_t) {
    const uint8_t* block = row + k / 32 * 34;
    d = broadcast_half(block);
    q = block + 2;
  }
  __m512 group(int, int j) const { return _mm512_mul_ps(d, float_of_bytes(load128(q + 16 * j))); }
};

struct Q6_K { // blocks of 256: ql[128], qh[64], int8 scales[16], f16 d
  static constexpr int kGroups = 16, kTogether = 2, kStreams = 4;
  static constexpr size_t kBytes = 210;
  // In memory, and read in loops that are not unrolled whole: loads widen bytes and broadcast
  // floats for free, where registers would need shuffles (half the speed).
  alignas(64) uint8_t q[256]; // each minus 32
  alignas(64) float scales[16];

  static int groups(size_t) { return kGroups; }
  void load(const uint8_t* row, size_t k, size_t) {
    const uint8_t* block = row + k / 256 * 210;
    for (int half = 0; half < 2; half++) {
      const __m512i low = _mm512_loadu_si512(block + 64 * half);
      const __m512i high = _mm512_broadcast_i64x4(load256(block + 128 + 32 * half));
      // Quarter t has bits 2t, 2t + 1 of the same 32 bytes; they belong into bits 4 and 5.
      const __m512i left = _mm512_sllv_epi16(
          high, _mm512_inserti64x4(_mm512_set1_epi16(4), _mm256_set1_epi16(2), 1));
      const __m512i right = _mm512_srlv_epi16(
          high, _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi16(2), 1));
      _mm512_store_si512(q + 128 * half, value(low, left));
      _mm512_store_si512(q + 128 * half + 64, value(_mm512_srli_epi16(low, 4), right));
    }
    _mm512_store_ps(
        scales, _mm512_mul_ps(broadcast_half(block + 208), float_of_bytes(load128(block + 192))));
  }
  static __m512i value(__m512i nibbles, __m512i pairs) {
    const __m512i low = _mm512_and_si512(nibbles, _mm512_set1_epi8(15));
    const __m512i high = _mm512_and_si512(pairs, _mm512_set1_epi8(48));
    return _mm512_sub_epi8(_mm512_or_si512(low, high), _mm512_set1_epi8(32));
  }
  __m512 group(int g, int j) const {
    return _mm512_mul_ps(_mm512_set1_ps(scales[g + j]), float_of_bytes(load128(q + 16 * (g + j))));
  }
};

// Four-bit codes are looked up in a register that holds the values of the block's 16 codes,
// five-bit ones in two registers; VPERMPS sees the low four bits of an index only. Scales wait in
// memory, read in loops that are not unrolled whole: there an instruction broadcasts a float for
// free, from a register that takes the ports that look up.

/** first, first + 1, … */
inline __m512 codes_from(float first) {
  return _mm512_add_ps(_mm512_set1_ps(first),
                       _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}

/** Values of the low nibbles of 16 bytes, or of the high ones. */
inline __m512 look_up(__m512 values, const uint8_t* p, bool high) {
  const __m512i bytes = _mm512_cvtepu8_epi32(load128(p));
  return _mm512_permutexvar_ps(high ? _mm512_srli_epi32(bytes, 4) : bytes, values);
}

/** The same, or where `fifth` says so the values of the codes from 16 on. */
inline __m512 look_up(__m512 values, __m512 from_16, const uint8_t* p, bool high, __mmask16 fifth) {
  const __m512i bytes = _mm512_cvtepu8_epi32(load128(p));
  const __m512i codes = high ? _mm512_srli_epi32(bytes, 4) : bytes;
  return _mm512_mask_permutexvar_ps(_mm512_permutexvar_ps(codes, values), fifth, codes, from_16);
}

/** d times each code plus m; the product is exact: fused is the same. */
inline __m512 affine(__m512 d, __m512 codes, __m512 m) {
  return _mm512_fmadd_ps(d, codes, m);
}

inline __m512 minus_eight() {
  return codes_from(-8);
}
inline __m512 uneven() {
  return _mm512_setr_ps(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);
}

template <__m512 (*kNumbers)()> // of the 16 codes
struct FourBits {               // blocks of 32, here up to eight: f16 d, q[16] of two nibbles
  static constexpr int kGroups = 16, kTogether = 2, kStreams = 4;
  static constexpr size_t kBytes = 144;
  alignas(32) float d[8];
  const uint8_t* blocks;
  static int groups(size_t left) { return left < 256 ? static_cast<int>(left / 16) : kGroups; }
  void load(const uint8_t* row, size_t k, size_t left) {
    const uint8_t* p = row + k / 32 * 18;
    blocks = p;
    const auto half = [p](size_t b) {
      return static_cast<int16_t>(p[18 * b] | p[18 * b + 1] << 8);
    };
    if (left >= 256)
      _mm256_store_ps(d, _mm256_cvtph_ps(_mm_setr_epi16(half(0), half(1), half(2), half(3), half(4),
                                                        half(5), half(6), half(7))));
    else
      for (size_t b = 0; b < left / 32; b++)
        _mm_store_ss(d + b, _mm_cvtph_ps(_mm_cvtsi32_si128(half(b))));
  }
  __m512 group(int g, int j) const {
    const __m512 values = _mm512_mul_ps(_mm512_set1_ps(d[g / 2]), kNumbers());
    return look_up(values, blocks + 9 * g + 2, j);
  }
};
using Q4_0 = FourBits<minus_eight>;
using Iq4Nl = FourBits<uneven>;

struct Q4_1 { // blocks of 32: f16 d, f16 m, q[16] of two nibbles
  static constexpr int kGroups = 2, kTogether = 2, kStreams = 4;
  static constexpr size_t kBytes = 20;
  __m512 values;
  const uint8_t* q;
  static int groups(size_t) { return kGroups; }
  void load(const uint8_t* row, size_t k, size_t) {
    const uint8_t* block = row + k / 32 * 20;
    values = affine(broadcast_half(block), codes_from(0), broadcast_half(block + 2));
    q = block + 4;
  }
  __m512 group(int, int j) const { return look_up(values, q, j); }
};

struct FiveBits { // 32 codes, as dense_scalar.cpp has them: high[4], low[16]
  uint32_t high;
  const uint8_t* low;
  void load(const uint8_t* p) {
    memcpy(&high, p, 4);
    low = p + 4;
  }
  __m512 look_up_in(__m512 values, __m512 from_16, int j) const {
    return look_up(values, from_16, low, j, static_cast<__mmask16>(high >> 16 * j));
  }
};

struct Q5_0 { // blocks of 32: f16 d, five-bit codes
  static constexpr int kGroups = 2, kTogether = 2, kStreams = 4;
  static constexpr size_t kBytes = 22;
  __m512 values, from_16;
  FiveBits q;
  static int groups(size_t) { return kGroups; }
  void load(const uint8_t* row, size_t k, size_t) {
    const uint8_t* block = row + k / 32 * 22;
    const __m512 d = broadcast_half(block);
    values = _mm512_mul_ps(d, codes_from(-16));
    from_16 = _mm512_mul_ps(d, codes_from(0));
    q.load(block + 2);
  }
  __m512 group(int, int j) const { return q.look_up_in(values, from_16, j); }
};

struct Q5_1 { // blocks of 32: f16 d, f16 m, five-bit codes
  static constexpr int kGroups = 2, kTogether = 2, kStreams = 4;
  static constexpr size_t kBytes = 24;
  __m512 values, from_16;
  FiveBits q;
  static int groups(size_t) { return kGroups; }
  void load(const uint8_t* row, size_t k, size_t) {
    const uint8_t* block = row + k / 32 * 24;
    const __m512 d = broadcast_half(block), m = broadcast_half(block + 2);
    values = affine(d, codes_from(0), m);
    from_16 = affine(d, codes_from(16), m);
    q.load(block + 4);
  }
  __m512 group(int, int j) const { return q.look_up_in(values, from_16, j); }
};

template <size_t kHigh> // bytes of high bits: 0 or 32
struct KBlocks {        // of 256: f16 d, f16 dmin, scales[12], high[kHigh], q[128] of two nibbles
  static constexpr int kGroups = 16, kTogether = 4, kStreams = 4;
  static constexpr size_t kBytes = 144 + kHigh;
  alignas(64) float scales[16]; // d * scale and dmin * min of sub-blocks 0..3, then of 4..7
  const uint8_t* q;
  static int groups(size_t) { return kGroups; }

  void load(const uint8_t* row, size_t k, size_t) {
    const uint8_t* block = row + k / 256 * kBytes;
    // dense_scalar.cpp draws the twelve bytes; `first` and `last` are four scales and four mins.
    uint64_t eight;
    uint32_t four;
    memcpy(&eight, block + 4, 8);
    memcpy(&four, block + 12, 4);
    const uint64_t first = eight & 0x3f3f3f3f3f3f3f3f;
    const uint64_t last = (eight >> 2 & 0x3030303030303030) | (four & 0x0f0f0f0f) |
                          static_cast<uint64_t>(four >> 4 & 0x0f0f0f0f) << 32;
    const __m128i bytes = _mm_set_epi64x(static_cast<int64_t>(last), static_cast<int64_t>(first));
    const __m128 halves = _mm_cvtph_ps(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(block)));
    const __m512i pick = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1);
    const __m512 d = _mm512_permutexvar_ps(pick, _mm512_castps128_ps512(halves));
    _mm512_store_ps(scales, _mm512_mul_ps(d, float_of_bytes(bytes)));
    q = block + 16;
  }
  __m512 group(int g, int j) const {
    const int s = g / 2 + j / 2;
    const float* scale = scales + s / 4 * 8 + s % 4;
    const auto values = [scale](float first) { // of the codes from `first` on
      const __m512 products = _mm512_mul_ps(_mm512_set1_ps(scale[0]), codes_from(first));
      return _mm512_sub_ps(products, _mm512_set1_ps(scale[4]));
    };
    const uint8_t* low = q + kHigh + 8 * g + 16 * (j % 2);
    if (kHigh == 0)
      return look_up(values(0), low, j / 2);
    const __mmask16 fifth =
        _mm_test_epi8_mask(load128(q + 16 * (j % 2)), _mm_set1_epi8(static_cast<char>(1 << s)));
    return look_up(values(0), values(16), low, j / 2, fifth);
  }
};
using Q4_K = KBlocks<0>;
using Q5_K = KBlocks<32>;

/** Pairs at distance 8, 4, 2, 1. */
inline float tree(__m512 lane) {
  const __m256 l8 = _mm256_add_ps(_mm512_castps512_ps256(lane), _mm512_extractf32x8_ps(lane, 1));
  const __m128 l4 = _mm_add_ps(_mm256_castps256_ps128(l8), _mm256_extractf128_ps(l8, 1));
  const __m128 l2 = _mm_add_ps(l4, _mm_movehl_ps(l4, l4));
  return _mm_cvtss_f32(_mm_add_ss(l2, _mm_movehdup_ps(l2)));
}

} // namespace
} // namespace bitnet
