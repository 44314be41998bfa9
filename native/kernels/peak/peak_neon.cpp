// Limits of base NEON.
#include <arm_neon.h>

#include "../cpu_features.h"
#include "peak.h"

namespace bitnet {
namespace {

uint64_t read(const void* p, size_t bytes) {
  const uint64_t* at = static_cast<const uint64_t*>(p);
  uint64x2_t sum[8];
  for (size_t j = 0; j < 8; j++)
    sum[j] = vdupq_n_u64(0);
  for (size_t i = 0; i < bytes / 8; i += 16)
#pragma GCC unroll 8
    for (size_t j = 0; j < 8; j++)
      sum[j] = veorq_u64(sum[j], vld1q_u64(at + i + 2 * j));
  for (size_t j = 1; j < 8; j++)
    sum[0] = veorq_u64(sum[0], sum[j]);
  return vgetq_lane_u64(sum[0], 0);
}

// Each sum is multiplied itself: a constant product would be computed once.
uint64_t multiply(size_t rounds) {
  int16x8_t sum[16]; // all different: otherwise the compiler merges them
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++)
    sum[i] = vdupq_n_s16(static_cast<int16_t>(i));
  const int8x8_t a = vdup_n_s8(static_cast<int8_t>(rounds));
  for (size_t round = 0; round < rounds; round++)
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++)
      sum[i] = vmlal_s8(sum[i], vget_low_s8(vreinterpretq_s8_s16(sum[i])), a);
#pragma GCC unroll 16
  for (int i = 1; i < 16; i++)
    sum[0] = veorq_s16(sum[0], sum[i]);
  return static_cast<uint64_t>(vgetq_lane_s16(sum[0], 0));
}

} // namespace

extern const Peak kPeakNeon;
const Peak kPeakNeon = {
    .instruction = "SMLAL",
    .features = kCpuNeon,
    .read = read,
    .multiply = multiply,
    .macs = 16 * 8,
};

} // namespace bitnet
