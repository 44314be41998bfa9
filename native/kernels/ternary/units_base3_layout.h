// The packed layouts of unit kernels that keep five trits in a byte, as base3_layout.h draws, one
// unit after the other. Anonymous on purpose, like mad2_layout.h.
//
// Each 64 bytes hold 320 trits of a unit. Byte j, digit f of block b is the trit at position
//
//   row units      320 b + 64 f + j                                     (an input feature)
//   column units   320 b + 80 m + 16 f + 4 L + e,  j = 16 L + 4 m + e   (an output feature)
//
// A row unit is multiplied with vectors of activations: its fields are 64 neighbours each. Column
// units are multiplied four at a time: interleaving their bytes (twice VPUNPCK, which works within
// 128-bit lanes L) gives four vectors m whose 32-bit lanes 4 L + e are neighbouring output features
// with the trits of the four units, as VPDPBUSD wants them. The positions above undo the order.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base3_layout.h"

namespace bitnet {
namespace {

constexpr size_t kUnitBytes = 64, kUnitTrits = 320; // a block

inline size_t unit_bytes(size_t width) {
  return (width + kUnitTrits - 1) / kUnitTrits * kUnitBytes;
}

inline size_t row_position(size_t j, size_t f) {
  return 64 * f + j;
}

inline size_t column_position(size_t j, size_t f) {
  return 80 * (j / 4 % 4) + 16 * f + 4 * (j / 16) + j % 4;
}

inline void pack_row(const uint8_t* codes, size_t width, uint8_t* unit) {
  for (size_t block = 0; block < unit_bytes(width); block += kUnitBytes, codes += kUnitTrits) {
    const uint8_t* c[kBase3Fields];
    for (size_t f = 0; f < kBase3Fields; f++)
      c[f] = codes + row_position(0, f);
    base3_bytes(c, kUnitBytes, unit + block);
  }
}

// Units packed together: their codes are neighbours, their bytes are not.
constexpr size_t kPackUnits = 64;

inline void pack_columns(const uint8_t* codes /* [kUnitTrits, count] */, size_t count, size_t row,
                         uint8_t* units, size_t unit_stride) {
  uint8_t bytes[kUnitBytes][kPackUnits];
  for (size_t first = 0; first < count; first += kPackUnits) {
    const size_t some = count - first < kPackUnits ? count - first : kPackUnits;
    for (size_t j = 0; j < kUnitBytes; j++) {
      const uint8_t* c[kBase3Fields];
      for (size_t f = 0; f < kBase3Fields; f++)
        c[f] = codes + column_position(j, f) * count + first;
      base3_bytes(c, some, bytes[j]);
    }
    for (size_t unit = 0; unit < some; unit++) {
      uint8_t* block = units + (first + unit) * unit_stride + row / kUnitTrits * kUnitBytes;
      for (size_t j = 0; j < kUnitBytes; j++)
        block[j] = bytes[j][unit];
    }
  }
}

} // namespace
} // namespace bitnet
