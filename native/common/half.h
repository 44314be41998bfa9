// IEEE 754 half precision to single, for the few places that are not a kernel.
#pragma once
#include <stdint.h>
#include <string.h>

namespace bitnet {

/** f16 bits → f32, exact for every input. */
inline float half_to_float(uint16_t h) {
  const uint32_t sign = (h & 0x8000u) << 16;
  const uint32_t exponent = (h >> 10) & 31u;
  const uint32_t mantissa = h & 0x3ffu;
  uint32_t bits;
  if (exponent == 31) {
    bits = sign | 0x7f800000u | (mantissa << 13);
  } else if (exponent != 0) {
    bits = sign | ((exponent + 112) << 23) | (mantissa << 13);
  } else {
    // Subnormal: mantissa · 2^-24, which f32 holds exactly.
    const float value = static_cast<float>(mantissa) * 5.9604644775390625e-8f;
    memcpy(&bits, &value, sizeof bits);
    bits |= sign;
  }
  float f;
  memcpy(&f, &bits, sizeof f);
  return f;
}

/** The f16 bits of a finite f32 that is exactly a half. */
inline uint16_t exact_half_bits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  const uint32_t sign = bits >> 16 & 0x8000u;
  const uint32_t exponent = bits >> 23 & 255u;
  if (exponent >= 113)
    return static_cast<uint16_t>(sign | (exponent - 112) << 10 | (bits >> 13 & 0x3ffu));
  // Zero or subnormal: a whole number of 2^-24.
  const float steps = (sign ? -value : value) * 16777216.0f;
  return static_cast<uint16_t>(sign | static_cast<uint32_t>(steps));
}

} // namespace bitnet
