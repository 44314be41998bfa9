// Stored types whose codes take 128-bit registers ways of their own, as dense_scalar.cpp defines
// them; for dense_neon.cpp.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <arm_neon.h>

#include "../lanes/lanes_neon.h"
#include "dense_types_generic.h"

namespace bitnet {
namespace {

// Four rows are 16 accumulators: the latency of FMLA on four pipes.
constexpr int kPlainStreams = 4, kBlockStreams = 4;
constexpr int kFewTokens = 1; // vectors up to which rows are multiplied as they are stored
constexpr int kTokens = 4;    // vectors of a register tile: 16 accumulators of 4 lanes

/** 16 int8 as float times a scale. */
inline Lanes scaled(int8x16_t bytes, float scale) {
  return scaled(lanes_of_i8(bytes), scale);
}

struct Q6_K : Unit<16, 1, 210> { // blocks of 256: ql[128], qh[64], int8 scales[16], f16 d
  int8_t q[256];                 // each minus 32
  float scales[16];              // d * scale of the 16 groups

  void load(const uint8_t* row, size_t k, size_t) {
    const uint8_t* block = row + k / 256 * kBytes;
    for (int part = 0; part < 4; part++) { // 16 bytes of qh and all that uses them: half part / 2
      const uint8_t* low = block + part / 2 * 64 + part % 2 * 16;
      const uint8x16_t low0 = vld1q_u8(low), low1 = vld1q_u8(low + 32),
                       high = vld1q_u8(block + 128 + 16 * part);
      int8_t* to = q + part / 2 * 128 + part % 2 * 16;
      // Quarter t has bits 2t, 2t + 1 of the same bytes; they belong into bits 4 and 5.
      vst1q_s8(to, value(low0, vshlq_n_u8(high, 4)));
      vst1q_s8(to + 32, value(low1, vshlq_n_u8(high, 2)));
      vst1q_s8(to + 64, value(vshrq_n_u8(low0, 4), high));
      vst1q_s8(to + 96, value(vshrq_n_u8(low1, 4), vshrq_n_u8(high, 2)));
    }
    store(All{}, scales, scaled(load_i8(block + 192), half_at(block + 208)));
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

struct Q4_0 : Unit<2, 2, 18> { // blocks of 32: f16 d, q[16] of two nibbles
  float d;
  const uint8_t* q;
  void load(const uint8_t* row, size_t k, size_t) {
    const uint8_t* block = row + k / 32 * kBytes;
    d = half_at(block);
    q = block + 2;
  }
  Lanes group(int, int j) const {
    return scaled(vreinterpretq_s8_u8(vsubq_u8(nibbles(q, j), vdupq_n_u8(8))), d);
  }
};

/** Each plus m. A product of a code is exact: multiplying and adding is the fused result. */
inline Lanes plus(const Lanes& w, float m) {
  return map([&](Floats part) { return add(part, broadcast(m)); }, w);
}

struct Q4_1 : Unit<2, 2, 20> { // blocks of 32: f16 d, f16 m, q[16] of two nibbles
  float d, m;
  const uint8_t* q;
  void load(const uint8_t* row, size_t k, size_t) {
    const uint8_t* block = row + k / 32 * kBytes;
    d = half_at(block);
    m = half_at(block + 2);
    q = block + 4;
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

struct Q5_0 : Unit<2, 2, 22> { // blocks of 32: f16 d, five-bit codes
  float d;
  const uint8_t* q;
  void load(const uint8_t* row, size_t k, size_t) {
    const uint8_t* block = row + k / 32 * kBytes;
    d = half_at(block);
    q = block + 2;
  }
  Lanes group(int, int j) const {
    return scaled(vreinterpretq_s8_u8(vsubq_u8(five_bits(q, j), vdupq_n_u8(16))), d);
  }
};

struct Q5_1 : Unit<2, 2, 24> { // blocks of 32: f16 d, f16 m, five-bit codes
  float d, m;
  const uint8_t* q;
  void load(const uint8_t* row, size_t k, size_t) {
    const uint8_t* block = row + k / 32 * kBytes;
    d = half_at(block);
    m = half_at(block + 2);
    q = block + 4;
  }
  Lanes group(int, int j) const { return plus(scaled(vreinterpretq_s8_u8(five_bits(q, j)), d), m); }
};

struct Iq4Nl
    : Unit<2, 2, 18> { // blocks of 32: f16 d, q[16] of two nibbles, each the place of a number
  float d;
  const uint8_t* q;
  void load(const uint8_t* row, size_t k, size_t) {
    const uint8_t* block = row + k / 32 * kBytes;
    d = half_at(block);
    q = block + 2;
  }
  Lanes group(int, int j) const {
    static const int8_t numbers[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                       1,    13,   25,  38,  53,  69,  89,  113};
    return scaled(vqtbl1q_s8(vld1q_s8(numbers), nibbles(q, j)), d);
  }
};

template <size_t kHigh> // bytes of high bits: 0 or 32
struct KBlocks
    : Unit<16, 4,
           144 + kHigh> { // of 256: f16 d, f16 dmin, scales[12], high[kHigh], q[128] of two nibbles
  float scale[8];         // d * scale of the sub-blocks, each 32 columns
  float least[8];         // dmin * min
  const uint8_t* q;

  void load(const uint8_t* row, size_t k, size_t) {
    const uint8_t* block = row + k / 256 * (144 + kHigh);
    // dense_scalar.cpp draws the twelve bytes; here four sub-blocks at a time.
    uint32_t a, b, c;
    memcpy(&a, block + 4, 4);
    memcpy(&b, block + 8, 4);
    memcpy(&c, block + 12, 4);
    store(scale, half_at(block), a & 0x3f3f3f3f, (c & 0x0f0f0f0f) | (a >> 2 & 0x30303030));
    store(least, half_at(block + 2), b & 0x3f3f3f3f, (c >> 4 & 0x0f0f0f0f) | (b >> 2 & 0x30303030));
    q = block + 16;
  }
  static void store(float* to, float d, uint32_t first, uint32_t last) {
    const uint8x8_t bytes = vcreate_u8(static_cast<uint64_t>(last) << 32 | first);
    const Lanes w = scaled(vreinterpretq_s8_u8(vcombine_u8(bytes, bytes)), d);
    vst1q_f32(to, w.part[0]);
    vst1q_f32(to + 4, w.part[1]);
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

} // namespace
} // namespace bitnet
