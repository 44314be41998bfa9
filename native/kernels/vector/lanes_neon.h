// Groups of 16 elements, the tree of the 16 lanes and exp on 128-bit registers; for
// vector_neon.cpp.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arm_neon.h>

#include "vector.h"

namespace bitnet {
namespace {

struct Lanes { // 0..3, 4..7, 8..11, 12..15
  float32x4_t v[4];
};

inline float float_of_bits(uint32_t bits) {
  float f;
  memcpy(&f, &bits, sizeof f);
  return f;
}

inline float minus_infinity() {
  return float_of_bits(0xff800000);
}

/** Calls f(i, exist) for each group of 16 elements, of which the first `exist` exist. */
template <class F> inline void for_groups(size_t count, F f) {
  size_t i = 0;
  for (; i + 16 <= count; i += 16)
    f(i, size_t{16});
  if (i < count)
    f(i, count - i);
}

/** Missing elements are zeros. */
inline Lanes load(const float* p, size_t exist) {
  float padded[16] = {};
  if (exist < 16) {
    memcpy(padded, p, exist * sizeof *p);
    p = padded;
  }
  return {{vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12)}};
}

inline void store(float* p, size_t exist, const Lanes& lanes) {
  float padded[16];
  float* to = exist < 16 ? padded : p;
  for (int i = 0; i < 4; i++)
    vst1q_f32(to + 4 * i, lanes.v[i]);
  if (exist < 16)
    memcpy(p, padded, exist * sizeof *p);
}

/** f of each register of a, or of a and b. */
template <class F> inline Lanes map(const Lanes& a, F f) {
  return {{f(a.v[0]), f(a.v[1]), f(a.v[2]), f(a.v[3])}};
}
template <class F> inline Lanes map(const Lanes& a, const Lanes& b, F f) {
  return {{f(a.v[0], b.v[0]), f(a.v[1], b.v[1]), f(a.v[2], b.v[2]), f(a.v[3], b.v[3])}};
}

inline float float_of_half(uint16_t half) {
  return vgetq_lane_f32(vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(half))), 0);
}

/** Values d .. d + 16 of a row of the KV cache. */
template <KvType kType> inline Lanes load_cached(const uint8_t* row, size_t head_dim, size_t d) {
  if constexpr (kType == kKvQ8_0) {
    uint16_t half;
    memcpy(&half, row + head_dim + d / 32 * 2, sizeof half);
    const float scale = float_of_half(half);
    const int8x16_t q = vreinterpretq_s8_u8(vld1q_u8(row + d));
    const int16x8_t first = vmovl_s8(vget_low_s8(q)), second = vmovl_high_s8(q);
    return {{vmulq_n_f32(vcvtq_f32_s32(vmovl_s16(vget_low_s16(first))), scale),
             vmulq_n_f32(vcvtq_f32_s32(vmovl_high_s16(first)), scale),
             vmulq_n_f32(vcvtq_f32_s32(vmovl_s16(vget_low_s16(second))), scale),
             vmulq_n_f32(vcvtq_f32_s32(vmovl_high_s16(second)), scale)}};
  }
  const float16x8_t low = vreinterpretq_f16_u8(vld1q_u8(row + 2 * d)),
                    high = vreinterpretq_f16_u8(vld1q_u8(row + 2 * d + 16));
  return {{vcvt_f32_f16(vget_low_f16(low)), vcvt_high_f32_f16(low),
           vcvt_f32_f16(vget_low_f16(high)), vcvt_high_f32_f16(high)}};
}

/**
 * tree() of four times 16 lanes at once: lane i of the result is the tree of v[i], pairs at
 * distance 8, 4, 2, 1.
 */
inline float32x4_t tree4(const Lanes v[4]) {
  float32x4_t by4[4];
  for (int i = 0; i < 4; i++)
    by4[i] = vaddq_f32(vaddq_f32(v[i].v[0], v[i].v[2]), vaddq_f32(v[i].v[1], v[i].v[3]));
  float32x4_t by2[2]; // vectors 2i and 2i + 1
  for (int i = 0; i < 2; i++) {
    const float64x2_t a = vreinterpretq_f64_f32(by4[2 * i]),
                      b = vreinterpretq_f64_f32(by4[2 * i + 1]);
    by2[i] =
        vaddq_f32(vreinterpretq_f32_f64(vzip1q_f64(a, b)), vreinterpretq_f32_f64(vzip2q_f64(a, b)));
  }
  return vpaddq_f32(by2[0], by2[1]);
}

inline float tree(const Lanes& lanes) {
  const float32x4_t l4 =
      vaddq_f32(vaddq_f32(lanes.v[0], lanes.v[2]), vaddq_f32(lanes.v[1], lanes.v[3]));
  return vpadds_f32(vadd_f32(vget_low_f32(l4), vget_high_f32(l4)));
}

/** exp as vector_scalar.cpp defines it, step by step. */
inline float32x4_t exp_approx(float32x4_t x) {
  const float32x4_t magic = vdupq_n_f32(12582912.0f);
  const float32x4_t bounded = vminq_f32(x, vdupq_n_f32(89.0f)); // FMIN keeps a NaN
  const float32x4_t t = vfmaq_f32(magic, bounded, vdupq_n_f32(1.44269504f));
  const float32x4_t n = vsubq_f32(t, magic);
  const float32x4_t r =
      vfmaq_f32(vfmaq_f32(bounded, n, vdupq_n_f32(-0.693359375f)), n, vdupq_n_f32(2.12194440e-4f));
  float32x4_t p = vdupq_n_f32(1.9875691500e-4f);
  p = vfmaq_f32(vdupq_n_f32(1.3981999507e-3f), p, r);
  p = vfmaq_f32(vdupq_n_f32(8.3334519073e-3f), p, r);
  p = vfmaq_f32(vdupq_n_f32(4.1665795894e-2f), p, r);
  p = vfmaq_f32(vdupq_n_f32(1.6666665459e-1f), p, r);
  p = vfmaq_f32(vdupq_n_f32(5.0000001201e-1f), p, r);
  const float32x4_t y = vaddq_f32(vfmaq_f32(r, p, vmulq_f32(r, r)), vdupq_n_f32(1.0f));
  const uint32x4_t e = vaddq_u32(vsubq_u32(vreinterpretq_u32_f32(t), vreinterpretq_u32_f32(magic)),
                                 vdupq_n_u32(256));
  const uint32x4_t half = vshrq_n_u32(e, 1), one = vdupq_n_u32(1);
  const uint32x4_t scale1 = vshlq_n_u32(vsubq_u32(half, one), 23);
  const uint32x4_t scale2 = vshlq_n_u32(vsubq_u32(vsubq_u32(e, half), one), 23);
  const float32x4_t scaled =
      vmulq_f32(vmulq_f32(y, vreinterpretq_f32_u32(scale1)), vreinterpretq_f32_u32(scale2));
  const uint32x4_t tiny = vcltq_f32(x, vdupq_n_f32(-87.33654f));
  return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(scaled), tiny));
}

inline float exp_of_one(float x) {
  return vgetq_lane_f32(exp_approx(vdupq_n_f32(x)), 0);
}

} // namespace
} // namespace bitnet
