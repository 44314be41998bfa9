// IQ1_BN and IQ2_BN: rows that begin with their scale, then blocks of 64 weights (ik_llama.cpp). In
// files of June to October 2024 rows have no scale; a separate tensor has one for the matrix.
#include "../common/half.h"
#include "formats.h"

#include <string.h>

namespace bitnet {
namespace {

constexpr size_t kBlock = 64;

template <size_t kScaleBytes, size_t kBlockBytes> uint64_t bytes_per_row(size_t cols) {
  return kScaleBytes + uint64_t{cols / kBlock} * kBlockBytes;
}

template <size_t kScaleBytes, size_t kBlockBytes> uint64_t tensor_bytes(TensorShape shape) {
  return shape.rows * bytes_per_row<kScaleBytes, kBlockBytes>(shape.cols);
}

template <size_t kScaleBytes, size_t kBlockBytes>
RowBytes row_bytes(TensorShape shape, size_t row, size_t count) {
  const uint64_t bytes = bytes_per_row<kScaleBytes, kBlockBytes>(shape.cols);
  return {{{row * bytes, (row + count) * bytes}}};
}

float read_scale(const uint8_t* bytes, size_t scale_bytes) {
  if (scale_bytes == 0)
    return 1.0f;
  if (scale_bytes == 2) {
    uint16_t half;
    memcpy(&half, bytes, sizeof half);
    return half_to_float(half);
  }
  float scale;
  memcpy(&scale, bytes, sizeof scale);
  return scale;
}

template <size_t kScaleBytes, size_t kBlockBytes, bool (*kDecodeBlock)(const uint8_t*, uint8_t*)>
bool decode(const uint8_t* bytes, TensorShape shape, size_t, size_t count, uint8_t* codes,
            float* scales) {
  bool valid = true;
  for (size_t r = 0; r < count; ++r) {
    scales[r] = read_scale(bytes, kScaleBytes);
    bytes += kScaleBytes;
    for (size_t k = 0; k < shape.cols; k += kBlock, bytes += kBlockBytes, codes += kBlock)
      valid &= kDecodeBlock(bytes, codes);
  }
  return valid;
}

// Digit j of a base-3 byte, least significant digit first.
constexpr uint8_t kDigit[5] = {81, 27, 9, 3, 1};
uint8_t digit(uint8_t byte, size_t multiplier) {
  return static_cast<uint8_t>((static_cast<uint8_t>(byte * kDigit[multiplier]) * 3u) >> 8);
}

// IQ1_BN, 13 bytes for four groups g of 16 weights, five trits a byte:
//   byte 3 g + k, k = 0..2   weights 16 g + 5 k + j    j = 0..4
//   byte 12                  weights 16 g + 15         g = 0..3
bool decode_iq1_block(const uint8_t* block, uint8_t* codes) {
  for (size_t g = 0; g < 4; ++g) {
    for (size_t k = 0; k < 3; ++k)
      for (size_t j = 0; j < 5; ++j)
        codes[16 * g + 5 * k + j] = digit(block[3 * g + k], j);
    codes[16 * g + 15] = digit(block[12], g);
  }
  return true; // every byte decodes to digits 0..2
}

// IQ2_BN, 16 bytes: byte j holds weights j, j + 16, j + 32, j + 48, lowest bits first.
bool decode_iq2_block(const uint8_t* block, uint8_t* codes) {
  unsigned seen = 0;
  for (unsigned l = 0; l < 4; ++l)
    for (size_t j = 0; j < 16; ++j) {
      const unsigned code = (block[j] >> (2 * l)) & 3u;
      seen |= code & (code >> 1);
      codes[16 * l + j] = static_cast<uint8_t>(code);
    }
  return seen == 0;
}

template <size_t kScaleBytes, size_t kBlockBytes, bool (*kDecodeBlock)(const uint8_t*, uint8_t*)>
constexpr TernaryFormat format(const char* name) {
  return {
      .name = name,
      .scale_cols = 0,
      .block_cols = kBlock,
      .tensor_bytes = tensor_bytes<kScaleBytes, kBlockBytes>,
      .row_bytes = row_bytes<kScaleBytes, kBlockBytes>,
      .tensor_scale_offset = nullptr,
      .decode = decode<kScaleBytes, kBlockBytes, kDecodeBlock>,
      .row_scales = kScaleBytes != 0,
  };
}

} // namespace

const TernaryFormat kFormatIQ1_BN = format<2, 13, decode_iq1_block>("IQ1_BN");
const TernaryFormat kFormatIQ2_BN = format<4, 16, decode_iq2_block>("IQ2_BN");
const TernaryFormat kFormatIQ1_BNWithoutScales =
    format<0, 13, decode_iq1_block>("IQ1_BN without scales");
const TernaryFormat kFormatIQ2_BNWithoutScales =
    format<0, 16, decode_iq2_block>("IQ2_BN without scales");

} // namespace bitnet
