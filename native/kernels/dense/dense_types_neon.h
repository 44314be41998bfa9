// The stored types of dense.h on 128-bit registers: four registers are the 16 lanes. For
// dense_neon.cpp.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arm_neon.h>

namespace bitnet {
namespace {

struct Lanes { // 0..3, 4..7, 8..11, 12..15
  float32x4_t v[4];
};

// A stored type as a struct: its columns come in units of kGroups x 16, at() does a unit's shared
// work, and group(g, j) is the 16 weights of group g + j as float, exactly as dense_scalar.cpp
// defines them, where g is a multiple of kTogether and j < kTogether a constant: groups that share
// loads are asked together. kSize: bytes per column, 0 for block types.

struct F32 {
  static constexpr int kGroups = 1, kTogether = 1;
  static constexpr size_t kSize = 4;
  const uint8_t* p;
  static F32 at(const uint8_t* row, size_t k) { return {row + 4 * k}; }
  Lanes group(int, int) const {
    Lanes w;
    for (int i = 0; i < 4; i++)
      w.v[i] = vreinterpretq_f32_u8(vld1q_u8(p + 16 * i));
    return w;
  }
};

/** Eight halves as float, exact; a signalling NaN becomes quiet. */
inline void float_of_halves(uint8x16_t halves, float32x4_t* v /* [2] */) {
  const float16x8_t h = vreinterpretq_f16_u8(halves);
  v[0] = vcvt_f32_f16(vget_low_f16(h));
  v[1] = vcvt_high_f32_f16(h);
}

struct F16 {
  static constexpr int kGroups = 1, kTogether = 1;
  static constexpr size_t kSize = 2;
  const uint8_t* p;
  static F16 at(const uint8_t* row, size_t k) { return {row + 2 * k}; }
  Lanes group(int, int) const {
    Lanes w;
    float_of_halves(vld1q_u8(p), w.v);
    float_of_halves(vld1q_u8(p + 16), w.v + 2);
    return w;
  }
};

struct Bf16 {
  static constexpr int kGroups = 1, kTogether = 1;
  static constexpr size_t kSize = 2;
  const uint8_t* p;
  static Bf16 at(const uint8_t* row, size_t k) { return {row + 2 * k}; }
  Lanes group(int, int) const {
    Lanes w;
    widen(vld1q_u8(p), w.v);
    widen(vld1q_u8(p + 16), w.v + 2);
    return w;
  }
  static void widen(uint8x16_t bytes, float32x4_t* v /* [2] */) {
    const uint16x8_t zero = vdupq_n_u16(0), top = vreinterpretq_u16_u8(bytes);
    v[0] = vreinterpretq_f32_u16(vzip1q_u16(zero, top));
    v[1] = vreinterpretq_f32_u16(vzip2q_u16(zero, top));
  }
};

/** Float of the half at p. */
inline float float_of_half(const uint8_t* p) {
  const uint16x4_t h = vdup_n_u16(static_cast<uint16_t>(p[0] | p[1] << 8));
  return vgetq_lane_f32(vcvt_f32_f16(vreinterpret_f16_u16(h)), 0);
}

/** 16 int8 as float times a scale. */
inline Lanes scaled(int8x16_t bytes, float scale) {
  const int16x8_t low = vmovl_s8(vget_low_s8(bytes)), high = vmovl_high_s8(bytes);
  const int32x4_t v[4] = {vmovl_s16(vget_low_s16(low)), vmovl_high_s16(low),
                          vmovl_s16(vget_low_s16(high)), vmovl_high_s16(high)};
  Lanes w;
  for (int i = 0; i < 4; i++)
    w.v[i] = vmulq_n_f32(vcvtq_f32_s32(v[i]), scale);
  return w;
}

struct Q8_0 { // blocks of 32: f16 d, int8 q[32]
  static constexpr int kGroups = 2, kTogether = 2;
  static constexpr size_t kSize = 0;
  float d;
  const uint8_t* q;
  static Q8_0 at(const uint8_t* row, size_t k) {
    const uint8_t* block = row + k / 32 * 34;
    return {float_of_half(block), block + 2};
  }
  Lanes group(int, int j) const { return scaled(vreinterpretq_s8_u8(vld1q_u8(q + 16 * j)), d); }
};

struct Q6_K { // blocks of 256: ql[128], qh[64], int8 scales[16], f16 d
  static constexpr int kGroups = 16, kTogether = 1;
  static constexpr size_t kSize = 0;
  int8_t q[256];    // each minus 32
  float scales[16]; // d * scale of the 16 groups

