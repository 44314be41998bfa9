// TQ1_0 and TQ2_0: blocks of 256 weights with an f16 scale at the end (llama.cpp).
#include "../common/half.h"
#include "formats.h"

#include <string.h>

namespace bitnet {
namespace {

constexpr size_t kBlock = 256;

float block_scale(const uint8_t* bytes) {
  uint16_t half;
  memcpy(&half, bytes, sizeof half);
  return half_to_float(half);
}

template <size_t kBlockBytes> uint64_t tensor_bytes(TensorShape shape) {
  return uint64_t{shape.rows} * shape.cols / kBlock * kBlockBytes;
}

template <size_t kBlockBytes> RowBytes row_bytes(TensorShape shape, size_t row, size_t count) {
  const uint64_t bytes = shape.cols / kBlock * kBlockBytes;
  return {{{row * bytes, (row + count) * bytes}}};
}

template <size_t kBlockBytes, bool (*kDecodeBlock)(const uint8_t*, uint8_t*)>
bool decode(const uint8_t* bytes, TensorShape shape, size_t, size_t count, uint8_t* codes,
            float* scales) {
  bool valid = true;
  for (size_t b = 0; b < count * (shape.cols / kBlock); ++b) {
    valid &= kDecodeBlock(bytes + b * kBlockBytes, codes + b * kBlock);
    scales[b] = block_scale(bytes + (b + 1) * kBlockBytes - 2);
  }
  return valid;
}

// Trit n of a base-3 byte:
//   v = Σ c_n 3^(4 - n)        n = 0..4
//   b = ceil(256 v / 243)      the byte
// Multiplying by 3^n modulo 256 shifts the wanted digit to the front, multiplying by 3 carries it
// out of the byte.
constexpr uint8_t kPow3[5] = {1, 3, 9, 27, 81};
uint8_t trit(uint8_t byte, int n) {
  const uint8_t shifted = static_cast<uint8_t>(byte * kPow3[n]);
  return static_cast<uint8_t>((shifted * 3u) >> 8);
}

// TQ1_0, 54 bytes:  qs[48]  five trits a byte, most significant first
//                   qh[4]   four trits a byte
//                   f16
//   qs[m], m < 32       elements m + 32 n            n = 0..4
//   qs[32 + m], m < 16  elements 160 + m + 16 n      n = 0..4
//   qh[m], m < 4        elements 240 + m + 4 n       n = 0..3
bool decode_tq1_block(const uint8_t* block, uint8_t* codes) {
  for (int n = 0; n < 5; ++n)
    for (size_t m = 0; m < 32; ++m)
      codes[m + 32 * n] = trit(block[m], n);
  for (int n = 0; n < 5; ++n)
    for (size_t m = 0; m < 16; ++m)
      codes[160 + m + 16 * n] = trit(block[32 + m], n);
  for (int n = 0; n < 4; ++n)
    for (size_t m = 0; m < 4; ++m)
      codes[240 + m + 4 * n] = trit(block[48 + m], n);
  return true; // every byte decodes to digits 0..2
}

// TQ2_0, 66 bytes: two halves of 32 bytes, then f16. Byte m of half h holds elements 128 h + m + 32
// l in bits 2l+1..2l: the same interleave as I2_S with the fields in the opposite order.
bool decode_tq2_block(const uint8_t* block, uint8_t* codes) {
  unsigned seen = 0;
  for (size_t h = 0; h < 2; ++h)
    for (unsigned l = 0; l < 4; ++l)
      for (size_t m = 0; m < 32; ++m) {
        const unsigned code = (block[32 * h + m] >> (2 * l)) & 3u;
        seen |= code & (code >> 1);
        codes[128 * h + 32 * l + m] = static_cast<uint8_t>(code);
      }
  return seen == 0;
}

} // namespace

const TernaryFormat kFormatTQ1_0 = {
    .name = "TQ1_0",
    .scale_cols = kBlock,
    .block_cols = kBlock,
    .tensor_bytes = tensor_bytes<54>,
    .row_bytes = row_bytes<54>,
    .tensor_scale_offset = nullptr,
    .decode = decode<54, decode_tq1_block>,
};

const TernaryFormat kFormatTQ2_0 = {
    .name = "TQ2_0",
    .scale_cols = kBlock,
    .block_cols = kBlock,
    .tensor_bytes = tensor_bytes<66>,
    .row_bytes = row_bytes<66>,
    .tensor_scale_offset = nullptr,
    .decode = decode<66, decode_tq2_block>,
};

} // namespace bitnet
