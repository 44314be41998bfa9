// Blocks of 32 weights that begin with one half or two, eight at a time, whose halves are converted
// together; for dense_types_avx2.h and dense_types_avx512.h.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <immintrin.h>

namespace bitnet {
namespace {

// Alone, the half of each block would take the ports that look codes up and widen them. The floats
// wait in memory, because there an instruction broadcasts one for free.
template <size_t kBlock, int kHalves> // bytes of a block, halves that it begins with: 1 or 2
struct Blocks {                       // up to eight: a unit, as the types of both headers
  static constexpr int kGroups = 16, kTogether = 2;
  static constexpr size_t kBytes = 8 * kBlock;
  alignas(32) float halves[8 * kHalves];
  const uint8_t* blocks;
  static int groups(size_t left) { return left < 256 ? static_cast<int>(left / 16) : kGroups; }
  void load(const uint8_t* row, size_t k, size_t left) {
    blocks = row + k / 32 * kBlock;
    if (left >= 256) {
      convert_four(0);
      convert_four(4);
    } else {
      for (size_t b = 0; b < left / 32; b++) {
        const __m128 one = _mm_cvtph_ps(_mm_cvtsi32_si128(bits(b)));
        if constexpr (kHalves == 1)
          _mm_store_ss(halves + b, one);
        else
          _mm_storel_epi64(reinterpret_cast<__m128i*>(halves + 2 * b), _mm_castps_si128(one));
      }
    }
  }
  /** The halves of block b, the first one lowest. */
  int bits(size_t b) const {
    const uint8_t* p = blocks + b * kBlock;
    const uint32_t first = p[0] | static_cast<uint32_t>(p[1]) << 8;
    const uint32_t both =
        first | static_cast<uint32_t>(p[2]) << 16 | static_cast<uint32_t>(p[3]) << 24;
    return static_cast<int>(kHalves == 1 ? first : both);
  }
  // Inserted one by one: GCC puts a list of integers together in memory, in pieces that the load
  // behind them has to wait for.
  void convert_four(size_t b) {
    __m128i four = _mm_setzero_si128();
    if constexpr (kHalves == 1) {
      four = _mm_insert_epi16(four, bits(b), 0);
      four = _mm_insert_epi16(four, bits(b + 1), 1);
      four = _mm_insert_epi16(four, bits(b + 2), 2);
      four = _mm_insert_epi16(four, bits(b + 3), 3);
      _mm_store_ps(halves + b, _mm_cvtph_ps(four));
    } else {
      four = _mm_insert_epi32(four, bits(b), 0);
      four = _mm_insert_epi32(four, bits(b + 1), 1);
      four = _mm_insert_epi32(four, bits(b + 2), 2);
      four = _mm_insert_epi32(four, bits(b + 3), 3);
      _mm256_store_ps(halves + 2 * b, _mm256_cvtph_ps(four));
    }
  }
  /** Half i of the block of group g. */
  float half(int g, int i) const { return halves[g / 2 * kHalves + i]; }
  const uint8_t* codes(int g) const { return blocks + g / 2 * kBlock + 2 * kHalves; }
};

} // namespace
} // namespace bitnet
