// Group products of the 2-bit layout on 128-bit registers, for any way to multiply int8. Anonymous,
// like the layouts.
#pragma once
#include <arm_neon.h>
#include <string.h>

#include "groups_layout.h"
#include "mad2_layout.h"

namespace bitnet {
namespace {

/** Four activations of one token in every int32 lane. */
inline int8x16_t broadcast4(const int8_t* q) {
  int32_t group;
  memcpy(&group, q, sizeof group);
  return vreinterpretq_s8_s32(vdupq_n_s32(group));
}

inline float32x4_t scales4(const uint8_t* halves, float factor) {
  uint16x4_t bits;
  memcpy(&bits, halves, sizeof bits);
  return vmulq_n_f32(vcvt_f32_f16(vreinterpret_f16_u16(bits)), factor);
}

/**
 * Lanes [lane, lane + 4 kRegisters) of all fields of a tile times kTokens tokens from token `i` on.
 * `Sum` adds products of codes and activations over 64 columns, in four int32 lanes: `clear()`,
 * `add(codes, activations)`, `lanes()`.
 */
template <class Sum, int kTokens, int kRegisters>
void lanes_times_tokens(const uint8_t* tile, const GroupProduct& p, size_t i, size_t lane,
                        float* out) {
  const uint8x16_t mask = vdupq_n_u8(3);
  float32x4_t total[kTokens][kRegisters][4];
  for (int t = 0; t < kTokens; t++)
    for (int r = 0; r < kRegisters; r++)
      for (int f = 0; f < 4; f++)
        total[t][r][f] = vdupq_n_f32(0);
  const int8_t* q = p.q + i * p.q_stride;
  const int32_t* q_sums = p.q_sums + i * p.sums_stride;
  const size_t q_stride = p.q_stride, sums_stride = p.sums_stride, group = p.group;
  for (size_t g = 0; g < p.cols / group; g++) {
    int32x4_t wide[kTokens][kRegisters][4];
#pragma GCC unroll 4
    for (int t = 0; t < kTokens; t++) {
      const int32x4_t minus = vdupq_n_s32(-sum_of_group(q_sums + t * sums_stride, g, group));
      for (int r = 0; r < kRegisters; r++)
        for (int f = 0; f < 4; f++)
          wide[t][r][f] = minus;
    }
    for (size_t part = 0; part < group; part += kGroupSumCols) {
      Sum sum[kTokens][kRegisters][4];
      for (int t = 0; t < kTokens; t++)
        for (int r = 0; r < kRegisters; r++)
          for (int f = 0; f < 4; f++)
            sum[t][r][f].clear();
      for (size_t k = 0; k < kGroupSumCols; k += 4, q += 4, tile += kMad2Group) {
        int8x16_t a[kTokens];
#pragma GCC unroll 4
        for (int t = 0; t < kTokens; t++)
          a[t] = broadcast4(q + t * q_stride);
#pragma GCC unroll 4
        for (int r = 0; r < kRegisters; r++) {
          const uint8x16_t w = vld1q_u8(tile + 4 * lane + 16 * r);
          const uint8x16_t field[4] = {vandq_u8(w, mask), vandq_u8(vshrq_n_u8(w, 2), mask),
                                       vandq_u8(vshrq_n_u8(w, 4), mask), vshrq_n_u8(w, 6)};
#pragma GCC unroll 4
          for (int f = 0; f < 4; f++)
#pragma GCC unroll 4
            for (int t = 0; t < kTokens; t++)
              sum[t][r][f].add(vreinterpretq_s8_u8(field[f]), a[t]);
        }
      }
      for (int t = 0; t < kTokens; t++)
        for (int r = 0; r < kRegisters; r++)
          for (int f = 0; f < 4; f++)
            wide[t][r][f] = vaddq_s32(wide[t][r][f], sum[t][r][f].lanes());
    }
    for (int r = 0; r < kRegisters; r++)
      for (int f = 0; f < 4; f++) {
        const size_t row = kMad2Lanes * f + lane + 4 * r;
        const float32x4_t scale = scales4(tile + row * sizeof(uint16_t), p.factor);
        for (int t = 0; t < kTokens; t++)
          total[t][r][f] = vfmaq_f32(total[t][r][f], vcvtq_f32_s32(wide[t][r][f]), scale);
      }
    tile += kMad2Rows * sizeof(uint16_t);
  }
  for (int t = 0; t < kTokens; t++)
    for (int r = 0; r < kRegisters; r++)
      for (int f = 0; f < 4; f++)
        vst1q_f32(out + (i + t) * p.out_stride + kMad2Lanes * f + lane + 4 * r,
                  vmulq_n_f32(total[t][r][f], p.step[i + t]));
}

/** All lanes, kTokens tokens: kUnits registers of weights times tokens together. */
template <class Sum, int kUnits, int kTokens>
void tile_times_tokens(const uint8_t* tile, const GroupProduct& p, size_t i, float* out) {
  constexpr int kRegisters = kUnits / kTokens;
  for (size_t lane = 0; lane < kMad2Lanes; lane += 4 * kRegisters)
    lanes_times_tokens<Sum, kTokens, kRegisters>(tile, p, i, lane, out);
}

/** kUnits is 2 or 4: as many tokens are multiplied together. */
template <class Sum, int kUnits>
void multiply_groups(const GroupProduct& p, size_t row_begin, size_t row_end) {
  const size_t tile_bytes = groups_tile_bytes<kMad2Rows>(p.cols, p.group);
  for (size_t row = row_begin; row < row_end; row += kMad2Rows) {
    const uint8_t* tile = p.packed + row / kMad2Rows * tile_bytes;
    float* out = p.out + (row - row_begin);
    size_t i = 0;
    for (; i + kUnits <= p.n; i += kUnits)
      tile_times_tokens<Sum, kUnits, kUnits>(tile, p, i, out);
    for (; i + 2 <= p.n; i += 2)
      tile_times_tokens<Sum, kUnits, 2>(tile, p, i, out);
    if (i < p.n)
      tile_times_tokens<Sum, kUnits, 1>(tile, p, i, out);
  }
}

} // namespace
} // namespace bitnet
