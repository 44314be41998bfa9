// Trits of Transformers' BitNet checkpoints (dtype U8): two bits per weight, four rows in one. The
// scale is elsewhere.
//
//   row r is at the bits 2 (r / P) of the bytes of packed row r mod P, of which there are
//   P = ceil(rows / 4), each of `cols` bytes
#include "formats.h"

namespace bitnet {
namespace {

size_t packed_rows(TensorShape shape) {
  return (shape.rows + 3) / 4;
}

uint64_t tensor_bytes(TensorShape shape) {
  return uint64_t{packed_rows(shape)} * shape.cols;
}

// As many rows as are packed, or more, take all; fewer may begin again at the first.
RowBytes row_bytes(TensorShape shape, size_t row, size_t count) {
  const size_t packed = packed_rows(shape);
  if (count >= packed)
    return {{{0, tensor_bytes(shape)}}};
  const uint64_t cols = shape.cols;
  const size_t first = row % packed, end = first + count;
  if (end <= packed)
    return {{{first * cols, end * cols}}};
  return {{{first * cols, packed * cols}, {0, (end - packed) * cols}}};
}

bool decode(const uint8_t* bytes, TensorShape shape, size_t row, size_t count, uint8_t* codes,
            float*) {
  const size_t packed = packed_rows(shape), cols = shape.cols;
  uint8_t seen = 0;
  for (size_t r = 0; r < count; ++r, codes += cols) {
    const uint8_t* from = bytes + (count >= packed ? (row + r) % packed : r) * cols;
    const unsigned shift = 2 * static_cast<unsigned>((row + r) / packed);
    for (size_t i = 0; i < cols; ++i) {
      const uint8_t code = static_cast<uint8_t>(from[i] >> shift & 3);
      seen = static_cast<uint8_t>(seen | (code & code >> 1));
      codes[i] = code;
    }
  }
  return seen == 0;
}

} // namespace

const TernaryFormat kFormatPackedRows = {
    .name = "packed rows",
    .scale_cols = 0,
    .block_cols = 1,
    .tensor_bytes = tensor_bytes,
    .row_bytes = row_bytes,
    .tensor_scale_offset = nullptr,
    .decode = decode,
};

} // namespace bitnet
