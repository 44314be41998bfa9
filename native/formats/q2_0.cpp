// Q2_0: blocks that begin with an f16 scale d, then two bits per weight (llama.cpp, PrismML).
//
//   [ f16 d ][ block / 4 bytes ]        value = d * (code - 1); the code 3 is +2
//
// Byte j of a block holds elements 4 j to 4 j + 3, the first in the lowest bits. Blocks are of 64
// elements, or of 128 in files older than llama.cpp's Q2_0 and in PQ2_0, which only has another id.
#include "../common/half.h"
#include "formats.h"

#include <string.h>

namespace bitnet {
namespace {

template <size_t kBlock> constexpr size_t kBlockBytes = 2 + kBlock / 4;

template <size_t kBlock> uint64_t tensor_bytes(TensorShape shape) {
  return uint64_t{shape.rows} * (shape.cols / kBlock) * kBlockBytes<kBlock>;
}

template <size_t kBlock> RowBytes row_bytes(TensorShape shape, size_t row, size_t count) {
  const uint64_t bytes = uint64_t{shape.cols / kBlock} * kBlockBytes<kBlock>;
  return {{{row * bytes, (row + count) * bytes}}};
}

template <size_t kBlock>
bool decode(const uint8_t* bytes, TensorShape shape, size_t, size_t count, uint8_t* codes,
            float* scales) {
  uint32_t seen = 0;
  for (size_t b = 0; b < count * (shape.cols / kBlock); ++b, bytes += kBlockBytes<kBlock>) {
    uint16_t half;
    memcpy(&half, bytes, sizeof half);
    scales[b] = half_to_float(half);
    for (size_t j = 0; j < kBlock / 4; ++j, codes += 4) {
      const uint32_t byte = bytes[2 + j];
      const uint32_t four = (byte | byte << 6 | byte << 12 | byte << 18) & 0x03030303;
      seen |= four & four >> 1;
      memcpy(codes, &four, sizeof four);
    }
  }
  return (seen & 0x01010101) == 0;
}

template <size_t kBlock>
void encode(const uint8_t* codes, const float* scales, TensorShape shape, size_t, size_t count,
            uint8_t* bytes) {
  for (size_t b = 0; b < count * (shape.cols / kBlock); ++b, bytes += kBlockBytes<kBlock>) {
    const uint16_t half = exact_half_bits(scales[b]);
    memcpy(bytes, &half, sizeof half);
    for (size_t j = 0; j < kBlock / 4; ++j, codes += 4)
      bytes[2 + j] = static_cast<uint8_t>(codes[0] | codes[1] << 2 | codes[2] << 4 | codes[3] << 6);
  }
}

template <size_t kBlock> constexpr TernaryFormat format(const char* name) {
  return {
      .name = name,
      .scale_cols = kBlock,
      .block_cols = kBlock,
      .tensor_bytes = tensor_bytes<kBlock>,
      .row_bytes = row_bytes<kBlock>,
      .tensor_scale_offset = nullptr,
      .decode = decode<kBlock>,
      .four_levels = true,
      .encode = encode<kBlock>,
  };
}

} // namespace

const TernaryFormat kFormatQ2_0 = format<64>("Q2_0");
const TernaryFormat kFormatQ2_0_G128 = format<128>("Q2_0_G128");
const TernaryFormat kFormatPQ2_0 = format<128>("PQ2_0");

} // namespace bitnet
