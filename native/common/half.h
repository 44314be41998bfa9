// IEEE 754 half precision to single and back, for the few places that are not a kernel.
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

/** The f16 bits nearest to a finite f32, of two the even one; infinity beyond the largest half. */
inline uint16_t nearest_half_bits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  const uint16_t sign = static_cast<uint16_t>(bits >> 16 & 0x8000u);
  uint32_t size = bits & 0x7fffffffu;
  if (size >= 0x47800000u) // 65536
    return static_cast<uint16_t>(sign | 0x7c00u);
  if (size < 0x38800000u) { // 2^-14: a whole number of 2^-24, which adding 0.5 rounds to
    float steps;
    memcpy(&steps, &size, sizeof steps);
    steps += 0.5f;
    memcpy(&bits, &steps, sizeof bits);
    return static_cast<uint16_t>(sign | (bits - 0x3f000000u));
  }
  size += 0xfffu + (size >> 13 & 1u);
  return static_cast<uint16_t>(sign | ((size - 0x38000000u) >> 13));
}

} // namespace bitnet
