// One encoder per stored type; the layouts are drawn beside the decoders in formats/ and dense/.
#include "synthetic_blocks.h"

#include <string.h>

#include "../common/half.h"
#include "q4_0_block.h"

namespace bitnet {
namespace {

// Element 128 b + 32 q + m is in byte 32 b + m, at the bits 6 - 2 q.
void codes_of(const uint8_t* i2s, uint8_t* codes) {
  for (size_t b = 0; b < kTritUnit / 128; ++b)
    for (unsigned q = 0; q < 4; ++q)
      for (size_t m = 0; m < 32; ++m)
        codes[128 * b + 32 * q + m] = static_cast<uint8_t>(i2s[32 * b + m] >> (6 - 2 * q) & 3);
}

void put_half(uint8_t* out, uint16_t half) {
  memcpy(out, &half, sizeof half);
}

void to_i2s(const uint8_t* i2s, const uint16_t*, uint8_t* out) {
  memcpy(out, i2s, kTritUnit / 4);
}

void to_f16(const uint8_t* i2s, const uint16_t* half, uint8_t* out) {
  uint8_t codes[kTritUnit];
  codes_of(i2s, codes);
  // -s, 0, s: nothing where the code is 1, the sign where it is 0.
  uint16_t values[kTritUnit];
  for (size_t i = 0; i < kTritUnit; ++i)
    values[i] = static_cast<uint16_t>((codes[i] == 1 ? 0 : *half) | (codes[i] == 0 ? 0x8000 : 0));
  memcpy(out, values, sizeof values);
}

void to_f32(const uint8_t* i2s, const uint16_t* half, uint8_t* out) {
  uint8_t codes[kTritUnit];
  codes_of(i2s, codes);
  const float scale = half_to_float(*half);
  const float of_code[] = {-scale, 0.0f, scale};
  for (size_t i = 0; i < kTritUnit; ++i)
    memcpy(out + i * sizeof(float), &of_code[codes[i]], sizeof(float));
}

void to_q8_0(const uint8_t* i2s, const uint16_t* half, uint8_t* out) {
  uint8_t codes[kTritUnit];
  codes_of(i2s, codes);
  for (size_t k = 0; k < kTritUnit; k += 32, out += 34) {
    put_half(out, *half);
    for (size_t i = 0; i < 32; ++i)
      out[2 + i] = static_cast<uint8_t>(codes[k + i] - 1);
  }
}

void to_q4_0(const uint8_t* i2s, const uint16_t* half, uint8_t* out) {
  uint8_t codes[kTritUnit];
  codes_of(i2s, codes);
  for (size_t k = 0; k < kTritUnit; k += kQ4Block, out += kQ4BlockBytes)
    write_q4_0(codes + k, *half, out);
}

// `digits` codes, `stride` apart, as a fraction of 256 in base 3, rounded up.
uint8_t base3(const uint8_t* codes, size_t stride, size_t digits) {
  unsigned value = 0;
  for (size_t n = 0; n < 5; ++n)
    value = 3 * value + (n < digits ? codes[n * stride] : 0u);
  return static_cast<uint8_t>((256 * value + 242) / 243);
}

void to_tq1_0(const uint8_t* i2s, const uint16_t* half, uint8_t* out) {
  uint8_t codes[kTritUnit];
  codes_of(i2s, codes);
  for (size_t m = 0; m < 32; ++m)
    out[m] = base3(codes + m, 32, 5);
  for (size_t m = 0; m < 16; ++m)
    out[32 + m] = base3(codes + 160 + m, 16, 5);
  for (size_t m = 0; m < 4; ++m)
    out[48 + m] = base3(codes + 240 + m, 4, 4);
  put_half(out + 52, *half);
}

// I2_S with its four fields in the opposite order.
void to_tq2_0(const uint8_t* i2s, const uint16_t* half, uint8_t* out) {
  for (size_t i = 0; i < kTritUnit / 4; ++i)
    out[i] = static_cast<uint8_t>(i2s[i] >> 6 | (i2s[i] >> 2 & 0x0c) | (i2s[i] & 0x0c) << 2 |
                                  i2s[i] << 6);
  put_half(out + 64, *half);
}

template <size_t kBlock> void to_q2_0(const uint8_t* i2s, const uint16_t* half, uint8_t* out) {
  uint8_t codes[kTritUnit];
  codes_of(i2s, codes);
  for (size_t k = 0; k < kTritUnit; k += kBlock, out += 2 + kBlock / 4) {
    put_half(out, half[k / kScaledTrits]);
    for (size_t i = 0; i < kBlock; i += 4) {
      const uint8_t* c = codes + k + i;
      out[2 + i / 4] = static_cast<uint8_t>(c[0] | c[1] << 2 | c[2] << 4 | c[3] << 6);
    }
  }
}

constexpr TritBlocks kTritBlocks[] = {
    {"I2_S", 64, to_i2s, 256},     {"F16", 512, to_f16, 256},
    {"Q8_0", 272, to_q8_0, 256},   {"Q4_0", 144, to_q4_0, 256},
    {"TQ1_0", 54, to_tq1_0, 256},  {"TQ2_0", 66, to_tq2_0, 256},
    {"Q2_0", 72, to_q2_0<64>, 64}, {"Q2_0_G128", 68, to_q2_0<128>, 128},
    {"F32", 1024, to_f32, 0},
};

} // namespace

const TritBlocks* find_trit_blocks(const std::string& type) {
  for (const TritBlocks& blocks : kTritBlocks)
    if (type == blocks.type)
      return &blocks;
  return nullptr;
}

} // namespace bitnet
