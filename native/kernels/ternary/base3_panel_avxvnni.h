// What the 256-bit base3 kernels share: a tile of 80 rows times any number of tokens. Anonymous on
// purpose, like mad2_layout.h.
#pragma once
#include "base3_layout.h"
#include "rows_avxvnni.h"

namespace bitnet {
namespace {

// From this many tokens on, unpacking a piece of a tile once pays for the sixth sum and the ten
// additions that telescoping costs every pair of tokens: 16 where four registers can be added in a
// cycle (measured on Zen 4), about 9 where three can.
constexpr size_t kUnpackFrom = 12;

// Columns unpacked at a time: 80 rows of them are 20 kB, which stay in the L1 cache while all
// tokens pass.
constexpr size_t kPiece = 256;

constexpr size_t kBase3Scratch = kPiece * kBase3Rows;

inline __m256i times3(__m256i q) {
  return _mm256_add_epi8(_mm256_add_epi8(q, q), q);
}

/** (3 S[f] - S[f + 1]) / 256 for eight lanes of the five fields, exact. */
inline void add_telescoped(const Lanes sum[6], int32_t* out) {
#pragma GCC unroll 5
  for (size_t f = 0; f < kBase3Fields; f++) {
    const __m256i s = vector(sum[f]), next = vector(sum[f + 1]);
    const __m256i triple = _mm256_add_epi32(_mm256_add_epi32(s, s), s);
    add_to(out + f * kBase3Lanes, _mm256_srai_epi32(_mm256_sub_epi32(triple, next), 8));
  }
}

/**
 * Packed bytes, without extracting a digit: all lanes of a tile times one token <1, 2>, or 8 of its
 * 16 lanes times two tokens <2, 1>. 12 accumulators, q and its double, activations: six VPDPBUSD a
 * token and ten byte additions for 160 weights. A pair fetches what is `ahead`.
 */
template <int kTokens, int kHalves>
void telescope(const uint8_t* tile, size_t cols, Ahead ahead, const Panel& p) {
  const int8_t* first = p.q;
  const size_t q_stride = p.q_stride;
  Lanes sum[2][6]; // of a half, or of a token
  for (int j = 0; j < 2; j++)
    for (int f = 0; f < 6; f++)
      sum[j][f] = zero();
  for (size_t k = 0; k < cols; k += 4) {
    if (kTokens > 1) {
      fetch(ahead.bytes);
      ahead.bytes += ahead.step;
    }
    __m256i a[kTokens];
#pragma GCC unroll 2
    for (int i = 0; i < kTokens; i++)
      a[i] = broadcast4(first + i * q_stride + k);
#pragma GCC unroll 2
    for (int h = 0; h < kHalves; h++) {
      __m256i q = load(tile + base3_tile_bytes(k) + 32 * h);
#pragma GCC unroll 6
      for (int f = 0; f < 6; f++) {
#pragma GCC unroll 2
        for (int i = 0; i < kTokens; i++)
          sum[h + i][f] = dot(sum[h + i][f], q, a[i]);
        if (f < 5)
          q = times3(q);
      }
    }
  }
#pragma GCC unroll 2
  for (int j = 0; j < 2; j++)
    add_telescoped(sum[j], p.out + (kTokens == 1 ? 8 * j : j * p.out_stride));
}

/** Columns k .. k + cols - 1 of a tile, whose bytes these are, times all tokens, two at a time. */
inline void piece_times_pairs(const uint8_t* bytes, size_t k, size_t cols, const TernaryProduct& p,
                              Ahead ahead, int32_t* out) {
  Panel panel = {p.q + k, p.q_stride, out, p.out_stride};
  size_t i = 0;
  for (; i + 2 <= p.n; i += 2) {
    telescope<2, 1>(bytes, cols, ahead, panel);
    panel.out += 8;
    telescope<2, 1>(bytes + 32, cols, ahead.after(cols), panel);
    panel.q += 2 * p.q_stride;
    panel.out += 2 * p.out_stride - 8;
  }
  if (i < p.n)
    telescope<1, 2>(bytes, cols, ahead, panel);
}

/**
 * Codes of 32 packed bytes, field by field. Digit f of q is 0 below 86, 1 below 171, else 2.
 * Comparisons are signed, so q's top bit is flipped throughout: multiplying by three keeps it so,
 * because 3 * 128 = 128 modulo 256.
 */
inline void unpack_digits(__m256i q, uint8_t* codes /* [5, stride] */, size_t stride) {
  const __m256i flip = _mm256_set1_epi8(static_cast<char>(0x80)), two = _mm256_set1_epi8(2);
  const __m256i from1 = _mm256_set1_epi8(86 - 128), from2 = _mm256_set1_epi8(171 - 128);
  q = _mm256_xor_si256(q, flip);
#pragma GCC unroll 5
  for (size_t f = 0; f < kBase3Fields; f++) {
    const __m256i below = _mm256_add_epi8(_mm256_cmpgt_epi8(from1, q), // -1 where true
                                          _mm256_cmpgt_epi8(from2, q));
    store(codes + f * stride, _mm256_add_epi8(two, below));
    q = times3(q);
  }
}

/** Codes of `cols` columns of a tile as bytes, [field][cols / 4][lane][4]. */
inline void unpack(const uint8_t* tile, size_t cols, uint8_t* codes) {
  for (size_t i = 0; i < base3_tile_bytes(cols); i += 32)
    unpack_digits(load(tile + i), codes + i, base3_tile_bytes(cols));
}

/** The same for many tokens: unpacked once, into p.scratch. */
inline void piece_times_many(const uint8_t* bytes, size_t k, size_t cols, const TernaryProduct& p,
                             Ahead first, int32_t* out) {
  unpack(bytes, cols, p.scratch);
  for_panels(p, k, out, [&](size_t tokens, Panel panel) {
    const uint8_t* codes = p.scratch;
    Ahead ahead = panel.q == p.q + k ? first : Ahead{codes, 0}; // once is enough
    for (size_t f = 0; f < kBase3Fields; f++, panel.out += kBase3Lanes) {
      rows16_times_panel({codes, cols, 3, 0, ahead}, tokens, panel);
      codes += base3_tile_bytes(cols);
      ahead = ahead.after(cols);
    }
  });
}

} // namespace
} // namespace bitnet
