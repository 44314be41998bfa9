// What the 512-bit group kernels share: a group's scales, tokens in panels, and the loop for many
// tokens, over codes unpacked to bytes. Anonymous, like the layouts.
#pragma once
#include <immintrin.h>

#include "groups_layout.h"

namespace bitnet {
namespace {

// Columns unpacked at a time, whole groups of any size: with 80 rows 200 kB, which stay in the L2
// cache while all tokens pass. Few tokens are faster with smaller pieces.
constexpr size_t kGroupPiece = 2560;
constexpr size_t kSmallGroupPiece = 1024;
constexpr size_t kLargeGroupPieceFrom = 33; // tokens

constexpr size_t kPanelTokens = 6; // at most

/** Floats of a panel, codes of a piece, and the scales of its groups as floats. */
constexpr size_t groups_scratch(size_t rows) {
  return (kPanelTokens + kGroupPiece / kGroupSumCols) * rows * sizeof(float) + kGroupPiece * rows;
}

// Bytes fetched ahead into L2 for one token.
constexpr size_t kGroupAhead = 16384;

/** Four activations of one token in every int32 lane. */
inline __m512i activations4(const int8_t* q) {
  int32_t group;
  memcpy(&group, q, sizeof group);
  return _mm512_set1_epi32(group);
}

/**
 * Sixteen int32 sums. GCC gets a type with int lanes: sums that are kept as __m512i, which has 64-bit
 * lanes, it copies and spills in every step of a loop inside a loop.
 */
#if defined(__GNUC__)
using Lanes = int __attribute__((vector_size(64)));
#else
using Lanes = __m512i;
#endif

inline Lanes lanes(__m512i v) {
#if defined(__GNUC__)
  return reinterpret_cast<Lanes>(v);
#else
  return v;
#endif
}

inline __m512i vector(Lanes v) {
#if defined(__GNUC__)
  return reinterpret_cast<__m512i>(v);
#else
  return v;
#endif
}

/** sum + the dot product of four u8 weights and four s8 activations in every int32 lane. */
inline Lanes dot(Lanes sum, __m512i weights, __m512i activations) {
  return lanes(_mm512_dpbusd_epi32(vector(sum), weights, activations));
}

inline __m512 floats(Lanes sum) {
  return _mm512_cvtepi32_ps(vector(sum));
}

inline __m512 scales16(const uint8_t* halves, float factor) {
  const __m512 scale =
      _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(halves)));
  return factor == 1.0f ? scale : _mm512_mul_ps(scale, _mm512_set1_ps(factor));
}

/** Some tokens of a product, at a piece of its columns. */
struct GroupPanel {
  const int8_t* q; // [tokens, q_stride], at the first column
  size_t q_stride;
  const int32_t* sums; // [tokens, sums_stride], at the first column's
  size_t sums_stride;
  const float* step; // [tokens]
  float* out;        // [tokens, out_stride], at the tile's first row
  size_t out_stride;
};

inline GroupPanel panel_of(const GroupProduct& p, size_t i, size_t k, float* out) {
  return {p.q + i * p.q_stride + k,
          p.q_stride,
          p.q_sums + i * p.sums_stride + k / kGroupSumCols,
          p.sums_stride,
          p.step + i,
          out + i * p.out_stride,
          p.out_stride};
}

/** Unpacked codes of whole groups, [cols / 4][kFields][64], and scales, [groups][kFields][16]. */
struct GroupCodes {
  const uint8_t* codes;
  const float* scales;
  size_t groups, group;
  float* total;     // [kTokens][kFields][16]
  bool first, last; // of the pieces of a row: out starts, and is multiplied by step
};

/**
 * kFields * 16 rows times kTokens tokens: as many sums as the one-scale product keeps in registers.
 * The floats they are added to once a group stay in L1.
 */
