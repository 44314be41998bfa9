// I2_S: two bits per weight over the flattened tensor, one f32 scale per tensor (bitnet.cpp).
//
//   [ n/4 bytes of codes ][ f32 scale ][ 28 bytes of anything ]
//
//   n = rows * cols, a multiple of the block
//
// 128 consecutive elements share 32 bytes; byte m of them holds elements m, m + 32, m + 64, m + 96:
//
//   bit    7 6   5 4   3 2   1 0
//   elem    m    m+32  m+64  m+96
//
// Builds for ARM since November 2025 write blocks of 64 elements in 16 bytes instead, with the same
// size and scale, so that nothing in a file tells which one it is:
//
//   elem    m    m+16  m+32  m+48
//
// Blocks run over the flattened tensor, so they straddle rows when cols is no multiple of a block.
#include "bitnet_cpp.h"

namespace bitnet {
namespace {

template <size_t kBlock> bool fits(TensorShape shape) {
  return uint64_t{shape.rows} * shape.cols % kBlock == 0;
}

template <size_t kBlock> RowBytes row_bytes(TensorShape shape, size_t row, size_t count) {
  const uint64_t first = uint64_t{row} * shape.cols;
  const uint64_t last = first + uint64_t{count} * shape.cols;
  return {{{first / kBlock * (kBlock / 4), (last + kBlock - 1) / kBlock * (kBlock / 4)}}};
}

// Codes of `count` bytes at one shift; bit 0 of the result is set by a code 3. In bytes throughout
// and with a constant count in the common case, so that compilers use vectors.
template <size_t kCount>
inline uint8_t decode_run(const uint8_t* in, unsigned shift, size_t count, uint8_t* codes) {
  uint8_t seen = 0;
  for (size_t i = 0; i < (kCount ? kCount : count); ++i) {
    const uint8_t code = static_cast<uint8_t>(in[i] >> shift & 3);
    seen = static_cast<uint8_t>(seen | (code & code >> 1));
    codes[i] = code;
  }
  return seen;
}

template <size_t kBlock>
bool decode(const uint8_t* bytes, TensorShape shape, size_t row, size_t count, uint8_t* codes,
            float*) {
  constexpr size_t kBlockBytes = kBlock / 4;
  const size_t skip = static_cast<size_t>(uint64_t{row} * shape.cols % kBlock);
  const size_t end = skip + count * shape.cols;
  unsigned seen = 0;
  for (size_t e = skip; e < end;) {
    const uint8_t* block = bytes + e / kBlock * kBlockBytes;
    const size_t lane = e % kBlock;
    const size_t m = lane % kBlockBytes;
    const unsigned shift = 6 - 2 * static_cast<unsigned>(lane / kBlockBytes);
    // A run inside one field of the block: up to kBlockBytes elements with the same shift.
    const size_t left = end - e;
    const size_t run = kBlockBytes - m < left ? kBlockBytes - m : left;
    uint8_t* out = codes + (e - skip);
    seen |= run == kBlockBytes ? decode_run<kBlockBytes>(block, shift, run, out)
                               : decode_run<0>(block + m, shift, run, out);
    e += run;
  }
  return seen == 0;
}

template <size_t kBlock>
void encode(const uint8_t* codes, const float*, TensorShape shape, size_t, size_t count,
            uint8_t* bytes) {
  constexpr size_t kBlockBytes = kBlock / 4;
  const uint8_t* end = codes + count * shape.cols;
  for (; codes != end; codes += kBlock, bytes += kBlockBytes)
    for (size_t m = 0; m < kBlockBytes; ++m)
      bytes[m] = static_cast<uint8_t>(codes[m] << 6 | codes[m + kBlockBytes] << 4 |
                                      codes[m + 2 * kBlockBytes] << 2 | codes[m + 3 * kBlockBytes]);
}

template <size_t kBlock> constexpr TernaryFormat format(const char* name) {
  return {
      .name = name,
      .scale_cols = 0,
      .block_cols = 1,
      .tensor_bytes = two_bit_tensor_bytes,
      .row_bytes = row_bytes<kBlock>,
      .tensor_scale_offset = two_bit_scale_offset,
      .decode = decode<kBlock>,
      .fits = fits<kBlock>,
      .encode = encode<kBlock>,
  };
}

} // namespace

const TernaryFormat kFormatI2S = format<128>("I2_S");
const TernaryFormat kFormatI2SArm64 = format<64>("I2_S arm64");

} // namespace bitnet
