// TL1: pairs of trits as nibbles, in the order of a lookup-table kernel for ARM (bitnet.cpp).
//
//   [ n/4 bytes of nibbles ][ f32 scale ][ 28 bytes of anything ]          n = rows * cols
//
// A nibble is 3 t0 + t1 + 4 for two neighbors of a row, 0..8; a byte holds two such pairs, the
// first in the high bits, which are four neighbors of a row. The order of the bytes depends on the
// tile, which is not in the file. From the outermost to the innermost loop:
//
//   tiles of BM rows | tiles of BK columns | groups of bmm rows | 256 / bmm columns |
//   16 of the group's rows | 4 of these columns | one byte for each of the 16 rows
#include "bitnet_cpp.h"

namespace bitnet {
namespace {

constexpr size_t kLanes = 16;

size_t slice_cols(TileShape tile) {
  return 256 / tile.group_rows;
}

bool fits(TensorShape shape) {
  const TileShape& tile = shape.tile;
  return (tile.group_rows == 32 || tile.group_rows == 64) && tile.rows != 0 && tile.cols != 0 &&
         tile.rows % tile.group_rows == 0 && tile.cols % slice_cols(tile) == 0 &&
         shape.rows % tile.rows == 0 && shape.cols % tile.cols == 0;
}

// Rows of a tile are contiguous over all columns, so whole rows of tiles are read.
RowBytes row_bytes(TensorShape shape, size_t row, size_t count) {
  const uint64_t bytes = uint64_t{shape.tile.rows} * shape.cols / 4;
  const uint64_t last = (row + count + shape.tile.rows - 1) / shape.tile.rows;
  return {{{row / shape.tile.rows * bytes, last * bytes}}};
}

bool decode(const uint8_t* bytes, TensorShape shape, size_t row, size_t count, uint8_t* codes,
            float*) {
  const TileShape& tile = shape.tile;
  const size_t slice = slice_cols(tile);
  bool valid = true;
  for (size_t first = row / tile.rows * tile.rows; first < row + count; first += tile.rows)
    for (size_t k = 0; k < shape.cols; k += tile.cols)
      for (size_t group = 0; group < tile.rows; group += tile.group_rows)
        for (size_t s = 0; s < tile.cols; s += slice)
          for (size_t r = 0; r < tile.group_rows; r += kLanes)
            for (size_t q = 0; q < slice; q += 4)
              for (size_t lane = 0; lane < kLanes; ++lane, ++bytes) {
                const size_t m = first + group + r + lane;
                if (m < row || m >= row + count)
                  continue;
                uint8_t* out = codes + (m - row) * shape.cols + k + s + q;
                valid &= decode_pair(*bytes >> 4, out);
                valid &= decode_pair(*bytes & 15u, out + 2);
              }
  return valid;
}

} // namespace

const TernaryFormat kFormatTL1 = {
    .name = "TL1",
    .scale_cols = 0,
    .block_cols = 1,
    .tensor_bytes = two_bit_tensor_bytes,
    .row_bytes = row_bytes,
    .tensor_scale_offset = two_bit_scale_offset,
    .decode = decode,
    .invalid = "a nibble above 8, which is no pair of ternary weights",
    .fits = fits,
};

} // namespace bitnet
