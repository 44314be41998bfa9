// Multiply-adds for ARM CPUs without SDOT: SMLAL adds a product s8 x s8 to an int16. Anonymous,
// like the layouts.
#pragma once
#include <arm_neon.h>

namespace bitnet {
namespace {

/** Sums of products of 16 bytes: of bytes 0 to 7 and of bytes 8 to 15. */
struct Pair {
  int16x8_t low, high;
};

inline void multiply_add(Pair& sum, int8x16_t w, int8x16_t a) {
  sum.low = vmlal_s8(sum.low, vget_low_s8(w), vget_low_s8(a));
  sum.high = vmlal_high_s8(sum.high, w, a);
}

/** Sums over every four neighbors, in int32. */
inline int32x4_t widen(const Pair& sum) {
  return vpaddq_s32(vpaddlq_s16(sum.low), vpaddlq_s16(sum.high));
}

} // namespace
} // namespace bitnet
