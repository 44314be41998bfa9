// The packed layout that all lut kernels share: three columns of a row in five bits, 1.67 bits per
// weight, with its packer. Anonymous on purpose, like mad2_layout.h.
//
// Three trits are a number T = 9 t0 + 3 t1 + t2 in -13..13: an index |T| + 1 into a table of the 14
// sums that a token's three activations define, and a sign. Eight such triples, 24 columns, are a
// unit. A tile is 32 rows; each unit takes five vectors of 32 bytes, one byte for a row:
//
//               bits 7 6 5 4              | 3 2 1 0
//   vector 0    signs of triples 0 1 2 3  | index of 0
//   vector 1    index of 2                | index of 1
//   vector 2    index of 7                | index of 3
//   vector 3    signs of triples 4 5 6 7  | index of 4
//   vector 4    index of 6                | index of 5
//
// An index is never 0, so neither is vector 0 or 3 shifted left by up to three: VPSIGNB, which
// takes the sign from the top bit and makes zero of what meets a zero, can use them as they are.
//
// Byte 2 lane + odd belongs to row 16 odd + lane, so that the even and the odd bytes of a vector
// are 16 consecutive rows each.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace bitnet {
namespace {

constexpr size_t kLutRows = 32;
constexpr size_t kLutCols = 64; // padding unit of the other families; the last unit may hold more
constexpr size_t kLutUnitCols = 24;
constexpr size_t kLutTriples = 8; // in a unit
constexpr size_t kLutUnitBytes = 5 * kLutRows;

/** Where the index of a triple of a unit stands. */
struct LutPlace {
  uint8_t vector, shift;
};
constexpr LutPlace kLutPlaces[kLutTriples] = {{0, 0}, {1, 0}, {1, 4}, {2, 0},
                                              {3, 0}, {4, 0}, {4, 4}, {2, 4}};

inline size_t lut_units(size_t cols) {
  return (cols + kLutUnitCols - 1) / kLutUnitCols;
}

size_t lut_tile_bytes(size_t cols) {
  return lut_units(cols) * kLutUnitBytes;
}

/** Where a row's byte stands in a vector. */
inline size_t lut_byte(size_t row) {
  return row % 16 * 2 + row / 16;
}

void lut_pack_tile(const uint8_t* codes /* [32, cols] */, size_t cols, uint8_t* tile) {
  for (size_t row = 0; row < kLutRows; row++)
    for (size_t u = 0; u < lut_units(cols); u++) {
      uint8_t vectors[5] = {};
      for (size_t j = 0; j < kLutTriples; j++) {
        int t = 0;
        for (size_t k = u * kLutUnitCols + 3 * j, end = k + 3; k < end; k++)
          t = 3 * t + (k < cols ? codes[row * cols + k] - 1 : 0);
        vectors[kLutPlaces[j].vector] |=
            static_cast<uint8_t>(((t < 0 ? -t : t) + 1) << kLutPlaces[j].shift);
        vectors[j / 4 * 3] |= static_cast<uint8_t>((t < 0) << (7 - j % 4));
      }
      for (size_t v = 0; v < 5; v++)
        tile[u * kLutUnitBytes + v * kLutRows + lut_byte(row)] = vectors[v];
    }
}

/** The number T of triple j of a unit, for the row whose byte stands at `bytes`. */
inline int lut_triple(const uint8_t* bytes, size_t j) {
  const int size = (bytes[kLutPlaces[j].vector * kLutRows] >> kLutPlaces[j].shift & 15) - 1;
  return bytes[j / 4 * 3 * kLutRows] >> (7 - j % 4) & 1 ? -size : size;
}

void lut_unpack_tile(const uint8_t* tile, size_t cols, uint8_t* codes /* [32, cols] */) {
  for (size_t row = 0; row < kLutRows; row++)
    for (size_t k = 0; k < cols; k++) {
      const size_t j = k % kLutUnitCols / 3;
      const int v = lut_triple(tile + k / kLutUnitCols * kLutUnitBytes + lut_byte(row), j) + 13;
      codes[row * cols + k] = static_cast<uint8_t>(k % 3 == 0   ? v / 9
                                                   : k % 3 == 1 ? v / 3 % 3
                                                                : v % 3);
    }
}

} // namespace
} // namespace bitnet
