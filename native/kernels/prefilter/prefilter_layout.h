// The packed layout that all prefilter kernels share. Anonymous on purpose: every kernel file
// compiles its own copy.
//
// A tile is 64 rows. Each group of four columns takes 256 bytes, four vectors of 16 lanes of four
// bytes:
//
//   byte [k / 4][row / 16][row % 16][k % 4]  holds q + 128, unsigned for VPDPBUSD
//
//   Σ q * a = Σ (q + 128) * a - 128 Σ a
//
// Lanes are rows: nothing is summed across a register.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

namespace bitnet {
namespace {

constexpr size_t kPrefilterRows = 64;
constexpr size_t kPrefilterCols = 16;
constexpr size_t kPrefilterGroup = 256; // bytes of four columns

size_t prefilter_tile_bytes(size_t cols) {
  return cols * kPrefilterRows;
}

void prefilter_pack_tile(const int8_t* q /* [64, cols] */, size_t cols, uint8_t* tile) {
  for (size_t row = 0; row < kPrefilterRows; row++)
    for (size_t k = 0; k < cols; k += 4) {
      uint32_t four;
      memcpy(&four, q + row * cols + k, 4);
      four ^= 0x80808080u; // adds 128 to every byte
      memcpy(tile + k / 4 * kPrefilterGroup + row * 4, &four, 4);
    }
}

} // namespace
} // namespace bitnet
