// What the NEON dot-product kernels of base3 share: the layout of base3_layout.h with every byte's
// top bit flipped, and the loops for few tokens. Anonymous, like the layout.
//
// SDOT takes signed bytes. Flipping the top bit of q[f] means q[f] - 128, and multiplying by three
// modulo 256 keeps it so, because 3 * 128 = 128 modulo 256: only the packer has to flip. The sums
// then give the product itself, and the sum of activations is not needed:
//
//   S'[f] = S[f] - 128 Σ a
//   (3 S'[f] - S'[f + 1]) / 256 = Σ c_f * a - Σ a = Σ t_f * a
//
// Six SDOT and five MUL for 80 weights.
#pragma once
#include <string.h>

#include "base3_layout.h"
#include "trits_sdot.h"

namespace bitnet {
namespace {

void base3_pack_flipped(const uint8_t* codes /* [80, cols] */, size_t cols, uint8_t* tile) {
  base3_pack_tile(codes, cols, tile);
  for (size_t i = 0; i < base3_tile_bytes(cols); i++)
    tile[i] ^= 0x80;
}

void base3_unpack_flipped(const uint8_t* tile, size_t cols, uint8_t* codes /* [80, cols] */) {
  uint8_t group[kBase3Group], columns[kBase3Rows * 4];
  for (size_t k = 0; k < cols; k += 4) {
    for (size_t i = 0; i < kBase3Group; i++)
      group[i] = tile[base3_tile_bytes(k) + i] ^ 0x80;
    base3_unpack_tile(group, 4, columns);
    for (size_t row = 0; row < kBase3Rows; row++)
      memcpy(codes + row * cols + k, columns + row * 4, 4);
  }
}

/** 3, hidden from the compiler: GCC would turn the one MUL into a shift and an addition. */
inline uint8x16_t three() {
  uint8x16_t value = vdupq_n_u8(3);
#if defined(__GNUC__)
  __asm__("" : "+w"(value));
#endif
  return value;
}

/** Modulo 256: unsigned, because signed lanes must not overflow. */
inline int8x16_t times(int8x16_t q, uint8x16_t factor) {
  return vreinterpretq_s8_u8(vmulq_u8(vreinterpretq_u8_s8(q), factor));
}

/** 16 packed bytes to trits: digit f is 0 for q[f] below 86 (flipped: -42), 2 from 171 (43) on. */
inline void base3_trits(int8x16_t q, int8x16_t* t /* [5] */) {
  for (size_t f = 0; f < kBase3Fields; f++, q = times(q, vdupq_n_u8(3))) {
    const uint8x16_t low = vcltq_s8(q, vdupq_n_s8(-42)); // -1 where true
    const uint8x16_t high = vcgeq_s8(q, vdupq_n_s8(43));
    t[f] = vreinterpretq_s8_u8(vsubq_u8(low, high));
  }
}

/**
 * Ties q to a sum it was added to. Without it Clang computes the q of many registers in advance and
 * spills half of the sums.
 */
inline void keep_order(int8x16_t& q, int32x4_t& sum) {
#if defined(__GNUC__)
  __asm__ volatile("" : "+w"(q), "+w"(sum));
#else
  (void)q, (void)sum;
#endif
}

/** Columns 4 kGroup .. 4 kGroup + 3 of the 16 in `a`, for 4 kRegisters lanes. */
template <int kGroup, int kTokens, int kRegisters>
inline void base3_add_group(const uint8_t* bytes, const int8x16_t a[kTokens], uint8x16_t factor,
                            int32x4_t sum[kTokens][kRegisters][6]) {
#pragma GCC unroll 4
  for (int r = 0; r < kRegisters; r++) {
    int8x16_t q = vreinterpretq_s8_u8(vld1q_u8(bytes + kBase3Group * kGroup + 16 * r));
#pragma GCC unroll 6
    for (int f = 0; f < 6; f++) {
#pragma GCC unroll 4
      for (int i = 0; i < kTokens; i++)
        sum[i][r][f] = vdotq_laneq_s32(sum[i][r][f], q, a[i], kGroup);
      keep_order(q, sum[kTokens - 1][r][f]);
      if (f < 5)
        q = times(q, factor);
    }
  }
}

/**
 * Some lanes of a tile times kTokens tokens, straight from the packed bytes. A group of 64 bytes
 * costs one token 4 loads, 20 MUL, 24 SDOT and a quarter of a load of activations; more tokens
 * share the loads and the MULs.
 */
template <int kTokens, int kRegisters>
void base3_lanes_times_tokens(const uint8_t* bytes, size_t cols, const Panel& p) {
  int32x4_t sum[kTokens][kRegisters][6];
  for (int i = 0; i < kTokens; i++)
    for (int r = 0; r < kRegisters; r++)
      for (int f = 0; f < 6; f++)
        sum[i][r][f] = vdupq_n_s32(0);
  const uint8x16_t factor = three();
  for (size_t k = 0; k < cols; k += 16, bytes += 4 * kBase3Group) {
    int8x16_t a[kTokens];
    for (int i = 0; i < kTokens; i++)
      a[i] = vld1q_s8(p.q + i * p.q_stride + k);
    base3_add_group<0, kTokens, kRegisters>(bytes, a, factor, sum);
    base3_add_group<1, kTokens, kRegisters>(bytes, a, factor, sum);
    base3_add_group<2, kTokens, kRegisters>(bytes, a, factor, sum);
    base3_add_group<3, kTokens, kRegisters>(bytes, a, factor, sum);
  }
  for (int i = 0; i < kTokens; i++)
    for (int r = 0; r < kRegisters; r++)
      for (int f = 0; f < 5; f++) {
        const int32x4_t counted = vsubq_s32(vmulq_n_s32(sum[i][r][f], 3), sum[i][r][f + 1]);
        add_to(p.out + i * p.out_stride + f * kBase3Lanes + 4 * r, vshrq_n_s32(counted, 8));
      }
}

/** All 16 lanes: in one pass for one token, in parts for more, with 18 or 24 accumulators each. */
template <int kTokens> void base3_tile_times_tokens(const uint8_t* tile, size_t cols, Panel p) {
  constexpr int kRegisters = 4 / kTokens;
  for (int r = 0; r < 4; r += kRegisters, tile += 16 * kRegisters, p.out += 4 * kRegisters)
    base3_lanes_times_tokens<kTokens, kRegisters>(tile, cols, p);
}

/** One tile times a few tokens, without the copy that tile_times_many() makes. */
void base3_tile_times_few(const uint8_t* tile, const TernaryProduct& p, int32_t* out) {
  for (size_t i = 0; i < p.n; i++)
    fill(out + i * p.out_stride, kBase3Rows, 0);
  for (size_t k = 0; k < p.cols; k += kBase3Chunk) {
    const size_t cols = p.cols - k < kBase3Chunk ? p.cols - k : kBase3Chunk;
    const uint8_t* bytes = tile + base3_tile_bytes(k);
    for_panels(p, k, out, [&](auto tokens, const Panel& panel) {
      base3_tile_times_tokens<tokens.value>(bytes, cols, panel);
    });
  }
}

} // namespace
} // namespace bitnet
