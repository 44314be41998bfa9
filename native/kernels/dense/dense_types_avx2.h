// Stored types whose codes take 256-bit registers ways of their own, as dense_scalar.cpp defines
// them; for dense_avx2.cpp.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <immintrin.h>

#include "../lanes/lanes_avx2.h"
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

// Two rows at once: with three vectors that is 12 accumulators.
constexpr int kPlainStreams = 2, kBlockStreams = 2;
constexpr int kFewTokens = 3; // vectors up to which rows are multiplied as they are stored
constexpr int kTokens = 3;    // vectors of a register tile: 12 accumulators of 8 lanes

struct Q6_K : Unit<16, 2, 210> { // blocks of 256: ql[128], qh[64], int8 scales[16], f16 d
  // In memory, and read in loops that are not unrolled whole: loads widen bytes and broadcast
  // floats for free, where registers would need shuffles (half the speed).
  alignas(32) uint8_t q[256]; // each minus 32
  alignas(32) float scales[16];

  void load(const uint8_t* row, size_t k, size_t) {
    const uint8_t* block = row + k / 256 * 210;
    for (int half = 0; half < 2; half++) {
      const __m256i low0 = load256(block + 64 * half), low1 = load256(block + 64 * half + 32);
      const __m256i high = load256(block + 128 + 32 * half);
      uint8_t* to = q + 128 * half;
      // Quarter t has bits 2t, 2t + 1 of the same 32 bytes; they belong into bits 4 and 5.
      store_value(to, low0, _mm256_slli_epi16(high, 4));
      store_value(to + 32, low1, _mm256_slli_epi16(high, 2));
      store_value(to + 64, _mm256_srli_epi16(low0, 4), high);
      store_value(to + 96, _mm256_srli_epi16(low1, 4), _mm256_srli_epi16(high, 2));
    }
    store(All{}, scales, scaled(load_i8(block + 192), half_at(block + 208)));
  }
  static void store_value(uint8_t* q, __m256i nibbles, __m256i pairs) {
    const __m256i low = _mm256_and_si256(nibbles, _mm256_set1_epi8(15));
    const __m256i high = _mm256_and_si256(pairs, _mm256_set1_epi8(48));
    const __m256i value = _mm256_sub_epi8(_mm256_or_si256(low, high), _mm256_set1_epi8(32));
    _mm256_store_si256(reinterpret_cast<__m256i*>(q), value);
  }
  Lanes group(int g, int j) const { return scaled(load_i8(q + 16 * (g + j)), scales[g + j]); }
};

/** Eight bytes as integers. */
inline __m256i widen(const uint8_t* p) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
}

/** The low nibbles of eight bytes, or the high ones. */
inline __m256i nibbles(const uint8_t* p, bool high) {
  const __m256i bytes = widen(p);
  return high ? _mm256_srli_epi32(bytes, 4) : _mm256_and_si256(bytes, _mm256_set1_epi32(15));
}

/** The nibbles of 16 bytes as bytes: the low ones, then the high ones. */
inline __m256i nibble_bytes(const uint8_t* p) {
  const __m256i twice = _mm256_broadcastsi128_si256(load128(p));
  const __m256i shifted = _mm256_srlv_epi32(twice, _mm256_setr_epi32(0, 0, 0, 0, 4, 4, 4, 4));
  return _mm256_and_si256(shifted, _mm256_set1_epi8(15));
}

// Blocks whose codes become bytes for eight blocks together. Both wait in memory, and are read in
// loops that are not unrolled whole: loads widen bytes and broadcast floats for free.
template <size_t kBlock, int kHalves> struct Bytes : Blocks<kBlock, kHalves> {
  alignas(32) uint8_t q[256];
  /** `bytes` makes 32 bytes of the codes of a block. */
  template <class Convert>
  void load_bytes(const uint8_t* row, size_t k, size_t left, Convert bytes) {
    Blocks<kBlock, kHalves>::load(row, k, left);
    const int groups = this->groups(left);
    for (int g = 0; g < groups; g += 2)
      _mm256_store_si256(reinterpret_cast<__m256i*>(q + 16 * g), bytes(this->codes(g)));
  }
  /** d times each. */
  Lanes scaled_bytes(int g, int j) const {
    return scaled(load_i8(q + 16 * (g + j)), this->half(g, 0));
  }
};

struct Q4_0 : Bytes<18, 1> { // blocks of 32: f16 d, q[16] of two nibbles
  void load(const uint8_t* row, size_t k, size_t left) {
    load_bytes(row, k, left, [](const uint8_t* q) {
      return _mm256_sub_epi8(nibble_bytes(q), _mm256_set1_epi8(8));
    });
  }
  Lanes group(int g, int j) const { return scaled_bytes(g, j); }
};

struct Iq4Nl : Bytes<18, 1> { // blocks of 32: f16 d, q[16] of two nibbles: the places of numbers
  void load(const uint8_t* row, size_t k, size_t left) {
    load_bytes(row, k, left, [](const uint8_t* q) {
      const __m128i numbers =
          _mm_setr_epi8(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);
      return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(numbers), nibble_bytes(q));
    });
  }
  Lanes group(int g, int j) const { return scaled_bytes(g, j); }
};

/** Codes times d plus m; the product is exact: fused is the same. */
inline __m256 affine(__m256 d, __m256i code, __m256 m) {
  return _mm256_fmadd_ps(d, _mm256_cvtepi32_ps(code), m);
}

struct Q4_1 : Unit<2, 2, 20> { // blocks of 32: f16 d, f16 m, q[16] of two nibbles
  __m256 d, m;
  const uint8_t* q;
  void load(const uint8_t* row, size_t k, size_t) {
    const uint8_t* block = row + k / 32 * 20;
    d = broadcast(half_at(block));
    m = broadcast(half_at(block + 2));
    q = block + 4;
  }
  Lanes group(int, int j) const {
    return {{affine(d, nibbles(q, j), m), affine(d, nibbles(q + 8, j), m)}};
  }
};

