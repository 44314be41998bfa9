// The packed layout of the prefilter kernels that multiply signed bytes: kRows rows a tile, four
// columns of each after the other. Anonymous on purpose: every kernel file compiles its own copy.
//
//   byte [k / 4][row][k % 4]  holds q
//
// A kernel chooses kRows so that the sums of one tile fit its registers: it reads a tile once, from
// the first byte to the last. Lanes are rows, as in prefilter_layout.h.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace bitnet {
namespace {

constexpr size_t kSignedCols = 16; // a register of activations

template <size_t kRows> size_t signed_tile_bytes(size_t cols) {
  return cols * kRows;
}

template <size_t kRows>
void signed_pack_tile(const int8_t* q /* [kRows, cols] */, size_t cols, uint8_t* tile) {
  for (size_t row = 0; row < kRows; row++)
    for (size_t k = 0; k < cols; k++)
      tile[(k / 4 * kRows + row) * 4 + k % 4] = static_cast<uint8_t>(q[row * cols + k]);
}

} // namespace
} // namespace bitnet
