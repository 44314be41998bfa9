// The prefilter with SDOT on 128-bit registers: 4 rows x 4 columns per load, two products of it.
#include "prefilter.h"

#include <arm_neon.h>

#include "../cpu_features.h"
#include "prefilter_signed.h"

namespace bitnet {
namespace {

// Eight registers of sums for each plane: 16 accumulators hide the latency of SDOT on four pipes.
constexpr int kRegisters = 8;
constexpr size_t kRows = 4 * kRegisters;

/** Columns 4 kGroup .. 4 kGroup + 3 of the 16 in `h` and `l`, for all rows of a tile. */
template <int kGroup>
inline void add_group(const int8_t* tile, int8x16_t h, int8x16_t l, int32x4_t* high,
                      int32x4_t* low) {
#pragma GCC unroll 8
  for (int r = 0; r < kRegisters; r++) {
    const int8x16_t w = vld1q_s8(tile + 4 * kRows * kGroup + 16 * r);
    high[r] = vdotq_laneq_s32(high[r], w, h, kGroup);
    low[r] = vdotq_laneq_s32(low[r], w, l, kGroup);
  }
}

/** One tile times vector `v`. */
inline void tile_times(const PrefilterProduct& p, const int8_t* tile, size_t v, float* out) {
  const int8_t* high_plane = p.high + v * p.cols;
  const int8_t* low_plane = p.low + v * p.cols;
  int32x4_t high[kRegisters], low[kRegisters];
  for (int r = 0; r < kRegisters; r++)
    high[r] = low[r] = vdupq_n_s32(0);
  for (size_t k = 0; k < p.cols; k += 16, tile += 16 * kRows) {
    const int8x16_t h = vld1q_s8(high_plane + k), l = vld1q_s8(low_plane + k);
    add_group<0>(tile, h, l, high, low);
    add_group<1>(tile, h, l, high, low);
    add_group<2>(tile, h, l, high, low);
    add_group<3>(tile, h, l, high, low);
  }
  for (int r = 0; r < kRegisters; r++)
    vst1q_f32(out + 4 * r, vfmaq_n_f32(vcvtq_f32_s32(low[r]), vcvtq_f32_s32(high[r]), 128.0f));
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

extern const PrefilterKernel kPrefilterNeonDot;
const PrefilterKernel kPrefilterNeonDot = {
    .isa = "neondot",
    .features = kCpuNeon | kCpuNeonDot,
    .tile_rows = kRows,
    .tile_cols = kSignedCols,
    .tile_bytes = signed_tile_bytes<kRows>,
    .pack_tile = signed_pack_tile<kRows>,
    .product = product,
};

} // namespace bitnet