  static Q6_K at(const uint8_t* row, size_t k) {
    const uint8_t* block = row + k / 256 * 210;
    Q6_K w;
    for (int part = 0; part < 4; part++) { // 16 bytes of qh and all that uses them: half part / 2
      const uint8_t* low = block + part / 2 * 64 + part % 2 * 16;
      const uint8x16_t low0 = vld1q_u8(low), low1 = vld1q_u8(low + 32),
                       high = vld1q_u8(block + 128 + 16 * part);
      int8_t* q = w.q + part / 2 * 128 + part % 2 * 16;
      // Quarter t has bits 2t, 2t + 1 of the same bytes; they belong into bits 4 and 5.
      vst1q_s8(q, value(low0, vshlq_n_u8(high, 4)));
      vst1q_s8(q + 32, value(low1, vshlq_n_u8(high, 2)));
      vst1q_s8(q + 64, value(vshrq_n_u8(low0, 4), high));
      vst1q_s8(q + 96, value(vshrq_n_u8(low1, 4), vshrq_n_u8(high, 2)));
    }
    const Lanes scales =
        scaled(vreinterpretq_s8_u8(vld1q_u8(block + 192)), float_of_half(block + 208));
    for (int i = 0; i < 4; i++)
      vst1q_f32(w.scales + 4 * i, scales.v[i]);
    return w;
  }
  static int8x16_t value(uint8x16_t nibbles, uint8x16_t pairs) {
    const uint8x16_t low = vandq_u8(nibbles, vdupq_n_u8(15)),
                     high = vandq_u8(pairs, vdupq_n_u8(48));
    return vreinterpretq_s8_u8(vsubq_u8(vorrq_u8(low, high), vdupq_n_u8(32)));
  }
  Lanes group(int g, int) const { return scaled(vld1q_s8(q + 16 * g), scales[g]); }
};

/** The low nibbles of 16 bytes, or the high ones. */
inline uint8x16_t nibbles(const uint8_t* p, bool high) {
  const uint8x16_t bytes = vld1q_u8(p);
  return high ? vshrq_n_u8(bytes, 4) : vandq_u8(bytes, vdupq_n_u8(15));
}

struct Q4_0 { // blocks of 32: f16 d, q[16] of two nibbles
  static constexpr int kGroups = 2, kTogether = 2;
  static constexpr size_t kSize = 0;
  float d;
  const uint8_t* q;
  static Q4_0 at(const uint8_t* row, size_t k) {
    const uint8_t* block = row + k / 32 * 18;
    return {float_of_half(block), block + 2};
  }
  Lanes group(int, int j) const {
    return scaled(vreinterpretq_s8_u8(vsubq_u8(nibbles(q, j), vdupq_n_u8(8))), d);
  }
};

/** Each plus m. A product of a code is exact: multiplying and adding is the fused result. */
inline Lanes plus(Lanes w, float m) {
  for (int i = 0; i < 4; i++)
    w.v[i] = vaddq_f32(w.v[i], vdupq_n_f32(m));
  return w;
}

struct Q4_1 { // blocks of 32: f16 d, f16 m, q[16] of two nibbles
  static constexpr int kGroups = 2, kTogether = 2;
  static constexpr size_t kSize = 0;
  float d, m;
  const uint8_t* q;
  static Q4_1 at(const uint8_t* row, size_t k) {
    const uint8_t* block = row + k / 32 * 20;
    return {float_of_half(block), float_of_half(block + 2), block + 4};
  }
  Lanes group(int, int j) const { return plus(scaled(vreinterpretq_s8_u8(nibbles(q, j)), d), m); }
};

/** 16 in bytes where a bit of `from` is set. */
inline uint8x16_t sixteen_where(uint8x16_t from, uint8x16_t bit) {
  return vandq_u8(vtstq_u8(from, bit), vdupq_n_u8(16));
}

/** Codes 16 * j and on of a block of 32: high[4], low[16], as dense_scalar.cpp has them. */
inline uint8x16_t five_bits(const uint8_t* p, int j) {
  const uint8x16_t high = vcombine_u8(vdup_n_u8(p[2 * j]), vdup_n_u8(p[2 * j + 1]));
  const uint8x8_t bit = vcreate_u8(0x8040201008040201);
  return vorrq_u8(nibbles(p + 4, j), sixteen_where(high, vcombine_u8(bit, bit)));
}

struct Q5_0 { // blocks of 32: f16 d, five-bit codes
  static constexpr int kGroups = 2, kTogether = 2;
  static constexpr size_t kSize = 0;
  float d;
  const uint8_t* q;
  static Q5_0 at(const uint8_t* row, size_t k) {
    const uint8_t* block = row + k / 32 * 22;
    return {float_of_half(block), block + 2};
  }
  Lanes group(int, int j) const {
    return scaled(vreinterpretq_s8_u8(vsubq_u8(five_bits(q, j), vdupq_n_u8(16))), d);
  }
};

struct Q5_1 { // blocks of 32: f16 d, f16 m, five-bit codes
  static constexpr int kGroups = 2, kTogether = 2;
  static constexpr size_t kSize = 0;
  float d, m;
  const uint8_t* q;
  static Q5_1 at(const uint8_t* row, size_t k) {
    const uint8_t* block = row + k / 32 * 24;
    return {float_of_half(block), float_of_half(block + 2), block + 4};
  }
  Lanes group(int, int j) const { return plus(scaled(vreinterpretq_s8_u8(five_bits(q, j)), d), m); }
};

struct Iq4Nl { // blocks of 32: f16 d, q[16] of two nibbles, each the place of a number
  static constexpr int kGroups = 2, kTogether = 2;
  static constexpr size_t kSize = 0;
  float d;
  const uint8_t* q;
  static Iq4Nl at(const uint8_t* row, size_t k) {
    const uint8_t* block = row + k / 32 * 18;
    return {float_of_half(block), block + 2};
  }
  Lanes group(int, int j) const {
    static const int8_t numbers[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                       1,    13,   25,  38,  53,  69,  89,  113};
    return scaled(vqtbl1q_s8(vld1q_s8(numbers), nibbles(q, j)), d);
  }
};

template <size_t kHigh> // bytes of high bits: 0 or 32
struct KBlocks {        // of 256: f16 d, f16 dmin, scales[12], high[kHigh], q[128] of two nibbles
  static constexpr int kGroups = 16, kTogether = 4;
  static constexpr size_t kSize = 0;
  float scale[8]; // d * scale of the sub-blocks, each 32 columns
  float least[8]; // dmin * min
  const uint8_t* q;

