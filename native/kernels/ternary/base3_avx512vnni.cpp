// Ternary product at 1.6 bits per weight with VPDPBUSD on 512-bit registers: 80 rows x 4 columns
// per load.
#include "ternary.h"

#include <immintrin.h>
#include <string.h>

#include "../cpu_features.h"
#include "base3_layout.h"

namespace bitnet {
namespace {

// From this many tokens on, unpacking a piece of a tile once pays for the sixth sum that
// telescoping costs each token.
constexpr size_t kUnpackFrom = 17;

// Columns unpacked at a time: 80 rows of them are 20 kB, which stay in the L1 cache while all
// tokens pass.
constexpr size_t kPiece = 256;

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

/** Codes of `cols` columns as bytes: [cols / 4][field][lane][4]. Digit f of q is 0 below 86, 1
 * below 171, else 2. */
void unpack(const uint8_t* tile, size_t cols, uint8_t* codes) {
  const __m512i one = _mm512_set1_epi8(1);
  const __m512i from1 = _mm512_set1_epi8(86), from2 = _mm512_set1_epi8(static_cast<char>(171));
  for (size_t k = 0; k < cols; k += 4) {
    __m512i q = _mm512_loadu_si512(tile + base3_tile_bytes(k));
    for (size_t f = 0; f < kBase3Fields; f++) {
      const __m512i low = _mm512_maskz_mov_epi8(_mm512_cmpge_epu8_mask(q, from1), one);
      _mm512_store_si512(codes + (k / 4 * kBase3Fields + f) * 64,
                         _mm512_mask_add_epi8(low, _mm512_cmpge_epu8_mask(q, from2), low, one));
      q = times3(q);
    }
  }
}

/** Unpacked codes times kTokens tokens: five tokens are 25 accumulators, five weight vectors and a
 * broadcast. */
template <int kTokens> void multiply(const uint8_t* codes, size_t cols, const Panel& p) {
  __m512i sum[kTokens][kBase3Fields];
#pragma GCC unroll 5
  for (int i = 0; i < kTokens; i++)
    for (size_t f = 0; f < kBase3Fields; f++)
      sum[i][f] = _mm512_setzero_si512();
  const int8_t* q = p.q;
  for (size_t k = 0; k < cols; k += 4, codes += 64 * kBase3Fields) {
    __m512i w[kBase3Fields];
#pragma GCC unroll 5
    for (size_t f = 0; f < kBase3Fields; f++)
      w[f] = _mm512_load_si512(codes + f * 64);
#pragma GCC unroll 5
    for (int i = 0; i < kTokens; i++) {
      const __m512i a = broadcast4(q + i * p.q_stride + k);
#pragma GCC unroll 5
      for (size_t f = 0; f < kBase3Fields; f++)
        sum[i][f] = _mm512_dpbusd_epi32(sum[i][f], w[f], a);
    }
  }
#pragma GCC unroll 5
  for (int i = 0; i < kTokens; i++)
    for (size_t f = 0; f < kBase3Fields; f++)
      add_to(p.out + i * p.out_stride + f * kBase3Lanes, sum[i][f]);
}

template <class Kernel>
void for_panels(const TernaryProduct& p, size_t k, int32_t* out, size_t most, Kernel kernel) {
  for (size_t i = 0; i < p.n;) {
    const size_t tokens = p.n - i < most ? p.n - i : most;
    kernel(tokens,
           Panel{p.q + i * p.q_stride + k, p.q_stride, out + i * p.out_stride, p.out_stride});
    i += tokens;
  }
}

void product(const TernaryProduct& p, size_t row_begin, size_t row_end) {
  for (size_t row = row_begin; row < row_end; row += kBase3Rows) {
    const uint8_t* tile = p.packed + row / kBase3Rows * base3_tile_bytes(p.cols);
    int32_t* out = p.out + (row - row_begin);
    for (size_t i = 0; i < p.n; i++)
      for (size_t f = 0; f < kBase3Fields; f++)
        _mm512_storeu_si512(
            out + i * p.out_stride + f * kBase3Lanes,
            _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_set1_epi32(p.q_sum[i])));
    if (p.n < kUnpackFrom) {
      for (size_t k = 0; k < p.cols; k += kBase3Chunk) {
        const size_t cols = p.cols - k < kBase3Chunk ? p.cols - k : kBase3Chunk;
        const uint8_t* bytes = tile + base3_tile_bytes(k);
        for_panels(p, k, out, 4, [&](size_t tokens, const Panel& panel) {
          switch (tokens) {
          case 1:
            return telescope<1>(bytes, cols, panel);
          case 2:
            return telescope<2>(bytes, cols, panel);
          case 3:
            return telescope<3>(bytes, cols, panel);
          default:
            return telescope<4>(bytes, cols, panel);
          }
        });
      }
      continue;
    }
    for (size_t k = 0; k < p.cols; k += kPiece) {
      const size_t cols = p.cols - k < kPiece ? p.cols - k : kPiece;
      unpack(tile + base3_tile_bytes(k), cols, p.scratch);
      for_panels(p, k, out, 5, [&](size_t tokens, const Panel& panel) {
        switch (tokens) {
        case 1:
          return multiply<1>(p.scratch, cols, panel);
        case 2:
          return multiply<2>(p.scratch, cols, panel);
        case 3:
          return multiply<3>(p.scratch, cols, panel);
        case 4:
          return multiply<4>(p.scratch, cols, panel);
        default:
          return multiply<5>(p.scratch, cols, panel);
        }
      });
    }
  }
}

size_t scratch_bytes(size_t) {
  return kPiece * kBase3Rows;
}

} // namespace

extern const TernaryKernel kBase3Avx512Vnni;
const TernaryKernel kBase3Avx512Vnni = {
    "base3",         "avx512vnni",      kCpuAvx2 | kCpuAvx512 | kCpuAvx512Vnni,
    kBase3Rows,      kBase3Cols,        base3_tile_bytes,
    base3_pack_tile, base3_unpack_tile, scratch_bytes,
    product,
};

} // namespace bitnet
