// What the NEON dot-product kernels of mad2 share: the layout of mad2_layout.h with every byte's
// top bit flipped, and the loops for few tokens. Anonymous, like the layout.
//
// SDOT takes signed bytes. With the top bit flipped, byte b means b - 128: field 3 counts c - 2
// instead of c, the other fields are as they were. Then the whole byte needs no AND:
//
//   S  = Σ byte * a
//   S0 = Σ (byte & 0x03) * a      field 0:  Σ c * a = S0
//   S1 = Σ (byte & 0x0c) * a      field 1:  Σ c * a = S1 / 4
//   S2 = Σ (byte & 0x30) * a      field 2:  Σ c * a = S2 / 16
//                                 field 3:  Σ (c - 2) * a = (S - S0 - S1 - S2) / 64
//
// Three ANDs and four SDOT for 64 weights: as many instructions as USDOT would need, so one layout
// serves both ISAs.
#pragma once
#include "mad2_layout.h"
#include "trits_sdot.h"

namespace bitnet {
namespace {

// A byte counts up to 128: |128 * 127 * columns| < 2^31 bounds the columns of one sum.
constexpr size_t kMad2Chunk = 131072;

inline void mad2_pack_flipped(const uint8_t* codes /* [64, cols] */, size_t cols, uint8_t* tile) {
  mad2_pack_tile(codes, cols, tile);
  for (size_t i = 0; i < mad2_tile_bytes(cols); i++)
    tile[i] ^= 0x80;
}

inline void mad2_unpack_flipped(const uint8_t* tile, size_t cols, uint8_t* codes /* [64, cols] */) {
  mad2_unpack_tile(tile, cols, codes);
  for (size_t i = 3 * kMad2Lanes * cols; i < kMad2Rows * cols; i++)
    codes[i] ^= 2;
}

/** 16 packed bytes to trits: two instructions for fields 0 and 3, three for the others. */
inline void mad2_trits(int8x16_t bytes, int8x16_t* t /* [4] */) {
  const uint8x16_t b = vreinterpretq_u8_s8(bytes), three = vdupq_n_u8(3);
  const int8x16_t one = vdupq_n_s8(1);
  t[0] = vsubq_s8(vreinterpretq_s8_u8(vandq_u8(b, three)), one);
  t[1] = vsubq_s8(vreinterpretq_s8_u8(vandq_u8(vshrq_n_u8(b, 2), three)), one);
  t[2] = vsubq_s8(vreinterpretq_s8_u8(vandq_u8(vshrq_n_u8(b, 4), three)), one);
  t[3] = vaddq_s8(vshrq_n_s8(bytes, 6), one);
}

/** Columns 4 kGroup .. 4 kGroup + 3 of the 16 in `a`, for 4 kRegisters lanes. */
template <int kGroup, int kTokens, int kRegisters>
inline void mad2_add_group(const uint8_t* bytes, const int8x16_t a[kTokens],
                           int32x4_t sum[kTokens][kRegisters][4]) {
  const int8x16_t m0 = vdupq_n_s8(0x03), m1 = vdupq_n_s8(0x0c), m2 = vdupq_n_s8(0x30);
#pragma GCC unroll 4
  for (int r = 0; r < kRegisters; r++) {
    const int8x16_t w = vreinterpretq_s8_u8(vld1q_u8(bytes + kMad2Group * kGroup + 16 * r));
    const int8x16_t w0 = vandq_s8(w, m0), w1 = vandq_s8(w, m1), w2 = vandq_s8(w, m2);
#pragma GCC unroll 4
    for (int i = 0; i < kTokens; i++) {
      sum[i][r][0] = vdotq_laneq_s32(sum[i][r][0], w0, a[i], kGroup);
      sum[i][r][1] = vdotq_laneq_s32(sum[i][r][1], w1, a[i], kGroup);
      sum[i][r][2] = vdotq_laneq_s32(sum[i][r][2], w2, a[i], kGroup);
      sum[i][r][3] = vdotq_laneq_s32(sum[i][r][3], w, a[i], kGroup);
    }
  }
}

/** Sums S0, S1, S2, S of the head comment become those of fields 0 to 3. */
inline void mad2_divide(int32x4_t s[4]) {
  s[3] = vshrq_n_s32(vsubq_s32(s[3], vaddq_s32(vaddq_s32(s[0], s[1]), s[2])), 6);
  s[1] = vshrq_n_s32(s[1], 2);
  s[2] = vshrq_n_s32(s[2], 4);
}

/** Where field f of register r of a group, four rows, is in a tile. */
struct TileRows {
  static constexpr size_t of(size_t f, size_t r) { return kMad2Lanes * f + 4 * r; }
};

/**
 * kRegisters registers of each group, from number `first` on, times kTokens tokens, straight from
 * the packed bytes. A group of 64 bytes costs one token 4 loads, 12 AND, 16 SDOT and a quarter of a
 * load of activations; more tokens share the loads and the ANDs.
 */
template <int kTokens, int kRegisters, class Rows>
void mad2_lanes_times_tokens(const uint8_t* bytes, size_t first, size_t cols, const Panel& p) {
  int32x4_t sum[kTokens][kRegisters][4];
  for (int i = 0; i < kTokens; i++)
    for (int r = 0; r < kRegisters; r++)
      for (int f = 0; f < 4; f++)
        sum[i][r][f] = vdupq_n_s32(0);
  bytes += 16 * first;
  for (size_t k = 0; k < cols; k += 16, bytes += 4 * kMad2Group) {
    int8x16_t a[kTokens];
    for (int i = 0; i < kTokens; i++)
      a[i] = vld1q_s8(p.q + i * p.q_stride + k);
    mad2_add_group<0, kTokens, kRegisters>(bytes, a, sum);
    mad2_add_group<1, kTokens, kRegisters>(bytes, a, sum);
    mad2_add_group<2, kTokens, kRegisters>(bytes, a, sum);
    mad2_add_group<3, kTokens, kRegisters>(bytes, a, sum);
  }
  for (int i = 0; i < kTokens; i++)
    for (int r = 0; r < kRegisters; r++) {
      mad2_divide(sum[i][r]);
      for (int f = 0; f < 4; f++)
        add_to(p.out + i * p.out_stride + Rows::of(f, first + r), sum[i][r][f]);
    }
}

/** All 16 lanes: in one pass for one token, in parts for more, with 12 to 16 accumulators each. */
template <int kTokens, class Rows = TileRows>
void mad2_tile_times_tokens(const uint8_t* tile, size_t cols, const Panel& p) {
  constexpr int kRegisters = 4 / kTokens;
  for (size_t r = 0; r < 4; r += kRegisters)
    mad2_lanes_times_tokens<kTokens, kRegisters, Rows>(tile, r, cols, p);
}

/** One tile times a few tokens, without the copy that tile_times_many() makes. */
inline void mad2_tile_times_few(const uint8_t* tile, const TernaryProduct& p, int32_t* out) {
  for (size_t i = 0; i < p.n; i++) { // sum of (c - 1) * a: see the head comment
    int32_t* o = out + i * p.out_stride;
    fill(o, 3 * kMad2Lanes, -p.q_sum[i]);
    fill(o + 3 * kMad2Lanes, kMad2Lanes, p.q_sum[i]);
  }
  for (size_t k = 0; k < p.cols; k += kMad2Chunk) {
    const size_t cols = p.cols - k < kMad2Chunk ? p.cols - k : kMad2Chunk;
    const uint8_t* bytes = tile + mad2_tile_bytes(k);
    for_panels(p, k, out, [&](auto tokens, const Panel& panel) {
      mad2_tile_times_tokens<tokens.value>(bytes, cols, panel);
    });
  }
}

} // namespace
} // namespace bitnet
