// The packed layouts of unit kernels that keep four trits in a byte, one unit after the other.
// Anonymous on purpose, like mad2_layout.h.
//
// Each 32 bytes hold 128 trits of a unit as codes c = t + 1 in {0, 1, 2}. Byte j, field f (bits
// 2 f and 2 f + 1) of block b is the trit at position
//
//   row units      128 b + 32 f + j                                    (an input feature)
//   column units   128 b + 32 m + 8 f + 4 L + e,  j = 16 L + 4 m + e   (an output feature)
//
// A row unit is multiplied with vectors of activations: its fields are 32 neighbours each. Column
// units are multiplied four at a time: interleaving their bytes (twice VPUNPCK, which works within
// 128-bit lanes L) gives four vectors m whose 32-bit lanes 4 L + e are neighbouring output features
// with the codes of the four units, as products of four bytes want them. The positions above undo
// the order.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "units_packers.h"

namespace bitnet {
namespace {

constexpr size_t kUnitBytes = 32, kUnitTrits = 128; // a block
constexpr size_t kUnitFields = 4;                   // trits in one byte

inline size_t unit_bytes(size_t width) {
  return (width + kUnitTrits - 1) / kUnitTrits * kUnitBytes;
}

inline size_t row_position(size_t j, size_t f) {
  return 32 * f + j;
}

inline size_t column_position(size_t j, size_t f) {
  return 32 * (j / 4 % 4) + 8 * f + 4 * (j / 16) + j % 4;
}

/** bytes[i] holds the codes c[0][i] to c[3][i], the first in the lowest bits. */
inline void field_bytes(const uint8_t* const c[kUnitFields], size_t count, uint8_t* bytes) {
  for (size_t i = 0; i < count; i++)
    bytes[i] = static_cast<uint8_t>(c[0][i] | c[1][i] << 2 | c[2][i] << 4 | c[3][i] << 6);
}

struct UnitLayout {
  static constexpr size_t kBytes = kUnitBytes, kTrits = kUnitTrits, kFields = kUnitFields;
  static size_t row_position(size_t j, size_t f) { return bitnet::row_position(j, f); }
  static size_t column_position(size_t j, size_t f) { return bitnet::column_position(j, f); }
  static void encode(const uint8_t* const c[kFields], size_t count, uint8_t* bytes) {
    field_bytes(c, count, bytes);
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
