// The packed layout that all mad2 kernels share, with its packer. Anonymous on purpose: every
// kernel file compiles its own copy.
//
// A tile is 64 rows. Each group of four columns takes 64 bytes, 16 lanes of four bytes:
//
//   byte [k / 4][lane][k % 4]  holds column k of four rows as codes c = t + 1 in {0, 1, 2}:
//
//   field  3          2          1          0
//   bits   7 6        5 4        3 2        1 0
//   row    48 + lane  32 + lane  16 + lane  lane
//
// So one 64-byte load is 4 rows x 4 columns for each of 16 int32 lanes: four ANDs give four vectors
// whose u8 x s8 dot products with one broadcast group of four activations belong to four times 16
// consecutive rows. No field is shifted down, no accumulator is ever summed across its lanes: field
// f of the result is divided by 4^f once per row, exactly, and stored.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace bitnet {
namespace {

constexpr size_t kMad2Rows = 64;  // 4 fields x 16 lanes
constexpr size_t kMad2Cols = 64;  // 16 groups of four: the loops need no tail
constexpr size_t kMad2Lanes = 16; // rows per field
constexpr size_t kMad2Group = 64; // bytes of four columns

inline size_t mad2_tile_bytes(size_t cols) {
  return cols * kMad2Rows / 4;
}

inline void mad2_pack_tile(const uint8_t* codes /* [64, cols] */, size_t cols, uint8_t* tile) {
  for (size_t k = 0; k < cols; k += kMad2Cols) {
    for (size_t lane = 0; lane < kMad2Lanes; lane++) {
      uint8_t bytes[kMad2Cols]; // one lane's columns k..k+63
      const uint8_t* c = codes + lane * cols + k;
      const size_t field = kMad2Lanes * cols; // distance to the row of the next field
      for (size_t j = 0; j < kMad2Cols; j++)
        bytes[j] = static_cast<uint8_t>(c[j] | c[field + j] << 2 | c[2 * field + j] << 4 |
                                        c[3 * field + j] << 6);
      uint8_t* out = tile + k / 4 * kMad2Group + lane * 4;
      for (size_t j = 0; j < kMad2Cols; j += 4, out += kMad2Group)
        for (size_t i = 0; i < 4; i++)
          out[i] = bytes[j + i];
    }
  }
}

inline void mad2_unpack_tile(const uint8_t* tile, size_t cols, uint8_t* codes /* [64, cols] */) {
  for (size_t row = 0; row < kMad2Rows; row++) {
    const size_t field = row / kMad2Lanes, lane = row % kMad2Lanes;
    for (size_t k = 0; k < cols; k++)
      codes[row * cols + k] = tile[k / 4 * kMad2Group + lane * 4 + k % 4] >> 2 * field & 3;
  }
}

inline size_t mad2_no_scratch(size_t) {
  return 0;
}

} // namespace
} // namespace bitnet
