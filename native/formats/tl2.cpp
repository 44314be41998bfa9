// TL2: triples of trits as a nibble and a sign, the last columns in pairs (bitnet.cpp, for x86).
//
//   [ nibbles of triples ][ their signs ][ nibbles of pairs ][ padding ][ f32 scale ][ 28 bytes ]
//
// The first floor(cols / BK) * BK columns are in triples T = 9 t0 + 3 t1 + t2: |T| (0..13) is the
// nibble. The others are in pairs, 3 t0 + t1 + 4. Two neighbors share a byte, the first in the
// high bits. Every section is of the whole matrix and in an order that depends on the tile, which
// the file does not record. From the outermost to the innermost loop:
//
//   triples  tiles of BM rows | tiles of BK columns | 32 rows | 6 columns | a byte for each row
//   signs    tiles of BM rows | tiles of BK columns | 32 rows | 24 columns | 16 words of 16 bits
//   pairs    tiles of BM rows | 32 columns | 32 rows | 4 columns | a byte for each row
//
// The rows of a byte are in the order 0..7, 16..23, 8..15, 24..31. Word j of the signs has those of
// rows j and j + 16: bit 15 - 2 r is triple r of row j, the bit below it that of row j + 16.
#include "bitnet_cpp.h"

namespace bitnet {
namespace {

constexpr size_t kGroup = 32;
constexpr size_t kPairCols = 32;

size_t triple_cols(TensorShape shape) {
  return shape.cols / shape.tile.cols * shape.tile.cols;
}

// Bytes of the three sections for `rows` rows, a multiple of the tile's.
uint64_t triple_bytes(TensorShape shape, uint64_t rows) {
  return rows * triple_cols(shape) / 6;
}
uint64_t sign_bytes(TensorShape shape, uint64_t rows) {
  return rows * triple_cols(shape) / 24;
}
uint64_t pair_bytes(TensorShape shape, uint64_t rows) {
  return rows * (shape.cols - triple_cols(shape)) / 4;
}

// As the writers compute it: room for 256 columns of pairs, whatever the tile.
uint64_t tensor_scale_offset(TensorShape shape) {
  const uint64_t triples = uint64_t{shape.cols - 256} * shape.rows / 3 * 5 / 8;
  const uint64_t pairs = uint64_t{256} * shape.rows / 2 * 4 / 8;
  return (triples + pairs + 31) / 32 * 32;
}

uint64_t tensor_bytes(TensorShape shape) {
  return tensor_scale_offset(shape) + kScaleTail;
}

bool fits(TensorShape shape) {
  const TileShape& tile = shape.tile;
  if (shape.cols < 256 || tile.group_rows != kGroup || tile.rows == 0 || tile.cols == 0 ||
      tile.rows % kGroup != 0 || tile.cols % 24 != 0 || shape.rows % tile.rows != 0 ||
      (shape.cols - triple_cols(shape)) % kPairCols != 0)
    return false;
  const uint64_t used = triple_bytes(shape, shape.rows) + sign_bytes(shape, shape.rows) +
                        pair_bytes(shape, shape.rows);
  return used <= tensor_scale_offset(shape);
}

// Rows of a tile are contiguous in each section.
RowBytes row_bytes(TensorShape shape, size_t row, size_t count) {
  const uint64_t first = row / shape.tile.rows * shape.tile.rows;
  const uint64_t last = (row + count + shape.tile.rows - 1) / shape.tile.rows * shape.tile.rows;
  const uint64_t signs = triple_bytes(shape, shape.rows);
  const uint64_t pairs = signs + sign_bytes(shape, shape.rows);
  return {{{triple_bytes(shape, first), triple_bytes(shape, last)},
           {signs + sign_bytes(shape, first), signs + sign_bytes(shape, last)},
           {pairs + pair_bytes(shape, first), pairs + pair_bytes(shape, last)}}};
}

// The row of a group that byte p of its columns belongs to.
inline size_t row_of(size_t p) {
  return (p & 7) | (p & 8) << 1 | (p & 16) >> 1;
}

// The rows asked for, and where their codes go.
struct Window {
  size_t begin;
  size_t end;
  size_t cols;
  uint8_t* codes;

