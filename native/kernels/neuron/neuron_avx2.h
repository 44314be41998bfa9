// What neuron kernels on 256-bit registers share: sums over lanes, transposition, interleaving and
// the search for what is not zero. Anonymous, like the layouts.
#pragma once
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../ternary/ternary.h"
#include "neuron.h"

namespace bitnet {
namespace {

/** Sums over the lanes of four vectors. */
inline __m128i lane_sums(__m256i a, __m256i b, __m256i c, __m256i d) {
  const __m256i ab = _mm256_add_epi32(_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
  const __m256i cd = _mm256_add_epi32(_mm256_unpacklo_epi32(c, d), _mm256_unpackhi_epi32(c, d));
  const __m256i all =
      _mm256_add_epi32(_mm256_unpacklo_epi64(ab, cd), _mm256_unpackhi_epi64(ab, cd));
  return _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
}

/** Stores the first `count` lanes, or all four if they are fewer. */
inline void store_lanes(int32_t* out, __m128i v, size_t count) {
  alignas(16) int32_t lane[4];
  if (count >= 4)
    return _mm_storeu_si128(reinterpret_cast<__m128i*>(out), v);
  _mm_store_si128(reinterpret_cast<__m128i*>(lane), v);
  memcpy(out, lane, count * sizeof *lane);
}

/** 8 x 8 int32: lane j of vector i becomes lane i of vector j. */
inline void transpose(__m256i v[8]) {
  __m256i t[8];
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_epi32(v[i], v[i + 1]);
    t[i + 1] = _mm256_unpackhi_epi32(v[i], v[i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4)
#pragma GCC unroll 2
    for (int j = 0; j < 2; j++) {
      // v[4 a + b]: lanes b and 4 + b of neurons 4 a .. 4 a + 3
      v[i + 2 * j] = _mm256_unpacklo_epi64(t[i + j], t[i + j + 2]);
      v[i + 2 * j + 1] = _mm256_unpackhi_epi64(t[i + j], t[i + j + 2]);
    }
#pragma GCC unroll 4
  for (int b = 0; b < 4; b++) {
    const __m256i low = _mm256_permute2x128_si256(v[b], v[4 + b], 0x20);
    v[4 + b] = _mm256_permute2x128_si256(v[b], v[4 + b], 0x31);
    v[b] = low;
  }
}

/** The same tokens for the loops that tiles are multiplied with. */
inline TernaryProduct tokens_of(const NeuronProduct& p) {
  return {.packed = p.neurons,
          .cols = p.width,
          .q = p.q,
          .q_stride = p.q_stride,
          .q_sum = p.q_sum,
          .n = p.n,
          .out = p.out,
          .out_stride = p.out_stride,
          .scratch = p.scratch};
}

constexpr size_t kRows = 16; // that those loops multiply together
constexpr size_t kTailTokens = 36;

/**
 * Rows [begin, begin + count), fewer than kRows: whole vectors of sums have no room in the result.
 * multiply(u, p, begin, kRows, count, out) does it for the tokens of p.
 */
template <class Multiply>
void last_rows(const NeuronProduct& u, size_t begin, size_t count, int32_t* out,
               Multiply multiply) {
  alignas(32) int32_t sums[kTailTokens * kRows];
  TernaryProduct p = tokens_of(u);
  p.out_stride = kRows;
  for (size_t i = 0; i < u.n; i += kTailTokens) {
    p.q = u.q + i * u.q_stride;
    p.q_sum = u.q_sum + i;
    p.n = u.n - i < kTailTokens ? u.n - i : kTailTokens;
    multiply(u, p, begin, kRows, count, sums);
    for (size_t t = 0; t < p.n; t++)
      memcpy(out + (i + t) * u.out_stride, sums + t * kRows, count * sizeof *sums);
  }
}

/**
 * Bytes of four column neurons to two of the vectors m that the layouts speak of, in int32 lanes of
 * four: m = 0 and 1, or with kHigh m = 2 and 3.
 */
template <bool kHigh>
void interleave(__m256i a, __m256i b, __m256i c, __m256i d, __m256i group[2]) {
  const __m256i ab = kHigh ? _mm256_unpackhi_epi8(a, b) : _mm256_unpacklo_epi8(a, b);
  const __m256i cd = kHigh ? _mm256_unpackhi_epi8(c, d) : _mm256_unpacklo_epi8(c, d);
  group[0] = _mm256_unpacklo_epi16(ab, cd);
  group[1] = _mm256_unpackhi_epi16(ab, cd);
}

/** For each mask of eight values: the positions of its bits, and how many there are. */
struct ActiveTable {
  uint8_t position[256][8] = {};
  uint8_t count[256] = {};

  constexpr ActiveTable() {
    for (unsigned mask = 0; mask < 256; mask++)
      for (unsigned bit = 0; bit < 8; bit++)
        if (mask >> bit & 1)
          position[mask][count[mask]++] = static_cast<uint8_t>(bit);
  }
};
constexpr ActiveTable kActiveTable;

/** Stores whole vectors of ids, of which those behind the last one found are overwritten. */
inline size_t find_active(const int8_t* q, size_t count, int32_t* ids) {
  size_t active = 0, i = 0;
  for (; i + 32 <= count; i += 32) {
    const __m256i zeros = _mm256_cmpeq_epi8(
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(q + i)), _mm256_setzero_si256());
    uint32_t mask = ~static_cast<uint32_t>(_mm256_movemask_epi8(zeros));
    for (size_t first = i; mask != 0; first += 8, mask >>= 8) {
      const uint8_t eight = static_cast<uint8_t>(mask);
      const __m256i positions = _mm256_cvtepu8_epi32(
          _mm_loadl_epi64(reinterpret_cast<const __m128i*>(kActiveTable.position[eight])));
      _mm256_storeu_si256(
          reinterpret_cast<__m256i*>(ids + active),
          _mm256_add_epi32(positions, _mm256_set1_epi32(static_cast<int32_t>(first))));
      active += kActiveTable.count[eight];
    }
  }
  for (; i < count; i++) {
    ids[active] = static_cast<int32_t>(i);
    active += q[i] != 0;
  }
  return active;
}

} // namespace
} // namespace bitnet