template <int kFields, int kTokens> void multiply_groups(GroupCodes c, GroupPanel p) {
  float* const total = c.total;
#pragma GCC unroll 8
  for (int i = 0; i < kTokens; i++)
#pragma GCC unroll 5
    for (int f = 0; f < kFields; f++)
      _mm512_store_ps(total + (i * kFields + f) * 16,
                      c.first ? _mm512_setzero_ps()
                              : _mm512_loadu_ps(p.out + i * p.out_stride + 16 * f));
  const uint8_t* codes = c.codes;
  const int8_t* q = p.q;
  const size_t q_stride = p.q_stride, group = c.group;
  for (size_t g = 0; g < c.groups; g++, q += group) {
    Lanes sum[kTokens][kFields];
#pragma GCC unroll 8
    for (int i = 0; i < kTokens; i++) {
      const Lanes minus =
          lanes(_mm512_set1_epi32(-sum_of_group(p.sums + i * p.sums_stride, g, group)));
#pragma GCC unroll 5
      for (int f = 0; f < kFields; f++)
        sum[i][f] = minus;
    }
    for (size_t k = 0; k < group; k += 4, codes += 64 * kFields) {
      __m512i w[kFields];
#pragma GCC unroll 5
      for (int f = 0; f < kFields; f++)
        w[f] = _mm512_load_si512(codes + f * 64);
#pragma GCC unroll 8
      for (int i = 0; i < kTokens; i++) {
        const __m512i a = activations4(q + i * q_stride + k);
#pragma GCC unroll 5
        for (int f = 0; f < kFields; f++)
          sum[i][f] = dot(sum[i][f], w[f], a);
      }
    }
#pragma GCC unroll 5
    for (int f = 0; f < kFields; f++) {
      const __m512 scale = _mm512_load_ps(c.scales + (g * kFields + f) * 16);
#pragma GCC unroll 8
      for (int i = 0; i < kTokens; i++)
        _mm512_store_ps(total + (i * kFields + f) * 16,
                        _mm512_fmadd_ps(floats(sum[i][f]), scale,
                                        _mm512_load_ps(total + (i * kFields + f) * 16)));
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kTokens; i++) {
    const __m512 step = _mm512_set1_ps(c.last ? p.step[i] : 1.0f);
#pragma GCC unroll 5
    for (int f = 0; f < kFields; f++)
      _mm512_storeu_ps(p.out + i * p.out_stride + 16 * f,
                       _mm512_mul_ps(_mm512_load_ps(total + (i * kFields + f) * 16), step));
  }
}

/** Tokens whose sums fit into the registers beside the weights. */
template <int kFields> constexpr int kMostGroupTokens = kFields == 5 ? 5 : int{kPanelTokens};

template <int kFields>
void multiply_panel(const GroupCodes& c, size_t tokens, const GroupPanel& p) {
  switch (tokens) {
  case 1:
    return multiply_groups<kFields, 1>(c, p);
  case 2:
    return multiply_groups<kFields, 2>(c, p);
  case 3:
    return multiply_groups<kFields, 3>(c, p);
  case 4:
    return multiply_groups<kFields, 4>(c, p);
  case 5:
    return multiply_groups<kFields, 5>(c, p);
  default:
    return multiply_groups<kFields, kMostGroupTokens<kFields>>(c, p);
  }
}

/**
 * One tile of any width times all tokens, unpacked piece by piece with `unpack(bytes, cols, codes)`.
 */
template <int kFields, void (*unpack)(const uint8_t*, size_t, uint8_t*)>
void multiply_group_tile(const uint8_t* tile, const GroupProduct& p, float* out) {
  constexpr size_t kRows = 16 * kFields, kMost = kMostGroupTokens<kFields>;
  float* total = reinterpret_cast<float*>(p.scratch);
  float* scales = total + kPanelTokens * kRows;
  uint8_t* codes = reinterpret_cast<uint8_t*>(scales + kGroupPiece / kGroupSumCols * kRows);
  const size_t piece = p.n < kLargeGroupPieceFrom ? kSmallGroupPiece : kGroupPiece;
  for (size_t k = 0; k < p.cols; k += piece) {
    const size_t cols = p.cols - k < piece ? p.cols - k : piece, groups = cols / p.group;
    for (size_t g = 0; g < groups; g++, tile += group_bytes(kRows, p.group)) {
      unpack(tile, p.group, codes + g * p.group * kRows);
      for (size_t f = 0; f < kFields; f++)
        _mm512_store_ps(scales + (g * kFields + f) * 16,
                        scales16(tile + p.group * kTileColumn + 32 * f, p.factor));
    }
    const GroupCodes all = {codes, scales, groups, p.group, total, k == 0, k + cols == p.cols};
    size_t panels = (p.n + kMost - 1) / kMost; // of nearly equal size: each of them reads all codes
    for (size_t i = 0; i < p.n; panels--) {
      const size_t tokens = (p.n - i + panels - 1) / panels;
      multiply_panel<kFields>(all, tokens, panel_of(p, i, k, out));
      i += tokens;
    }
  }
}

} // namespace
} // namespace bitnet
