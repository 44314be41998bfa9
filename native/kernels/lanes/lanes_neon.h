// The vocabulary of lanes.h on 128-bit registers: four are the 16 lanes.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arm_neon.h>

namespace bitnet {
namespace {

using Floats = float32x4_t;
using Ints = int32x4_t;
using Doubles = float64x2_t;
constexpr int kWidth = 4, kParts = 4;
constexpr int kPartsTogether = 4, kGroupsTogether = 1;

struct Lanes { // 0..3, 4..7, 8..11, 12..15
  Floats part[kParts];
};
struct IntLanes {
  Ints part[kParts];
};

inline float float_of_bits(uint32_t bits) {
  float f;
  memcpy(&f, &bits, sizeof f);
  return f;
}
inline float float_of_half(uint16_t half) {
  return vgetq_lane_f32(vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(half))), 0);
}
/** Rounded to nearest, ties to even. */
inline uint16_t half_of_float(float v) {
  return vget_lane_u16(vreinterpret_u16_f16(vcvt_f16_f32(vdupq_n_f32(v))), 0);
}
inline float fma(float a, float b, float c) {
  return vget_lane_f32(vfma_f32(vdup_n_f32(c), vdup_n_f32(a), vdup_n_f32(b)), 0);
}
inline double square_root(double v) { return vget_lane_f64(vsqrt_f64(vdup_n_f64(v)), 0); }

/** Nothing: what prefetching gains on these CPUs has never been timed. */
template <bool kIntoL1> inline void prefetch(const uint8_t*) {}

inline Floats broadcast(float v) { return vdupq_n_f32(v); }
inline Ints broadcast(int32_t v) { return vdupq_n_s32(v); }
inline Doubles broadcast(double v) { return vdupq_n_f64(v); }

inline Floats load(const float* p) { return vld1q_f32(p); }
inline Ints load(const int32_t* p) { return vld1q_s32(p); }
inline void store(float* p, Floats v) { vst1q_f32(p, v); }

inline size_t bytes_of(int n) {
  return n <= 0 ? 0 : (n < kWidth ? static_cast<size_t>(n) : kWidth) * 4;
}
inline Floats load_first(int n, const float* p) {
  float padded[kWidth] = {};
  if (n > 0)
    memcpy(padded, p, bytes_of(n));
  return vld1q_f32(padded);
}
inline Ints load_first(int n, const int32_t* p) {
  int32_t padded[kWidth] = {};
  if (n > 0)
    memcpy(padded, p, bytes_of(n));
  return vld1q_s32(padded);
}
inline void store_first(int n, float* p, Floats v) {
  float padded[kWidth];
  vst1q_f32(padded, v);
  if (n > 0)
    memcpy(p, padded, bytes_of(n));
}
inline Floats choose_first(int n, Floats v, Floats other) {
  const int32_t lanes[kWidth] = {0, 1, 2, 3};
  return vbslq_f32(vcgtq_s32(vdupq_n_s32(n), vld1q_s32(lanes)), v, other);
}

inline Floats add(Floats a, Floats b) { return vaddq_f32(a, b); }
inline Floats sub(Floats a, Floats b) { return vsubq_f32(a, b); }
inline Floats mul(Floats a, Floats b) { return vmulq_f32(a, b); }
inline Floats div(Floats a, Floats b) { return vdivq_f32(a, b); }
inline Floats fma(Floats a, Floats b, Floats c) { return vfmaq_f32(c, a, b); }
inline Floats min(Floats a, Floats b) {
  return vminq_f32(a, b); // NaN when one is
}
inline Floats max(Floats a, Floats b) { return vmaxq_f32(a, b); }
inline Floats negate(Floats v) { return vnegq_f32(v); }
inline Floats relu(Floats v) { // FMAX would keep a NaN
  return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(v), vcgtzq_f32(v)));
}
inline Floats zero_below(Floats bound, Floats x, Floats v) {
  return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(v), vcltq_f32(x, bound)));
}

inline Ints add(Ints a, Ints b) { return vaddq_s32(a, b); }
inline Ints sub(Ints a, Ints b) { return vsubq_s32(a, b); }
inline Ints min(Ints a, Ints b) { return vminq_s32(a, b); }
inline Ints max(Ints a, Ints b) { return vmaxq_s32(a, b); }
template <int kBits> inline Ints shift_left(Ints v) { return vshlq_n_s32(v, kBits); }
template <int kBits> inline Ints shift_right(Ints v) {
  return vreinterpretq_s32_u32(vshrq_n_u32(vreinterpretq_u32_s32(v), kBits));
}