  uint8_t* at(size_t row, size_t col) const {
    return row < begin || row >= end ? nullptr : codes + (row - begin) * cols + col;
  }
};

// False for sizes above 13, and for a zero with a sign, which no writer makes: the bytes are then
// no signs of these triples.
inline bool decode_triple(unsigned size, bool negative, uint8_t* codes) {
  const unsigned value = negative ? 13 - size : 13 + size;
  codes[0] = static_cast<uint8_t>(value / 9 % 3);
  codes[1] = static_cast<uint8_t>(value / 3 % 3);
  codes[2] = static_cast<uint8_t>(value % 3);
  return size <= 13 && !(negative && size == 0);
}

// 32 rows from `row` on and 24 columns from `col` on: four times 32 bytes, and 16 words of signs.
bool decode_triples(const uint8_t* bytes, const uint8_t* signs, size_t row, size_t col,
                    const Window& window) {
  bool valid = true;
  for (size_t six = 0; six < 4; ++six)
    for (size_t p = 0; p < kGroup; ++p, ++bytes) {
      const size_t r = row_of(p);
      uint8_t* out = window.at(row + r, col + 6 * six);
      if (!out)
        continue;
      const size_t word = 2 * (r % 16);
      const unsigned bits = signs[word] | static_cast<unsigned>(signs[word + 1]) << 8;
      const unsigned shift = 15 - static_cast<unsigned>(2 * 2 * six + r / 16);
      valid &= decode_triple(*bytes >> 4, bits >> shift & 1u, out);
      valid &= decode_triple(*bytes & 15u, bits >> (shift - 2) & 1u, out + 3);
    }
  return valid;
}

// 32 rows from `row` on and 32 columns from `col` on: eight times 32 bytes.
bool decode_pairs(const uint8_t* bytes, size_t row, size_t col, const Window& window) {
  bool valid = true;
  for (size_t four = 0; four < 8; ++four)
    for (size_t p = 0; p < kGroup; ++p, ++bytes) {
      uint8_t* out = window.at(row + row_of(p), col + 4 * four);
      if (!out)
        continue;
      valid &= decode_pair(*bytes >> 4, out);
      valid &= decode_pair(*bytes & 15u, out + 2);
    }
  return valid;
}

bool decode(const uint8_t* bytes, TensorShape shape, size_t row, size_t count, uint8_t* codes,
            float*) {
  const TileShape& tile = shape.tile;
  const size_t threes = triple_cols(shape);
  const Window window = {row, row + count, shape.cols, codes};
  const RowBytes range = row_bytes(shape, row, count);
  const uint8_t* signs = bytes + (range.part[0].end - range.part[0].begin);
  const uint8_t* pairs = signs + (range.part[1].end - range.part[1].begin);
  bool valid = true;
  for (size_t first = row / tile.rows * tile.rows; first < row + count; first += tile.rows) {
    for (size_t k = 0; k < threes; k += tile.cols)
      for (size_t group = 0; group < tile.rows; group += kGroup)
        for (size_t s = 0; s < tile.cols; s += 24, bytes += 4 * kGroup, signs += kGroup)
          valid &= decode_triples(bytes, signs, first + group, k + s, window);
    for (size_t k = threes; k < shape.cols; k += kPairCols)
      for (size_t group = 0; group < tile.rows; group += kGroup, pairs += 8 * kGroup)
        valid &= decode_pairs(pairs, first + group, k, window);
  }
  return valid;
}

} // namespace

const TernaryFormat kFormatTL2 = {
    .name = "TL2",
    .scale_cols = 0,
    .block_cols = 1,
    .tensor_bytes = tensor_bytes,
    .row_bytes = row_bytes,
    .tensor_scale_offset = tensor_scale_offset,
    .decode = decode,
    .invalid = "nibbles or signs that no ternary weights have, at least in the tiles of the "
               "table that was chosen",
    .fits = fits,
};

} // namespace bitnet
