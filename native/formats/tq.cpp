// TQ1_0 and TQ2_0: blocks of 256 weights with an f16 scale at the end (llama.cpp); PTQ1_0: blocks of
// 128 (PrismML).
#include "../common/half.h"
#include "formats.h"

#include <string.h>

namespace bitnet {
namespace {

float block_scale(const uint8_t* bytes) {
  uint16_t half;
  memcpy(&half, bytes, sizeof half);
  return half_to_float(half);
}

// A type's blocks of kBlock weights in kBlockBytes.
template <size_t kBlock, size_t kBlockBytes> uint64_t tensor_bytes(TensorShape shape) {
  return uint64_t{shape.rows} * shape.cols / kBlock * kBlockBytes;
}

template <size_t kBlock, size_t kBlockBytes>
RowBytes row_bytes(TensorShape shape, size_t row, size_t count) {
  const uint64_t bytes = shape.cols / kBlock * kBlockBytes;
  return {{{row * bytes, (row + count) * bytes}}};
}

template <size_t kBlock, size_t kBlockBytes, bool (*kDecodeBlock)(const uint8_t*, uint8_t*)>
bool decode(const uint8_t* bytes, TensorShape shape, size_t, size_t count, uint8_t* codes,
            float* scales) {
  bool valid = true;
  for (size_t b = 0; b < count * (shape.cols / kBlock); ++b) {
    valid &= kDecodeBlock(bytes + b * kBlockBytes, codes + b * kBlock);
    scales[b] = block_scale(bytes + (b + 1) * kBlockBytes - 2);
  }
  return valid;
}

template <size_t kBlock, size_t kBlockBytes, void (*kEncodeBlock)(const uint8_t*, uint8_t*)>
void encode(const uint8_t* codes, const float* scales, TensorShape shape, size_t, size_t count,
            uint8_t* bytes) {
  for (size_t b = 0; b < count * (shape.cols / kBlock); ++b, bytes += kBlockBytes) {
    kEncodeBlock(codes + b * kBlock, bytes);
    const uint16_t half = exact_half_bits(scales[b]);
    memcpy(bytes + kBlockBytes - 2, &half, sizeof half);
  }
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

// `count` bytes of `digits` trits: digit n of byte m is element m + count * n.
void decode_strided(const uint8_t* bytes, size_t count, int digits, uint8_t* codes) {
  for (int n = 0; n < digits; ++n)
    for (size_t m = 0; m < count; ++m)
      *codes++ = trit(bytes[m], n);
}

// The reverse, for digits that begin a byte. In 16 bits throughout and with a constant count, so that
// compilers use vectors.
template <size_t kCount> void encode_strided(const uint8_t* codes, int digits, uint8_t* bytes) {
  uint16_t v[kCount] = {};
  for (int n = 0; n < 5; ++n)
    for (size_t m = 0; m < kCount; ++m)
      v[m] = static_cast<uint16_t>(3 * v[m] + (n < digits ? codes[m + kCount * n] : 0));
  for (size_t m = 0; m < kCount; ++m)
    bytes[m] = static_cast<uint8_t>(static_cast<uint16_t>(256 * v[m] + 242) / uint16_t{243});
}

// TQ1_0, 54 bytes:  qs[48]  five trits a byte, most significant first
//                   qh[4]   four trits a byte
//                   f16
//   qs[m], m < 32       elements m + 32 n            n = 0..4
//   qs[32 + m], m < 16  elements 160 + m + 16 n      n = 0..4
//   qh[m], m < 4        elements 240 + m + 4 n       n = 0..3
bool decode_tq1_block(const uint8_t* block, uint8_t* codes) {
  decode_strided(block, 32, 5, codes);
  decode_strided(block + 32, 16, 5, codes + 160);
  decode_strided(block + 48, 4, 4, codes + 240);
  return true; // every byte decodes to digits 0..2
}

void encode_tq1_block(const uint8_t* codes, uint8_t* block) {
  encode_strided<32>(codes, 5, block);
  encode_strided<16>(codes + 160, 5, block + 32);
  encode_strided<4>(codes + 240, 4, block + 48);
}

// PTQ1_0, 28 bytes, the same in half the size:
//   qs[m], m < 16      elements m + 16 n             n = 0..4
//   qs[16 + m], m < 8  elements 80 + m + 8 n         n = 0..4
//   qh[m], m < 2       elements 120 + m + 2 n        n = 0..3
bool decode_ptq1_block(const uint8_t* block, uint8_t* codes) {
  decode_strided(block, 16, 5, codes);
  decode_strided(block + 16, 8, 5, codes + 80);
  decode_strided(block + 24, 2, 4, codes + 120);
  return true;
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

void encode_tq2_block(const uint8_t* codes, uint8_t* block) {
  for (size_t h = 0; h < 2; ++h, codes += 128)
    for (size_t m = 0; m < 32; ++m)
      block[32 * h + m] = static_cast<uint8_t>(codes[m] | codes[m + 32] << 2 | codes[m + 64] << 4 |
                                               codes[m + 96] << 6);
}

template <size_t kBlock, size_t kBlockBytes, bool (*kDecodeBlock)(const uint8_t*, uint8_t*)>
constexpr TernaryFormat format(const char* name, decltype(TernaryFormat::encode) encode = nullptr) {
  return {
      .name = name,
      .scale_cols = kBlock,
      .block_cols = kBlock,
      .tensor_bytes = tensor_bytes<kBlock, kBlockBytes>,
      .row_bytes = row_bytes<kBlock, kBlockBytes>,
      .tensor_scale_offset = nullptr,
      .decode = decode<kBlock, kBlockBytes, kDecodeBlock>,
      .encode = encode,
  };
}

} // namespace

const TernaryFormat kFormatTQ1_0 =
    format<256, 54, decode_tq1_block>("TQ1_0", encode<256, 54, encode_tq1_block>);
const TernaryFormat kFormatTQ2_0 =
    format<256, 66, decode_tq2_block>("TQ2_0", encode<256, 66, encode_tq2_block>);
const TernaryFormat kFormatPTQ1_0 = format<128, 28, decode_ptq1_block>("PTQ1_0");

} // namespace bitnet
