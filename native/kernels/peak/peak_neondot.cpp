// Limit of SDOT.
#include <arm_neon.h>

#include "../cpu_features.h"
#include "peak.h"

namespace bitnet {
namespace {

uint64_t multiply(size_t rounds) {
  int32x4_t sum[16]; // all different: otherwise the compiler merges them
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++)
    sum[i] = vdupq_n_s32(i);
  const int8x16_t a = vdupq_n_s8(static_cast<int8_t>(rounds & 1));
  for (size_t round = 0; round < rounds; round++)
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++)
      sum[i] = vdotq_s32(sum[i], a, a);
#pragma GCC unroll 16
  for (int i = 1; i < 16; i++)
    sum[0] = veorq_s32(sum[0], sum[i]);
  return static_cast<uint64_t>(vgetq_lane_s32(sum[0], 0));
}

} // namespace

extern const Peak kPeakNeonDot;
const Peak kPeakNeonDot = {
    .instruction = "SDOT",
    .features = kCpuNeon | kCpuNeonDot,
    .read = nullptr,
    .multiply = multiply,
    .macs = 16 * 16,
};

} // namespace bitnet
