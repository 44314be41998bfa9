// The group product in plain C++, for any family. Anonymous, like the layouts.
#pragma once
#include "groups_layout.h"

#include <math.h>

namespace bitnet {
namespace {

/** Codes of column k of a group's rows: [rows]. */
using ColumnCodes = void (*)(const uint8_t* bytes, size_t k, uint8_t* codes);

/** f16 bits → f32, exact for every finite input. */
inline float scale_of(const uint8_t* half) {
  uint16_t h;
  memcpy(&h, half, sizeof h);
  const int exponent = h >> 10 & 31;
  const float fraction = static_cast<float>(h & 0x3ff);
  const float value =
      exponent == 0 ? ldexpf(fraction, -24) : ldexpf(fraction + 1024, exponent - 25);
  return h & 0x8000 ? -value : value;
}

template <size_t kRows, ColumnCodes codes_of>
void tile_times_token(const uint8_t* tile, const GroupProduct& p, size_t i, float* out) {
  const int8_t* q = p.q + i * p.q_stride;
  for (size_t r = 0; r < kRows; r++)
    out[r] = 0;
  for (size_t g = 0; g < p.cols / p.group; g++, tile += group_bytes(kRows, p.group)) {
    const int32_t minus = -sum_of_group(p.q_sums + i * p.sums_stride, g, p.group);
    int32_t sum[kRows];
    for (size_t r = 0; r < kRows; r++)
      sum[r] = minus;
    for (size_t k = 0; k < p.group; k++) {
      uint8_t codes[kRows];
      codes_of(tile, k, codes);
      for (size_t r = 0; r < kRows; r++)
        sum[r] += codes[r] * q[g * p.group + k];
    }
    const uint8_t* halves = tile + p.group * kTileColumn;
    for (size_t r = 0; r < kRows; r++)
      out[r] = fmaf(static_cast<float>(sum[r]), scale_of(halves + r * 2) * p.factor, out[r]);
  }
  for (size_t r = 0; r < kRows; r++)
    out[r] *= p.step[i];
}

template <size_t kRows, ColumnCodes codes_of>
void multiply_groups(const GroupProduct& p, size_t row_begin, size_t row_end) {
  const size_t tile_bytes = groups_tile_bytes<kRows>(p.cols, p.group);
  for (size_t row = row_begin; row < row_end; row += kRows)
    for (size_t i = 0; i < p.n; i++)
      tile_times_token<kRows, codes_of>(p.packed + row / kRows * tile_bytes, p, i,
                                        p.out + i * p.out_stride + (row - row_begin));
}

} // namespace
} // namespace bitnet
