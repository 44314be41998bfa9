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
#include "units_packers.h"

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

struct UnitLayout {
  static constexpr size_t kBytes = kUnitBytes, kTrits = kUnitTrits, kFields = kBase3Fields;
  static size_t row_position(size_t j, size_t f) { return bitnet::row_position(j, f); }
  static size_t column_position(size_t j, size_t f) { return bitnet::column_position(j, f); }
  static void encode(const uint8_t* const c[kFields], size_t count, uint8_t* bytes) {
    base3_bytes(c, count, bytes);
  }
};

inline void pack_row(const uint8_t* codes, size_t width, uint8_t* unit) {
  pack_row_unit<UnitLayout>(codes, unit_bytes(width), unit);
}

inline void pack_columns(const uint8_t* codes /* [kUnitTrits, count] */, size_t count, size_t row,
                         uint8_t* units, size_t unit_stride) {
  pack_column_units<UnitLayout>(codes, count, row, units, unit_stride);
}

} // namespace
} // namespace bitnet
