// What several types of bitnet.cpp have in common.
#pragma once
#include "formats.h"

namespace bitnet {
namespace {

// [ n/4 bytes ][ f32 scale ][ 28 bytes of anything ]: two bits for each of n = rows * cols weights.
inline uint64_t two_bit_scale_offset(TensorShape shape) {
  return uint64_t{shape.rows} * shape.cols / 4;
}

// The scale and what fills it up.
constexpr uint64_t kScaleTail = 32;

inline uint64_t two_bit_tensor_bytes(TensorShape shape) {
  return two_bit_scale_offset(shape) + kScaleTail;
}

// The nibble 3 t0 + t1 + 4 of two trits as their codes; false for 9..15, which no pair has.
inline bool decode_pair(unsigned nibble, uint8_t* codes) {
  codes[0] = static_cast<uint8_t>(nibble / 3 % 3);
  codes[1] = static_cast<uint8_t>(nibble % 3);
  return nibble <= 8;
}

} // namespace
} // namespace bitnet
