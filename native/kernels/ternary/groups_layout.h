// Tiles with group scales: the bytes of a group's columns as in the family's own layout, then the
// f16 scales of all rows. Anonymous on purpose, like mad2_layout.h.
//
//   group 0                    group 1
//   [ codes ][ scales[rows] ]  [ codes ][ scales[rows] ]  …
//
//   family  rows  codes of 64 columns  scales  bits a weight, groups of 64  128   256
//   mad2    64    1,024 bytes          128     2.25                         2.13  2.06
//   base3   80    1,024 bytes          160     1.85                         1.73  1.66
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "ternary.h"

namespace bitnet {
namespace {

/** Both families have 16 bytes for a column of a tile. */
constexpr size_t kTileColumn = 16;

/** From one group of a tile to the next. */
inline size_t group_bytes(size_t rows, size_t group) {
  return group * kTileColumn + rows * sizeof(uint16_t);
}

template <size_t kRows> size_t groups_tile_bytes(size_t cols, size_t group) {
  return cols / group * group_bytes(kRows, group);
}

/** Packs a tile of `kRows` rows whose codes `pack` packs, as pack_tile of a TernaryKernel does. */
template <size_t kRows, void (*pack)(const uint8_t*, size_t, uint8_t*)>
void pack_groups(const uint8_t* codes, const uint16_t* scales, size_t cols, size_t group,
                 uint8_t* tile) {
  uint8_t some[kRows * kMostGroupCols]; // [kRows, group]
  const size_t groups = cols / group;
  for (size_t g = 0; g < groups; g++, tile += group_bytes(kRows, group)) {
    for (size_t r = 0; r < kRows; r++)
      memcpy(some + r * group, codes + r * cols + g * group, group);
    pack(some, group, tile);
    uint8_t* halves = tile + group * kTileColumn;
    for (size_t r = 0; r < kRows; r++)
      memcpy(halves + r * sizeof(uint16_t), scales + r * groups + g, sizeof(uint16_t));
  }
}

/** Σ q of group g, from the sums of 64 columns of one token. */
inline int32_t sum_of_group(const int32_t* sums, size_t g, size_t group) {
  switch (group) {
  case 64:
    return sums[g];
  case 128:
    return sums[2 * g] + sums[2 * g + 1];
  default:
    return sums[4 * g] + sums[4 * g + 1] + sums[4 * g + 2] + sums[4 * g + 3];
  }
}

} // namespace
} // namespace bitnet
