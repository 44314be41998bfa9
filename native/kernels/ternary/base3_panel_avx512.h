// What the 512-bit base3 kernels share: a tile of 80 rows times any number of tokens. Anonymous on
// purpose, like mad2_layout.h.
#pragma once
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base3_layout.h"

namespace bitnet {
namespace {

// From this many tokens on, unpacking a piece of a tile once pays for the sixth sum that
// telescoping costs each token.
constexpr size_t kUnpackFrom = 17;

// Columns unpacked at a time. 80 rows of them are 200 kB, which stay in the L2 cache while all
// tokens pass; the sums, which are read and written once more for each piece, cost more than
// smaller pieces gain in L1. Few tokens are faster with pieces between the two.
constexpr size_t kPiece = 2560;
constexpr size_t kSmallPiece = 960;
constexpr size_t kLargePieceFrom = 33; // tokens

// Bytes fetched ahead into L2 for one token.
constexpr size_t kTileAhead = 16384;

constexpr size_t kBase3Scratch = kPiece * kBase3Rows;

/** Four activations of one token in every int32 lane. */
inline __m512i broadcast4(const int8_t* q) {
  int32_t group;
  memcpy(&group, q, sizeof group);
  return _mm512_set1_epi32(group);
}

inline __m512i times3(__m512i q) {
  return _mm512_add_epi8(_mm512_add_epi8(q, q), q);
}

/** Tokens of one call and where they stand. */
struct Panel {
  const int8_t* q; // [tokens, q_stride], at the first column
  size_t q_stride;
  int32_t* out; // [tokens, out_stride], at the tile's first row; the result is added
  size_t out_stride;
};

inline void add_to(int32_t* out, __m512i sum) {
  _mm512_storeu_si512(out, _mm512_add_epi32(_mm512_loadu_si512(out), sum));
}

/** (3 S[f] - S[f + 1]) / 256 for the five fields, exact. */
inline void add_telescoped(const __m512i sum[6], int32_t* out) {
#pragma GCC unroll 5
  for (size_t f = 0; f < kBase3Fields; f++) {
    const __m512i triple = _mm512_add_epi32(_mm512_add_epi32(sum[f], sum[f]), sum[f]);
    add_to(out + f * kBase3Lanes, _mm512_srai_epi32(_mm512_sub_epi32(triple, sum[f + 1]), 8));
  }
}

/**
 * Packed bytes times kTokens tokens, without extracting a digit: 6 VPDPBUSD a token and 10 byte
 * additions for 320 weights. Four tokens are 24 accumulators.
 */
template <int kTokens> void telescope(const uint8_t* tile, size_t cols, const Panel& p) {
  __m512i sum[kTokens][6];
#pragma GCC unroll 4
  for (int i = 0; i < kTokens; i++)
    for (int f = 0; f < 6; f++)
      sum[i][f] = _mm512_setzero_si512();
  for (size_t k = 0; k < cols; k += 4) {
    __m512i q = _mm512_loadu_si512(tile + base3_tile_bytes(k));
    if (kTokens == 1)
      _mm_prefetch(reinterpret_cast<const char*>(tile + base3_tile_bytes(k) + kTileAhead),
                   _MM_HINT_T1);
    __m512i a[kTokens];
#pragma GCC unroll 4
    for (int i = 0; i < kTokens; i++)
      a[i] = broadcast4(p.q + i * p.q_stride + k);
#pragma GCC unroll 6
    for (int f = 0; f < 6; f++) {
#pragma GCC unroll 4
      for (int i = 0; i < kTokens; i++)
        sum[i][f] = _mm512_dpbusd_epi32(sum[i][f], q, a[i]);
      if (f < 5)
        q = times3(q);
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < kTokens; i++)
    add_telescoped(sum[i], p.out + i * p.out_stride);
}

/** Codes of 64 packed bytes, field by field. Digit f of q is 0 below 86, 1 below 171, else 2. */
inline void unpack_digits(__m512i q, uint8_t* codes /* [5, stride] */, size_t stride) {
  const __m512i one = _mm512_set1_epi8(1);
  const __m512i from1 = _mm512_set1_epi8(86), from2 = _mm512_set1_epi8(static_cast<char>(171));
#pragma GCC unroll 5
  for (size_t f = 0; f < kBase3Fields; f++) {
    const __m512i low = _mm512_maskz_mov_epi8(_mm512_cmpge_epu8_mask(q, from1), one);
    _mm512_store_si512(codes + f * stride,
                       _mm512_mask_add_epi8(low, _mm512_cmpge_epu8_mask(q, from2), low, one));
    q = times3(q);
  }
}

/** Codes of `cols` columns of a tile as bytes: [cols / 4][field][lane][4]. */
inline void unpack(const uint8_t* tile, size_t cols, uint8_t* codes) {
  for (size_t k = 0; k < cols; k += 4)
    unpack_digits(_mm512_loadu_si512(tile + base3_tile_bytes(k)), codes + k * kBase3Rows, 64);
}

/** Tokens of one call, how many sums each of them gets, and whether these begin here or go on. */
struct Sums {
  Panel panel;
  const int32_t* q_sum; // [tokens]
  size_t rows;          // at most 80; the codes of those behind them count for nothing
  bool more;            // out has the sums of earlier columns
};

// Tokens whose sums fill 24 or 25 registers.
template <int kFields> constexpr int kMostTokens = kFields == 5 ? 5 : 6;

/** Those of 16 rows from `begin` on that are among the first `rows`. */
inline __mmask16 first_rows(size_t rows, size_t begin) {
  return static_cast<__mmask16>(rows >= begin + 16 ? 0xffffu
                                : rows > begin     ? (1u << (rows - begin)) - 1
                                                   : 0u);
}

/**
 * Unpacked codes [cols / 4][kFields][lane][4] times kTokens tokens: kFields * kTokens accumulators,
 * kFields vectors of codes and a broadcast, 24 or 25 VPDPBUSD a step.
 */
template <int kFields, int kTokens>
void multiply(const uint8_t* codes, size_t cols, const Sums& s) {
  __m512i sum[kTokens][kFields];
#pragma GCC unroll 8
  for (int i = 0; i < kTokens; i++)
#pragma GCC unroll 5
    for (int f = 0; f < kFields; f++)
      sum[i][f] = _mm512_setzero_si512();
  const int8_t* q = s.panel.q;
  const size_t q_stride = s.panel.q_stride;
  for (size_t k = 0; k < cols; k += 4, codes += 64 * kFields) {
    __m512i w[kFields];
#pragma GCC unroll 5
    for (int f = 0; f < kFields; f++)
      w[f] = _mm512_load_si512(codes + f * 64);
#pragma GCC unroll 8
    for (int i = 0; i < kTokens; i++) {
      const __m512i a = broadcast4(q + i * q_stride + k);
#pragma GCC unroll 5
      for (int f = 0; f < kFields; f++)
        sum[i][f] = _mm512_dpbusd_epi32(sum[i][f], w[f], a);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kTokens; i++) {
    int32_t* out = s.panel.out + i * s.panel.out_stride;
    const __m512i minus = _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_set1_epi32(s.q_sum[i]));
#pragma GCC unroll 5
    for (size_t f = 0; f < kFields; f++) {
      const __mmask16 rows = first_rows(s.rows, 16 * f);
      const __m512i before = s.more ? _mm512_maskz_loadu_epi32(rows, out + 16 * f) : minus;
      _mm512_mask_storeu_epi32(out + 16 * f, rows, _mm512_add_epi32(sum[i][f], before));
    }
  }
}

template <int kFields>
void multiply_some(const uint8_t* codes, size_t cols, size_t tokens, const Sums& s) {
  switch (tokens) {
  case 1:
    return multiply<kFields, 1>(codes, cols, s);
  case 2:
    return multiply<kFields, 2>(codes, cols, s);
  case 3:
    return multiply<kFields, 3>(codes, cols, s);
  case 4:
    return multiply<kFields, 4>(codes, cols, s);
  case 5:
    return multiply<kFields, 5>(codes, cols, s);
  default:
    return multiply<kFields, kMostTokens<kFields>>(codes, cols, s);
  }
}

/** The same for `n` tokens in panels of nearly equal size: each of them reads all codes. */
template <int kFields>
void multiply_all(const uint8_t* codes, size_t cols, const Sums& all, size_t n) {
  constexpr size_t kMost = kMostTokens<kFields>;
  const Panel& p = all.panel;
  size_t panels = (n + kMost - 1) / kMost;
  for (size_t i = 0; i < n; panels--) {
    const size_t tokens = (n - i + panels - 1) / panels;
    multiply_some<kFields>(
        codes, cols, tokens,
        {{p.q + i * p.q_stride, p.q_stride, p.out + i * p.out_stride, p.out_stride},
         all.q_sum + i,
         all.rows,
         all.more});
    i += tokens;
  }
}

/** Calls kernel(tokens, panel) for panels of at most `most` of the `n` tokens of `all`. */
template <class Kernel> void for_panels(const Panel& all, size_t n, size_t most, Kernel kernel) {
  for (size_t i = 0; i < n;) {
    const size_t tokens = n - i < most ? n - i : most;
    kernel(tokens, Panel{all.q + i * all.q_stride, all.q_stride, all.out + i * all.out_stride,
                         all.out_stride});
    i += tokens;
  }
}

inline size_t piece_for(size_t n) {
  return n < kLargePieceFrom ? kSmallPiece : kPiece;
}

/** Calls use(first, count) for nearly equal pieces of `cols` columns. */
template <class Use> void for_pieces(size_t cols, size_t n, Use use) {
  const size_t pieces = (cols + piece_for(n) - 1) / piece_for(n);
  const size_t most = ((cols + pieces - 1) / pieces + 63) / 64 * 64;
  for (size_t k = 0; k < cols; k += most)
    use(k, cols - k < most ? cols - k : most);
}

/** One tile of at most kBase3Chunk columns times `n` tokens, telescoping. */
inline void telescope_tile(const uint8_t* tile, size_t cols, const Panel& all, size_t n) {
  for_panels(all, n, 4, [&](size_t tokens, const Panel& panel) {
    switch (tokens) {
    case 1:
      return telescope<1>(tile, cols, panel);
    case 2:
      return telescope<2>(tile, cols, panel);
    case 3:
      return telescope<3>(tile, cols, panel);
    default:
      return telescope<4>(tile, cols, panel);
    }
  });
}

/** One tile of any width times `n` tokens, unpacked piece by piece. */
inline void multiply_tile(const uint8_t* tile, size_t cols, const Sums& all, size_t n,
                          uint8_t* scratch /* [kBase3Scratch] */) {
  for_pieces(cols, n, [&](size_t k, size_t count) {
    unpack(tile + base3_tile_bytes(k), count, scratch);
    const Panel& p = all.panel;
    multiply_all<kBase3Fields>(
        scratch, count, {{p.q + k, p.q_stride, p.out, p.out_stride}, all.q_sum, all.rows, k > 0},
        n);
  });
}

/** The same in small batches, without unpacking; the sums have begun. */
inline void telescope_wide(const uint8_t* tile, size_t cols, const Panel& all, size_t n) {
  for (size_t k = 0; k < cols; k += kBase3Chunk)
    telescope_tile(tile + base3_tile_bytes(k), cols - k < kBase3Chunk ? cols - k : kBase3Chunk,
                   {all.q + k, all.q_stride, all.out, all.out_stride}, n);
}

/** Starts `rows` sums (a multiple of 16) of every token at -q_sum, since codes are trits plus 1. */
inline void start_sums(const int32_t* q_sum, size_t n, size_t rows, int32_t* out,
                       size_t out_stride) {
  for (size_t i = 0; i < n; i++)
    for (size_t r = 0; r < rows; r += 16)
      _mm512_storeu_si512(out + i * out_stride + r,
                          _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_set1_epi32(q_sum[i])));
}

} // namespace
} // namespace bitnet
