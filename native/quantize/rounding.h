// Rounding to integers and halves, as all encoders need it.
#pragma once
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../common/half.h"

namespace bitnet {
namespace {

/** The nearest integer, of two the even one, within [least, most]. */
inline int nearest(float value, int least, int most) {
  // In [2^23, 2^24) floats are whole numbers. Beyond 2^22 the result means nothing, there as here.
  const float shifted = value + 12582912.0f;
  int32_t bits;
  memcpy(&bits, &shifted, sizeof bits);
  const int rounded = (bits & 0x7fffff) - 0x400000;
  return rounded < least ? least : rounded > most ? most : rounded;
}

/** The whole part of a value that is not negative but for rounding, at most `most`. */
inline unsigned whole(float value, unsigned most) {
  if (!(value > 0.0f))
    return 0;
  return value >= static_cast<float>(most) ? most : static_cast<unsigned>(value);
}

/** Stores an f16; false where it is none. */
inline bool put_half(uint8_t* to, float value) {
  const uint16_t half = nearest_half_bits(value);
  memcpy(to, &half, sizeof half);
  return (half & 0x7c00u) != 0x7c00u;
}

/** The value that `put_half` stored. */
inline float stored_half(const uint8_t* from) {
  uint16_t half;
  memcpy(&half, from, sizeof half);
  return half_to_float(half);
}

/** The reciprocal; 0 of 0. */
inline float inverse(float value) {
  return value != 0.0f ? 1.0f / value : 0.0f;
}

/** The value that is farthest from zero, the first of several. */
inline float farthest(const float* x, size_t count) {
  float size = 0.0f, value = 0.0f;
  for (size_t i = 0; i < count; ++i)
    if (fabsf(x[i]) > size) {
      size = fabsf(x[i]);
      value = x[i];
    }
  return value;
}

/** Nibbles of 32 codes: j in the low half of byte j, j + 16 in the high one. */
inline void put_nibbles(const uint8_t* codes, uint8_t* to) {
  for (size_t j = 0; j < 16; ++j)
    to[j] = static_cast<uint8_t>((codes[j] & 15) | codes[j + 16] << 4);
}

} // namespace
} // namespace bitnet
