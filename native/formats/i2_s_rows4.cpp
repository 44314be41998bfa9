// I2_S as bitnet.cpp writes it when built without ACT_PARALLEL: four rows in a byte.
//
//   [ n/4 bytes of codes ][ f32 scale ][ 28 bytes of anything ]          n = rows * cols
//
// Byte g * cols + k holds column k of rows 4 g to 4 g + 3:
//
//   bit    7 6   5 4     3 2     1 0
//   row    4g    4g + 1  4g + 2  4g + 3
#include "bitnet_cpp.h"

namespace bitnet {
namespace {

constexpr size_t kGroup = 4;

bool fits(TensorShape shape) {
  return shape.rows % kGroup == 0;
}

RowBytes row_bytes(TensorShape shape, size_t row, size_t count) {
  const uint64_t first = row / kGroup;
  const uint64_t last = (row + count + kGroup - 1) / kGroup;
  return {{{first * shape.cols, last * shape.cols}}};
}

bool decode(const uint8_t* bytes, TensorShape shape, size_t row, size_t count, uint8_t* codes,
            float*) {
  unsigned seen = 0;
  for (size_t r = row; r < row + count; ++r, codes += shape.cols) {
    const uint8_t* group = bytes + (r / kGroup - row / kGroup) * shape.cols;
    const unsigned shift = 6 - 2 * static_cast<unsigned>(r % kGroup);
    for (size_t k = 0; k < shape.cols; ++k) {
      const unsigned code = group[k] >> shift & 3u;
      seen |= code & code >> 1;
      codes[k] = static_cast<uint8_t>(code);
    }
  }
  return seen == 0;
}

} // namespace

const TernaryFormat kFormatI2SRows4 = {
    .name = "I2_S rows4",
    .scale_cols = 0,
    .block_cols = 1,
    .tensor_bytes = two_bit_tensor_bytes,
    .row_bytes = row_bytes,
    .tensor_scale_offset = two_bit_scale_offset,
    .decode = decode,
    .fits = fits,
};

} // namespace bitnet