/** A byte for each of 32 bits: 0xff where it is clear. */
inline __m256i clear_bits(const uint8_t* p) {
  uint32_t bits;
  memcpy(&bits, p, 4);
  const __m256i spread = _mm256_shuffle_epi8(
      _mm256_set1_epi32(static_cast<int>(bits)),
      _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303));
  const __m256i bit = _mm256_set1_epi64x(static_cast<int64_t>(0x8040201008040201));
  return _mm256_cmpeq_epi8(_mm256_and_si256(spread, bit), _mm256_setzero_si256());
}

struct Q5_0 : Bytes<22, 1> { // blocks of 32: f16 d, five-bit codes: high[4], low[16]
  void load(const uint8_t* row, size_t k, size_t left) {
    load_bytes(row, k, left, [](const uint8_t* q) { // 16 less than the nibble without a fifth bit
      const __m256i less = _mm256_and_si256(clear_bits(q), _mm256_set1_epi8(-16));
      return _mm256_or_si256(nibble_bytes(q + 4), less);
    });
  }
  Lanes group(int g, int j) const { return scaled_bytes(g, j); }
};

struct Q5_1 : Bytes<24, 2> { // blocks of 32: f16 d, f16 m, codes as in Q5_0
  void load(const uint8_t* row, size_t k, size_t left) {
    load_bytes(row, k, left, [](const uint8_t* q) {
      const __m256i more = _mm256_andnot_si256(clear_bits(q), _mm256_set1_epi8(16));
      return _mm256_or_si256(nibble_bytes(q + 4), more);
    });
  }
  Lanes group(int g, int j) const {
    const __m256 d = _mm256_set1_ps(half(g, 0)), m = _mm256_set1_ps(half(g, 1));
    const uint8_t* code = q + 16 * (g + j);
    return {{affine(d, widen(code), m), affine(d, widen(code + 8), m)}};
  }
};

struct KScales { // what blocks of 256 begin with in Q4_K and Q5_K: f16 d, f16 dmin, scales[12]
  alignas(32) float scale[8]; // d * scale and dmin * min of the sub-blocks, each 32 columns
  alignas(32) float least[8];

  void load_scales(const uint8_t* block) {
    // dense_scalar.cpp draws the twelve bytes; here four sub-blocks at a time.
    uint32_t a, b, c;
    memcpy(&a, block + 4, 4);
    memcpy(&b, block + 8, 4);
    memcpy(&c, block + 12, 4);
    store(scale, broadcast(half_at(block)), a & 0x3f3f3f3f,
          (c & 0x0f0f0f0f) | (a >> 2 & 0x30303030));
    store(least, broadcast(half_at(block + 2)), b & 0x3f3f3f3f,
          (c >> 4 & 0x0f0f0f0f) | (b >> 2 & 0x30303030));
  }
  static void store(float* to, __m256 d, uint32_t first, uint32_t last) {
    const __m128i bytes = _mm_cvtsi64_si128(static_cast<int64_t>(last) << 32 | first);
    _mm256_store_ps(to, _mm256_mul_ps(d, _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes))));
  }
  __m256 value(int s, __m256i code) const { // the product is exact: fused is the same
    return _mm256_fmsub_ps(_mm256_set1_ps(scale[s]), _mm256_cvtepi32_ps(code),
                           _mm256_set1_ps(least[s]));
  }
};

struct Q4_K : Unit<16, 4, 144>, KScales { // blocks of 256: KScales, q[128] of two nibbles
  const uint8_t* q;
  void load(const uint8_t* row, size_t k, size_t) {
    const uint8_t* block = row + k / 256 * kBytes;
    load_scales(block);
    q = block + 16;
  }
  Lanes group(int g, int j) const {
    const int s = g / 2 + j / 2;
    const uint8_t* p = q + 8 * g + 16 * (j % 2);
    return {{value(s, nibbles(p, j / 2)), value(s, nibbles(p + 8, j / 2))}};
  }
};

struct Q5_K : Unit<16, 2, 176>, KScales { // blocks of 256: KScales, high[32], q[128] of two nibbles
  alignas(32) uint8_t q[256];
  void load(const uint8_t* row, size_t k, size_t) {
    const uint8_t* block = row + k / 256 * kBytes;
    load_scales(block);
    // Sub-blocks 2t and 2t + 1 have their nibbles in the same 32 bytes and their fifth bits in bits
    // 2t and 2t + 1 of `high`, which belong into bit 4.
    __m256i high = load256(block + 16);
    for (int t = 0; t < 4; t++) {
      const __m256i low = load256(block + 48 + 32 * t);
      store_codes(q + 64 * t, low, _mm256_slli_epi16(high, 4));
      store_codes(q + 64 * t + 32, _mm256_srli_epi16(low, 4), _mm256_slli_epi16(high, 3));
      high = _mm256_srli_epi16(high, 2);
    }
  }
  static void store_codes(uint8_t* to, __m256i nibble, __m256i fifth) {
    const __m256i low = _mm256_and_si256(nibble, _mm256_set1_epi8(15));
    const __m256i high = _mm256_and_si256(fifth, _mm256_set1_epi8(16));
    _mm256_store_si256(reinterpret_cast<__m256i*>(to), _mm256_or_si256(low, high));
  }
  Lanes group(int g, int j) const {
    const uint8_t* p = q + 16 * (g + j);
    return {{value(g / 2, widen(p)), value(g / 2, widen(p + 8))}};
  }
};

} // namespace
} // namespace bitnet
