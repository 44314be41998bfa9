// The prefilter with SMULL and SMLAL on 128-bit registers, for ARM CPUs without SDOT;
// overflow-proof in int16.
//
// SMULL and SMLAL put one product s8 x s8 into an int16, SADALP adds neighbors into int32:
//
//   w      r0c0 r0c1 r0c2 r0c3 r1c0 r1c1 r1c2 r1c3   half a register: two rows, four columns
//   a        a0   a1   a2   a3   a0   a1   a2   a3
//   int32   r0c01 | r0c23  |  r1c01  |  r1c23        two sums a row, added at the end
//
// The high plane allows two products before SADALP, 2 * 127 * 127 = 32,258, the low one four,
// 4 * 127 * 64 = 32,512. So 64 weights cost 4 loads, 16 multiplications and 6 SADALP.
#include "prefilter.h"

#include <arm_neon.h>
#include <string.h>

#include "../cpu_features.h"
#include "prefilter_signed.h"

namespace bitnet {
namespace {

// Four registers of weights and 16 of sums leave room for the activations.
constexpr int kRegisters = 4;
constexpr size_t kRows = 4 * kRegisters;

/** Four values of a plane in every int32 lane. */
inline int8x16_t broadcast4(const int8_t* plane) {
  int32_t group;
  memcpy(&group, plane, sizeof group);
  return vreinterpretq_s8_s32(vdupq_n_s32(group));
}

/** Sums of four rows: of rows 0, 1 and of rows 2, 3. */
struct Pair {
  int32x4_t first, second;
};

/** Two columns of four for four rows: w[0] * a[0] + w[1] * a[1]. */
inline void add_high(Pair& sum, const int8x16_t* w, const int8x16_t* a) {
  int16x8_t first = vmull_s8(vget_low_s8(w[0]), vget_low_s8(a[0]));
  int16x8_t second = vmull_high_s8(w[0], a[0]);
  first = vmlal_s8(first, vget_low_s8(w[1]), vget_low_s8(a[1]));
  second = vmlal_high_s8(second, w[1], a[1]);
  sum.first = vpadalq_s16(sum.first, first);
  sum.second = vpadalq_s16(sum.second, second);
}

/** Four columns of four for four rows. */
inline void add_low(Pair& sum, const int8x16_t* w, const int8x16_t* a) {
  int16x8_t first = vmull_s8(vget_low_s8(w[0]), vget_low_s8(a[0]));
  int16x8_t second = vmull_high_s8(w[0], a[0]);
#pragma GCC unroll 3
  for (int g = 1; g < 4; g++) {
    first = vmlal_s8(first, vget_low_s8(w[g]), vget_low_s8(a[g]));
    second = vmlal_high_s8(second, w[g], a[g]);
  }
  sum.first = vpadalq_s16(sum.first, first);
  sum.second = vpadalq_s16(sum.second, second);
}

inline float32x4_t rows4(const Pair& sum) {
  return vcvtq_f32_s32(vpaddq_s32(sum.first, sum.second));
}

/** One tile times vector `v`. */
inline void tile_times(const PrefilterProduct& p, const int8_t* tile, size_t v, float* out) {
  const int8_t* high_plane = p.high + v * p.cols;
  const int8_t* low_plane = p.low + v * p.cols;
  Pair high[kRegisters], low[kRegisters];
  for (int r = 0; r < kRegisters; r++)
    high[r] = low[r] = {vdupq_n_s32(0), vdupq_n_s32(0)};
  for (size_t k = 0; k < p.cols; k += 16, tile += 16 * kRows) {
    int8x16_t h[4], l[4];
#pragma GCC unroll 4
    for (int g = 0; g < 4; g++) {
      h[g] = broadcast4(high_plane + k + 4 * g);
      l[g] = broadcast4(low_plane + k + 4 * g);
    }
#pragma GCC unroll 4
    for (int r = 0; r < kRegisters; r++) {
      int8x16_t w[4];
#pragma GCC unroll 4
      for (int g = 0; g < 4; g++)
        w[g] = vld1q_s8(tile + 4 * kRows * g + 16 * r);
      add_high(high[r], w, h);
      add_high(high[r], w + 2, h + 2);
      add_low(low[r], w, l);
    }
  }
  for (int r = 0; r < kRegisters; r++)
    vst1q_f32(out + 4 * r, vfmaq_n_f32(rows4(low[r]), rows4(high[r]), 128.0f));
}

void product(const PrefilterProduct& p, size_t row_begin, size_t row_end) {
  for (size_t row = row_begin; row < row_end; row += kRows) {
    const int8_t* tile =
        reinterpret_cast<const int8_t*>(p.packed + row / kRows * signed_tile_bytes<kRows>(p.cols));
    for (size_t v = 0; v < p.n; v++) // the tile stays in the cache
      tile_times(p, tile, v, p.out + v * p.out_stride + (row - row_begin));
  }
}

} // namespace

extern const PrefilterKernel kPrefilterNeon;
const PrefilterKernel kPrefilterNeon = {
    .isa = "neon",
    .features = kCpuNeon,
    .tile_rows = kRows,
    .tile_cols = kSignedCols,
    .tile_bytes = signed_tile_bytes<kRows>,
    .pack_tile = signed_pack_tile<kRows>,
    .product = product,
};

} // namespace bitnet
