// Stored types whose codes take 512-bit registers ways of their own, as dense_scalar.cpp defines
// them; for dense_avx512.cpp.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <immintrin.h>

#include "../lanes/lanes_avx512.h"
#include "dense_blocks_x86.h"
#include "dense_types_generic.h"

namespace bitnet {
namespace {

inline __m128i load128(const uint8_t* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}
inline __m256i load256(const uint8_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}

// Rows to read at once for one vector: two of floats are enough, because memory is slower than the
// sums, which take four cycles a step; decoding blocks needs four to fill the gaps.
constexpr int kPlainStreams = 2, kBlockStreams = 4;
constexpr int kFewTokens = 6; // vectors up to which rows are multiplied as they are stored
constexpr int kTokens = 6;    // vectors of a register tile: 24 accumulators

struct Q6_K : Unit<16, 2, 210> { // blocks of 256: ql[128], qh[64], int8 scales[16], f16 d
  // In memory, and read in loops that are not unrolled whole: loads widen bytes and broadcast
  // floats for free, where registers would need shuffles (half the speed).
  alignas(64) uint8_t q[256]; // each minus 32
  alignas(64) float scales[16];

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
    store(All{}, scales, scaled(load_i8(block + 192), half_at(block + 208)));
  }
  static __m512i value(__m512i nibbles, __m512i pairs) {
    const __m512i low = _mm512_and_si512(nibbles, _mm512_set1_epi8(15));
    const __m512i high = _mm512_and_si512(pairs, _mm512_set1_epi8(48));
    return _mm512_sub_epi8(_mm512_or_si512(low, high), _mm512_set1_epi8(32));
  }
  Lanes group(int g, int j) const { return scaled(load_i8(q + 16 * (g + j)), scales[g + j]); }
};

// Four-bit codes are looked up in a register that holds the values of the block's 16 codes; VPERMPS
// sees the low four bits of an index only. Five-bit codes are put together as bytes, converted and
// scaled: two lookups, one of them masked, would take the ports that look up twice as long.
// Scales wait in memory, read in loops that are not unrolled whole: there an instruction broadcasts
// a float for free, from a register that takes the ports that look up.

/** first, first + 1, … */
inline __m512 codes_from(float first) {
  return _mm512_add_ps(_mm512_set1_ps(first),
                       _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}

/** Values of the low nibbles of 16 bytes, or of the high ones. */
inline Lanes look_up(__m512 values, const uint8_t* p, bool high) {
  const __m512i bytes = _mm512_cvtepu8_epi32(load128(p));
  return {{_mm512_permutexvar_ps(high ? _mm512_srli_epi32(bytes, 4) : bytes, values)}};
}

/**
 * d times each code plus m, for a register to look up in. The product is exact: fused is the same,
 * but slower here, where additions have ports of their own.
 */
inline __m512 affine(__m512 d, __m512 codes, __m512 m) {
  return _mm512_add_ps(_mm512_mul_ps(d, codes), m);
}

inline __m512 minus_eight() {
  return codes_from(-8);
}
inline __m512 uneven() {
  return _mm512_setr_ps(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);
}

template <__m512 (*kNumbers)()>   // of the 16 codes
struct FourBits : Blocks<18, 1> { // blocks of 32: f16 d, q[16] of two nibbles
  Lanes group(int g, int j) const {
    return look_up(_mm512_mul_ps(_mm512_set1_ps(half(g, 0)), kNumbers()), codes(g), j);
  }
};
using Q4_0 = FourBits<minus_eight>;
using Iq4Nl = FourBits<uneven>;

struct Q4_1 : Blocks<20, 2> { // blocks of 32: f16 d, f16 m, q[16] of two nibbles
  Lanes group(int g, int j) const {
    return look_up(affine(_mm512_set1_ps(half(g, 0)), codes_from(0), _mm512_set1_ps(half(g, 1))),
                   codes(g), j);
  }
};

// A block's 32 codes are high[4], low[16], as dense_scalar.cpp has them. As bytes:
//   low nibbles | high ones   the 16 bytes twice, shifted by 0 | 4
//   plus kBase                above the nibble, the value without the fifth bit: 0, or 0xf0 (-16)
//   plus 16                   where the fifth bit, of this mask of 32 bytes, is set
template <size_t kBlock, int kHalves, int kBase> struct FiveBits : Blocks<kBlock, kHalves> {
  alignas(32) uint8_t q[256];
  void load(const uint8_t* row, size_t k, size_t left) {
    Blocks<kBlock, kHalves>::load(row, k, left);
    const int groups = this->groups(left);
    for (int g = 0; g < groups; g += 2) {
      const uint8_t* p = this->codes(g);
      uint32_t fifths;
      memcpy(&fifths, p, 4);
      const __m256i twice = _mm256_broadcastsi128_si256(load128(p + 4));
      const __m256i nibbles = _mm256_srlv_epi32(twice, _mm256_setr_epi32(0, 0, 0, 0, 4, 4, 4, 4));
      const __m256i base = kBase == 0 ? _mm256_and_si256(nibbles, _mm256_set1_epi8(15))
                                      : _mm256_or_si256(nibbles, _mm256_set1_epi8(kBase));
      _mm256_store_si256(reinterpret_cast<__m256i*>(q + 16 * g),
                         _mm256_mask_add_epi8(base, fifths, base, _mm256_set1_epi8(16)));
    }
  }
  Lanes code(int g, int j) const { return load_i8(q + 16 * (g + j)); }
};

struct Q5_0 : FiveBits<22, 1, -16> { // blocks of 32: f16 d, five-bit codes
  Lanes group(int g, int j) const { return scaled(code(g, j), half(g, 0)); }
};

struct Q5_1 : FiveBits<24, 2, 0> { // blocks of 32: f16 d, f16 m, five-bit codes
  Lanes group(int g, int j) const {
    const __m512 d = _mm512_set1_ps(half(g, 0)), m = _mm512_set1_ps(half(g, 1));
    return {{_mm512_fmadd_ps(d, code(g, j).part[0], m)}};
  }
};

struct KScales { // what blocks of 256 begin with in Q4_K and Q5_K: f16 d, f16 dmin, scales[12]
  alignas(64) float scales[16]; // d * scale and dmin * min of sub-blocks 0..3, then of 4..7
  void load_scales(const uint8_t* block) {
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
    _mm512_store_ps(scales, _mm512_mul_ps(d, lanes_of_i8(bytes).part[0]));
  }
  /** d * scale of sub-block s; four floats later dmin * min. */
  const float* scale(int s) const { return scales + s / 4 * 8 + s % 4; }
};

struct Q4_K : Unit<16, 4, 144>, KScales { // blocks of 256: KScales, q[128] of two nibbles
  const uint8_t* q;
  void load(const uint8_t* row, size_t k, size_t) {
    const uint8_t* block = row + k / 256 * kBytes;
    load_scales(block);
    q = block + 16;
  }
  Lanes group(int g, int j) const {
    const float* of = scale(g / 2 + j / 2);
    const __m512 products = _mm512_mul_ps(_mm512_set1_ps(of[0]), codes_from(0));
    const __m512 values = _mm512_sub_ps(products, _mm512_set1_ps(of[4]));
    return look_up(values, q + 8 * g + 16 * (j % 2), j / 2);
  }
};

struct Q5_K : Unit<16, 2, 176>, KScales { // blocks of 256: KScales, high[32], q[128] of two nibbles
  alignas(64) uint8_t codes[256];

  void load(const uint8_t* row, size_t k, size_t) {
    const uint8_t* block = row + k / 256 * kBytes;
    load_scales(block);
    const __m512i high = _mm512_broadcast_i64x4(load256(block + 16));
    // Sub-blocks 2t and 2t + 1 have their nibbles in the same 32 bytes and their fifth bits in bits
    // 2t and 2t + 1 of `high`: rotated to bit 4. All other bits that come along are masked.
    for (int t = 0; t < 4; t++) {
      const __m512i low = _mm512_broadcast_i64x4(load256(block + 48 + 32 * t));
      const __m512i nibbles = _mm512_srlv_epi32(low, each_half(0, 4));
      const __m512i fifths = _mm512_rolv_epi32(high, each_half(4 - 2 * t, 3 - 2 * t));
      const int kSelect = 0xca; // bits of the second where the first has ones, else of the third
      const __m512i both =
          _mm512_ternarylogic_epi32(_mm512_set1_epi8(15), nibbles, fifths, kSelect);
      _mm512_store_si512(codes + 64 * t, _mm512_and_si512(both, _mm512_set1_epi8(31)));
    }
  }
  static __m512i each_half(int first, int second) {
    return _mm512_inserti64x4(_mm512_set1_epi32(first), _mm256_set1_epi32(second), 1);
  }
  Lanes group(int g, int j) const {
    const float* of = scale(g / 2);
    const __m512 q = load_i8(codes + 16 * (g + j)).part[0];
    return {{_mm512_fmsub_ps(_mm512_set1_ps(of[0]), q, _mm512_set1_ps(of[4]))}}; // d * q is exact
  }
};

} // namespace
} // namespace bitnet
