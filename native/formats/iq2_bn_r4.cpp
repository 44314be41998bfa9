// IQ2_BN_R4: IQ2_BN with the rows in groups of four, which share every block (ik_llama.cpp).
//
//   [ 4 f32 scales ][ cols / 64 blocks of 64 bytes ]        for every four rows
//
// Byte 16 l + 4 k + i of a block holds four weights of row k, i = 0..3, l = 0..3:
//
//   bit    7 6           5 4          3 2          1 0
//   elem   16 l + i+12   16 l + i+8   16 l + i+4   16 l + i
#include "formats.h"

#include <string.h>

namespace bitnet {
namespace {

constexpr size_t kGroup = 4;
constexpr size_t kBlock = 64;
constexpr size_t kScaleBytes = kGroup * sizeof(float);

uint64_t group_bytes(TensorShape shape) {
  return kScaleBytes + uint64_t{shape.cols / kBlock} * kBlock;
}

uint64_t tensor_bytes(TensorShape shape) {
  return shape.rows / kGroup * group_bytes(shape);
}

bool fits(TensorShape shape) {
  return shape.rows % kGroup == 0;
}

RowBytes row_bytes(TensorShape shape, size_t row, size_t count) {
  const uint64_t last = (row + count + kGroup - 1) / kGroup;
  return {{{row / kGroup * group_bytes(shape), last * group_bytes(shape)}}};
}

bool decode(const uint8_t* bytes, TensorShape shape, size_t row, size_t count, uint8_t* codes,
            float* scales) {
  unsigned seen = 0;
  for (size_t r = row; r < row + count; ++r, ++scales) {
    const size_t k = r % kGroup;
    const uint8_t* group = bytes + (r / kGroup - row / kGroup) * group_bytes(shape);
    memcpy(scales, group + k * sizeof(float), sizeof(float));
    const uint8_t* block = group + kScaleBytes;
    for (size_t b = 0; b < shape.cols / kBlock; ++b, block += kBlock, codes += kBlock)
      for (size_t l = 0; l < 4; ++l)
        for (size_t i = 0; i < 4; ++i)
          for (unsigned j = 0; j < 4; ++j) {
            const unsigned code = block[16 * l + 4 * k + i] >> (2 * j) & 3u;
            seen |= code & code >> 1;
            codes[16 * l + 4 * j + i] = static_cast<uint8_t>(code);
          }
  }
  return seen == 0;
}

} // namespace

const TernaryFormat kFormatIQ2_BN_R4 = {
    .name = "IQ2_BN_R4",
    .scale_cols = 0,
    .block_cols = kBlock,
    .tensor_bytes = tensor_bytes,
    .row_bytes = row_bytes,
    .tensor_scale_offset = nullptr,
    .decode = decode,
    .fits = fits,
};

} // namespace bitnet
