// Ternary product with VPDPBUSD on 512-bit registers: 64 rows x 4 columns per load of the mad2
// layout.
#include "ternary.h"

#include <immintrin.h>
#include <string.h>

#include "../cpu_features.h"
#include "mad2_layout.h"

namespace bitnet {
namespace {

// Field 3 counts 64-fold, so |64 * 2 * 127 * columns| < 2^31 bounds the columns one int32
// accumulator takes.
constexpr size_t kChunk = 131072;

struct Masks {
  const __m512i f0 = _mm512_set1_epi8(0x03), f1 = _mm512_set1_epi8(0x0c);
  const __m512i f2 = _mm512_set1_epi8(0x30), f3 = _mm512_set1_epi8(static_cast<char>(0xc0));
};

/** Four activations of one token in every int32 lane. */
inline __m512i broadcast4(const int8_t* q) {
  int32_t group;
  memcpy(&group, q, sizeof group);
  return _mm512_set1_epi32(group);
}

/**
 * out[0..63] of one token from accumulators whose field f counts 4^f-fold; `more`: out holds
 * earlier columns.
 */
inline void store_rows(const __m512i acc[4], int32_t q_sum, bool more, int32_t* out) {
  const __m512i rows[4] = {acc[0], _mm512_srai_epi32(acc[1], 2), _mm512_srai_epi32(acc[2], 4),
                           _mm512_srai_epi32(acc[3], 6)};
  for (int f = 0; f < 4; f++) {
    const __m512i before =
        more ? _mm512_loadu_si512(out + 16 * f)
             : _mm512_set1_epi32(static_cast<int>(0u - static_cast<unsigned>(q_sum)));
    _mm512_storeu_si512(out + 16 * f, _mm512_add_epi32(rows[f], before));
  }
}

/**
 * One tile times one token: two column groups at a time, so that eight accumulators hide the
 * latency.
 */
void tile_times_token(const uint8_t* tile, size_t cols, const int8_t* q, int32_t q_sum, bool more,
                      int32_t* out) {
  const Masks mask;
  __m512i acc[2][4];
  for (int i = 0; i < 2; i++)
    for (int f = 0; f < 4; f++)
      acc[i][f] = _mm512_setzero_si512();
  for (size_t k = 0; k < cols; k += 8) {
    for (int i = 0; i < 2; i++) {
      const __m512i w = _mm512_loadu_si512(tile + mad2_tile_bytes(k) + i * kMad2Group);
      const __m512i a = broadcast4(q + k + i * 4);
      acc[i][0] = _mm512_dpbusd_epi32(acc[i][0], _mm512_and_si512(w, mask.f0), a);
      acc[i][1] = _mm512_dpbusd_epi32(acc[i][1], _mm512_and_si512(w, mask.f1), a);
      acc[i][2] = _mm512_dpbusd_epi32(acc[i][2], _mm512_and_si512(w, mask.f2), a);
      acc[i][3] = _mm512_dpbusd_epi32(acc[i][3], _mm512_and_si512(w, mask.f3), a);
    }
  }
  for (int f = 0; f < 4; f++)
    acc[0][f] = _mm512_add_epi32(acc[0][f], acc[1][f]);
  store_rows(acc[0], q_sum, more, out);
}

/** Tokens of one call and where they stand. */
struct Panel {
  const int8_t* q; // [tokens, q_stride], at the first column of the chunk
  size_t q_stride;
  const int32_t* q_sum; // [tokens]
  int32_t* out;         // [tokens, out_stride], at the tile's first row
  size_t out_stride;
};

/**
 * One tile times kTokens tokens: every masked vector serves all tokens, every broadcast all fields.
 * Six tokens are 24 accumulators, 4 masked vectors and a broadcast: the masks come from memory and
 * VPDPBUSD is the bottleneck.
 */
template <int kTokens>
void tile_times_tokens(const uint8_t* tile, size_t cols, const Panel& p, bool more) {
  const Masks mask;
  const int8_t* q = p.q;
  const size_t q_stride = p.q_stride;
  __m512i acc[kTokens][4];
#pragma GCC unroll 8
  for (int i = 0; i < kTokens; i++)
    for (int f = 0; f < 4; f++)
      acc[i][f] = _mm512_setzero_si512();
  for (size_t k = 0; k < cols; k += 4) {
    const __m512i w = _mm512_loadu_si512(tile + mad2_tile_bytes(k));
    const __m512i w0 = _mm512_and_si512(w, mask.f0), w1 = _mm512_and_si512(w, mask.f1);
    const __m512i w2 = _mm512_and_si512(w, mask.f2), w3 = _mm512_and_si512(w, mask.f3);
#pragma GCC unroll 8
    for (int i = 0; i < kTokens; i++) {
      const __m512i a = broadcast4(q + i * q_stride + k);
      acc[i][0] = _mm512_dpbusd_epi32(acc[i][0], w0, a);
      acc[i][1] = _mm512_dpbusd_epi32(acc[i][1], w1, a);
      acc[i][2] = _mm512_dpbusd_epi32(acc[i][2], w2, a);
      acc[i][3] = _mm512_dpbusd_epi32(acc[i][3], w3, a);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kTokens; i++)
    store_rows(acc[i], p.q_sum[i], more, p.out + i * p.out_stride);
}

void tile_times_panel(const uint8_t* tile, size_t cols, size_t tokens, const Panel& p, bool more) {
  switch (tokens) {
  case 1:
    return tile_times_token(tile, cols, p.q, *p.q_sum, more, p.out);
  case 2:
    return tile_times_tokens<2>(tile, cols, p, more);
  case 3:
    return tile_times_tokens<3>(tile, cols, p, more);
  case 4:
    return tile_times_tokens<4>(tile, cols, p, more);
  case 5:
    return tile_times_tokens<5>(tile, cols, p, more);
  default:
    return tile_times_tokens<6>(tile, cols, p, more);
  }
}

/** Six tokens at a time; 7 to 11 in two halves, so that no small rest wastes its ANDs. */
size_t next_panel(size_t left) {
  return left <= 6 ? left : left < 12 ? (left + 1) / 2 : 6;
}

/**
 * A tile (16 bytes per column, 41 kB at 2560) stays in the cache while all tokens pass it; a step
 * of a panel reads 64 bytes of it and 4 of each token, so neither needs further blocking.
 */
void product(const TernaryProduct& p, size_t row_begin, size_t row_end) {
  for (size_t row = row_begin; row < row_end; row += kMad2Rows) {
    const uint8_t* tile = p.packed + row / kMad2Rows * mad2_tile_bytes(p.cols);
    for (size_t k = 0; k < p.cols; k += kChunk) {
      const size_t cols = p.cols - k < kChunk ? p.cols - k : kChunk;
      for (size_t i = 0; i < p.n;) {
        const size_t tokens = next_panel(p.n - i);
        const Panel panel = {p.q + i * p.q_stride + k, p.q_stride, p.q_sum + i,
                             p.out + i * p.out_stride + (row - row_begin), p.out_stride};
        tile_times_panel(tile + mad2_tile_bytes(k), cols, tokens, panel, k > 0);
        i += tokens;
      }
    }
  }
}

} // namespace

extern const TernaryKernel kMad2Avx512Vnni;
const TernaryKernel kMad2Avx512Vnni = {
    .family = "mad2",
    .isa = "avx512vnni",
    .features = kCpuAvx2 | kCpuAvx512 | kCpuAvx512Vnni,
    .tile_rows = kMad2Rows,
    .tile_cols = kMad2Cols,
    .tile_bytes = mad2_tile_bytes,
    .pack_tile = mad2_pack_tile,
    .unpack_tile = mad2_unpack_tile,
    .scratch_bytes = mad2_no_scratch,
    .product = product,
};

} // namespace bitnet