  static KBlocks at(const uint8_t* row, size_t k) {
    const uint8_t* block = row + k / 256 * (144 + kHigh);
    // dense_scalar.cpp draws the twelve bytes; here four sub-blocks at a time.
    uint32_t a, b, c;
    memcpy(&a, block + 4, 4);
    memcpy(&b, block + 8, 4);
    memcpy(&c, block + 12, 4);
    KBlocks w;
    store(w.scale, float_of_half(block), a & 0x3f3f3f3f, (c & 0x0f0f0f0f) | (a >> 2 & 0x30303030));
    store(w.least, float_of_half(block + 2), b & 0x3f3f3f3f,
          (c >> 4 & 0x0f0f0f0f) | (b >> 2 & 0x30303030));
    w.q = block + 16;
    return w;
  }
  static void store(float* to, float d, uint32_t first, uint32_t last) {
    const uint8x8_t bytes = vcreate_u8(static_cast<uint64_t>(last) << 32 | first);
    const Lanes w = scaled(vreinterpretq_s8_u8(vcombine_u8(bytes, bytes)), d);
    vst1q_f32(to, w.v[0]);
    vst1q_f32(to + 4, w.v[1]);
  }
  Lanes group(int g, int j) const {
    const int s = g / 2 + j / 2;
    uint8x16_t codes = nibbles(q + kHigh + 8 * g + 16 * (j % 2), j / 2);
    if (kHigh > 0) {
      const uint8x16_t bit = vdupq_n_u8(static_cast<uint8_t>(1 << s));
      codes = vorrq_u8(codes, sixteen_where(vld1q_u8(q + 16 * (j % 2)), bit));
    }
    return plus(scaled(vreinterpretq_s8_u8(codes), scale[s]), -least[s]);
  }
};
using Q4_K = KBlocks<0>;
using Q5_K = KBlocks<32>;

/** Pairs at distance 8, 4, 2, 1. */
inline float tree(const float32x4_t lane[4]) {
  const float32x4_t l4 = vaddq_f32(vaddq_f32(lane[0], lane[2]), vaddq_f32(lane[1], lane[3]));
  return vpadds_f32(vadd_f32(vget_low_f32(l4), vget_high_f32(l4)));
}

} // namespace
} // namespace bitnet