inline Floats convert(Ints v) { return vcvtq_f32_s32(v); }
inline Ints round(Floats v) { return vcvtnq_s32_f32(v); }
inline Ints bits(Floats v) { return vreinterpretq_s32_f32(v); }
inline Floats floats_of_bits(Ints v) { return vreinterpretq_f32_s32(v); }
inline Ints magnitude(Floats v) { return vreinterpretq_s32_f32(vabsq_f32(v)); }

inline Doubles add(Doubles a, Doubles b) { return vaddq_f64(a, b); }
inline Doubles fma(Doubles a, Doubles b, Doubles c) { return vfmaq_f64(c, a, b); }
inline Doubles low_doubles(Floats v) { return vcvt_f64_f32(vget_low_f32(v)); }
inline Doubles high_doubles(Floats v) { return vcvt_high_f64_f32(v); }

template <int n> inline Floats swap_within(Floats v) {
  if constexpr (n == 1)
    return vrev64q_f32(v);
  else
    return vextq_f32(v, v, 2);
}

inline float first(Floats v) { return vgetq_lane_f32(v, 0); }
inline float max_of(Floats v) { return vmaxvq_f32(v); }
inline int32_t max_of(Ints v) { return vmaxvq_s32(v); }
inline int32_t sum_of(Ints v) { return vaddvq_s32(v); }
inline float tree(Floats v) { return vpadds_f32(vadd_f32(vget_low_f32(v), vget_high_f32(v))); }
inline double tree(Doubles v) { return vpaddd_f64(v); }
inline Floats trees(const Floats v[kWidth]) {
  Floats by2[2]; // registers 2i and 2i + 1
  for (int i = 0; i < 2; i++) {
    const float64x2_t a = vreinterpretq_f64_f32(v[2 * i]), b = vreinterpretq_f64_f32(v[2 * i + 1]);
    by2[i] =
        vaddq_f32(vreinterpretq_f32_f64(vzip1q_f64(a, b)), vreinterpretq_f32_f64(vzip2q_f64(a, b)));
  }
  return vpaddq_f32(by2[0], by2[1]);
}

inline Lanes load_f32(const uint8_t* p) {
  return {{vreinterpretq_f32_u8(vld1q_u8(p)), vreinterpretq_f32_u8(vld1q_u8(p + 16)),
           vreinterpretq_f32_u8(vld1q_u8(p + 32)), vreinterpretq_f32_u8(vld1q_u8(p + 48))}};
}
inline Lanes load_bf16(const uint8_t* p) {
  const uint16x8_t zero = vdupq_n_u16(0), low = vreinterpretq_u16_u8(vld1q_u8(p)),
                   high = vreinterpretq_u16_u8(vld1q_u8(p + 16));
  return {{vreinterpretq_f32_u16(vzip1q_u16(zero, low)),
           vreinterpretq_f32_u16(vzip2q_u16(zero, low)),
           vreinterpretq_f32_u16(vzip1q_u16(zero, high)),
           vreinterpretq_f32_u16(vzip2q_u16(zero, high))}};
}
inline Lanes load_f16(const uint8_t* p) {
  const float16x8_t low = vreinterpretq_f16_u8(vld1q_u8(p)),
                    high = vreinterpretq_f16_u8(vld1q_u8(p + 16));
  return {{vcvt_f32_f16(vget_low_f16(low)), vcvt_high_f32_f16(low),
           vcvt_f32_f16(vget_low_f16(high)), vcvt_high_f32_f16(high)}};
}
inline void store_f16(uint16_t* p, const Lanes& v) {
  for (int i = 0; i < kParts; i++)
    vst1_u16(p + kWidth * i, vreinterpret_u16_f16(vcvt_f16_f32(v.part[i])));
}
/** 16 int8 as float. */
inline Lanes lanes_of_i8(int8x16_t bytes) {
  const int16x8_t low = vmovl_s8(vget_low_s8(bytes)), high = vmovl_high_s8(bytes);
  return {{vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))), vcvtq_f32_s32(vmovl_high_s16(low)),
           vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))), vcvtq_f32_s32(vmovl_high_s16(high))}};
}
inline Lanes load_i8(const uint8_t* p) { return lanes_of_i8(vreinterpretq_s8_u8(vld1q_u8(p))); }
inline void store_i8(uint8_t* p, const IntLanes& v) {
  const int16x8_t low = vcombine_s16(vmovn_s32(v.part[0]), vmovn_s32(v.part[1]));
  const int16x8_t high = vcombine_s16(vmovn_s32(v.part[2]), vmovn_s32(v.part[3]));
  vst1q_u8(p, vreinterpretq_u8_s8(vcombine_s8(vmovn_s16(low), vmovn_s16(high))));
}

} // namespace
} // namespace bitnet
