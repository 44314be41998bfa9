// A block of Q4_0 made of ternary codes, for weights that are kept or made in that type.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

namespace bitnet {

constexpr size_t kQ4Block = 32;      // columns
constexpr size_t kQ4BlockBytes = 18; // an f16 and 32 nibbles

/**
 * Codes 0..3 of 32 columns, which stand for (code - 1) * scale: the scale, then 16 bytes with the
 * first 16 columns in the low nibbles. A nibble stands for itself - 8.
 */
inline void write_q4_0(const uint8_t* codes, uint16_t half_scale, uint8_t* block) {
  memcpy(block, &half_scale, sizeof half_scale);
  for (size_t i = 0; i < kQ4Block / 2; ++i)
    block[2 + i] = static_cast<uint8_t>((codes[i] + 7) | (codes[i + kQ4Block / 2] + 7) << 4);
}

} // namespace bitnet
