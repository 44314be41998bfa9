// Vector operations on 128-bit registers, bit-equal to vector_scalar.cpp: four registers are the 16
// lanes.
#include "vector.h"

#include "../cpu_features.h"
#include "lanes_neon.h"

namespace bitnet {
namespace {

void rms_norm(const float* x, const float* w, size_t count, float eps, float* y) {
  float64x2_t lane[8]; // 0, 1; 2, 3; …
  for (float64x2_t& l : lane)
    l = vdupq_n_f64(0);
  for_groups(count, [&](size_t i, size_t exist) {
    const Lanes v = load(x + i, exist);
    for (int j = 0; j < 4; j++) {
      const float64x2_t a = vcvt_f64_f32(vget_low_f32(v.v[j])), b = vcvt_high_f64_f32(v.v[j]);
      lane[2 * j] = vfmaq_f64(lane[2 * j], a, a);
      lane[2 * j + 1] = vfmaq_f64(lane[2 * j + 1], b, b);
    }
  });
  for (int distance = 4; distance > 0; distance /= 2)
    for (int j = 0; j < distance; j++)
      lane[j] = vaddq_f64(lane[j], lane[j + distance]);
  const double mean = vpaddd_f64(lane[0]) / static_cast<double>(count);
  const float64x1_t root = vsqrt_f64(vdup_n_f64(mean + static_cast<double>(eps)));
  const float r = static_cast<float>(1.0 / vget_lane_f64(root, 0));
  for_groups(count, [&](size_t i, size_t exist) {
    store(y + i, exist,
          map(load(x + i, exist), load(w + i, exist),
              [&](float32x4_t a, float32x4_t b) { return vmulq_f32(vmulq_n_f32(a, r), b); }));
  });
}

void quantise(const float* x, size_t count, int8_t* q, size_t q_stride, int32_t* sum, float* step) {
  uint32x4_t top = vdupq_n_u32(0);
  for_groups(count, [&](size_t i, size_t exist) {
    const Lanes v = load(x + i, exist);
    for (float32x4_t f : v.v)
      top = vmaxq_u32(top, vreinterpretq_u32_f32(vabsq_f32(f)));
  });
  const uint32_t bits = vmaxvq_u32(top);
  const bool finite = bits < 0x7f800000;
  const float magnitude = float_of_bits(bits);
  const float a = magnitude > 1e-5f ? magnitude : 1e-5f, s = 127.0f / a;
  int32x4_t total = vdupq_n_s32(0);
  for_groups(finite ? count : 0, [&](size_t i, size_t exist) {
    const Lanes v = load(x + i, exist);
    int32x4_t rounded[4];
    for (int j = 0; j < 4; j++) {
      rounded[j] = vcvtnq_s32_f32(vmulq_n_f32(v.v[j], s));
      total = vaddq_s32(total, rounded[j]);
    }
    const int16x8_t low = vcombine_s16(vmovn_s32(rounded[0]), vmovn_s32(rounded[1]));
    const int16x8_t high = vcombine_s16(vmovn_s32(rounded[2]), vmovn_s32(rounded[3]));
    vst1q_s8(q + i, vcombine_s8(vmovn_s16(low), vmovn_s16(high)));
  });
  for (size_t i = finite ? (count + 15) / 16 * 16 : 0; i < q_stride; i += 16)
    vst1q_s8(q + i, vdupq_n_s8(0));
  *sum = vaddvq_s32(total);
  *step = finite ? a / 127.0f : float_of_bits(0x7fc00000);
}

inline Lanes load_int(const int32_t* p, size_t exist) {
  int32_t padded[16] = {};
  if (exist < 16) {
    memcpy(padded, p, exist * sizeof *p);
    p = padded;
  }
  Lanes lanes;
  for (int i = 0; i < 4; i++)
    lanes.v[i] = vcvtq_f32_s32(vld1q_s32(p + 4 * i));
  return lanes;
}

void scale_rows(const int32_t* acc, const float* row_scale, float step, size_t count, float* y) {
  for_groups(count, [&](size_t i, size_t exist) {
    store(y + i, exist,
          map(load_int(acc + i, exist), load(row_scale + i, exist),
              [&](float32x4_t v, float32x4_t s) { return vmulq_f32(v, vmulq_n_f32(s, step)); }));
  });
}

void scale_all(const int32_t* acc, float scale, size_t count, float* y) {
  for_groups(count, [&](size_t i, size_t exist) {
    store(y + i, exist,
          map(load_int(acc + i, exist), [&](float32x4_t v) { return vmulq_n_f32(v, scale); }));
  });
}

void relu2_mul(const float* g, const float* u, size_t count, float* y) {
  for_groups(count, [&](size_t i, size_t exist) {
    store(y + i, exist,
          map(load(g + i, exist), load(u + i, exist), [](float32x4_t a, float32x4_t b) {
            const uint32x4_t positive =
                vcgtzq_f32(a); // also false when a is NaN, where FMAX would keep it
            const float32x4_t r =
                vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(a), positive));
            return vmulq_f32(vmulq_f32(r, r), b);
          }));
  });
}

void silu_mul(const float* g, const float* u, size_t count, float* y) {
  for_groups(count, [&](size_t i, size_t exist) {
    store(y + i, exist,
          map(load(g + i, exist), load(u + i, exist), [](float32x4_t a, float32x4_t b) {
            const float32x4_t e = exp_approx(vnegq_f32(a));
            return vmulq_f32(vdivq_f32(a, vaddq_f32(vdupq_n_f32(1.0f), e)), b);
          }));
  });
}

void gelu_tanh_mul(const float* g, const float* u, size_t count, float* y) {
  for_groups(count, [&](size_t i, size_t exist) {
    store(y + i, exist,
          map(load(g + i, exist), load(u + i, exist), [](float32x4_t a, float32x4_t b) {
            const float32x4_t slope =
                vfmaq_f32(vdupq_n_f32(kGeluLinear), vmulq_f32(a, a), vdupq_n_f32(kGeluCubic));
            const float32x4_t e = exp_approx(vmulq_f32(a, slope));
            return vmulq_f32(vdivq_f32(a, vaddq_f32(vdupq_n_f32(1.0f), e)), b);
          }));
  });
}

void to_f16(const float* x, size_t count, uint16_t* y) {
  for_groups(count, [&](size_t i, size_t exist) {
    const Lanes v = load(x + i, exist);
    uint16_t padded[16];
    uint16_t* to = exist < 16 ? padded : y + i;
    for (int j = 0; j < 4; j++)
      vst1_u16(to + 4 * j, vreinterpret_u16_f16(vcvt_f16_f32(v.v[j])));
    if (exist < 16)
      memcpy(y + i, padded, exist * sizeof *y);
  });
}

void to_q8_0(const float* x, size_t count, uint8_t* row) {
  const size_t padded = (count + 31) / 32 * 32;
  for (size_t begin = 0; begin < padded; begin += 32) {
    const size_t exist = count - begin < 32 ? count - begin : 32;
    const Lanes v[2] = {load(x + begin, exist < 16 ? exist : 16),
                        load(x + begin + 16, exist < 16 ? 0 : exist - 16)};
    uint32x4_t top = vdupq_n_u32(0);
    for (const Lanes& lanes : v)
      for (float32x4_t f : lanes.v)
        top = vmaxq_u32(top, vreinterpretq_u32_f32(vabsq_f32(f)));
    const float a = float_of_bits(vmaxvq_u32(top));
    uint16_t half = vget_lane_u16(vreinterpret_u16_f16(vcvt_f16_f32(vdupq_n_f32(a / 127.0f))), 0);
    if (half >= 0x7c00)
      half = 0x7e00;
    const bool empty = half == 0 || half == 0x7e00;
    const float s = empty ? 0.0f : 1.0f / float_of_half(half);
    for (size_t i = 0; i < 2; i++) {
      int32x4_t code[4];
      for (int j = 0; j < 4; j++) {
        // Out of range, NaN or infinity only where the block is empty or d is subnormal.
        const int32x4_t q = vcvtnq_s32_f32(vmulq_n_f32(v[i].v[j], s));
        code[j] = vmaxq_s32(vminq_s32(q, vdupq_n_s32(127)), vdupq_n_s32(-127));
      }
      const int16x8_t low = vcombine_s16(vmovn_s32(code[0]), vmovn_s32(code[1]));
      const int16x8_t high = vcombine_s16(vmovn_s32(code[2]), vmovn_s32(code[3]));
      const int8x16_t bytes = vcombine_s8(vmovn_s16(low), vmovn_s16(high));
      vst1q_u8(row + begin + 16 * i, vreinterpretq_u8_s8(empty ? vdupq_n_s8(0) : bytes));
    }
    memcpy(row + padded + begin / 16, &half, sizeof half);
  }
}

// Attention takes four dot products at a time, a unit: of four query rows with one position (kRows
// 4) or of one row with four positions (kRows 1). Either way row r's score of position j stands at
// s[kRows * j + r].

/**
 * The unit of scores (q · k) * scale that begins at position j. Missing positions repeat the last
 * one.
 */
template <KvType kType, int kRows>
inline float32x4_t scores(const AttentionBlock& b, size_t row, size_t j) {
  constexpr int kPositions = 4 / kRows;
  const uint8_t* k[kPositions];
  for (int i = 0; i < kPositions; i++)
    k[i] = b.k + (j + i < b.positions ? j + i : b.positions - 1) * b.row_bytes;
  Lanes acc[4];
  for (Lanes& a : acc)
    for (float32x4_t& v : a.v)
      v = vdupq_n_f32(0);
  for (size_t d = 0; d < b.head_dim; d += 16) {
    Lanes key[kPositions];
    for (int i = 0; i < kPositions; i++)
      key[i] = load_cached<kType>(k[i], b.head_dim, d);
#pragma GCC unroll 4
    for (int r = 0; r < kRows; r++) {
      const Lanes q = load(b.q + (row + r) * b.head_dim + d, 16);
#pragma GCC unroll 4
      for (int i = 0; i < kPositions; i++)
        for (int v = 0; v < 4; v++)
          acc[r + i].v[v] = vfmaq_f32(acc[r + i].v[v], q.v[v], key[i].v[v]);
    }
  }
  return vmulq_n_f32(tree4(acc), b.scale);
}

/**
 * Scores to exp(score - max) for four rows at once: every register holds all of them, so no lane
 * is ever moved.
 */
inline void softmax_of_four(float* s, size_t positions, float* m, float* l) {
  float32x4_t top = vdupq_n_f32(minus_infinity());
  for (size_t j = 0; j < positions; j++)
    top = vmaxq_f32(top, vld1q_f32(s + 4 * j));
  float32x4_t lane[16]; // of the defined order, for each row
  for (float32x4_t& v : lane)
    v = vdupq_n_f32(0);
  for (size_t j = 0; j < positions; j++) {
    const float32x4_t p = exp_approx(vsubq_f32(vld1q_f32(s + 4 * j), top));
    lane[j % 16] = vaddq_f32(lane[j % 16], p);
    vst1q_f32(s + 4 * j, p);
  }
  for (size_t distance = 8; distance > 0; distance /= 2)
    for (size_t j = 0; j < distance; j++)
      lane[j] = vaddq_f32(lane[j], lane[j + distance]);
  vst1q_f32(m, top);
  vst1q_f32(l, lane[0]);
}

inline void softmax_of_one(float* s, size_t positions, float* m, float* l) {
  for (size_t j = positions; j % 4 != 0; j++)
    s[j] = minus_infinity(); // becomes 0, which changes no sum
  float32x4_t top = vdupq_n_f32(minus_infinity());
  for (size_t j = 0; j < positions; j += 4)
    top = vmaxq_f32(top, vld1q_f32(s + j));
  *m = vmaxvq_f32(top);
  Lanes lanes = load(s, 0);
  for (size_t j = 0; j < positions; j += 4) {
    const float32x4_t p = exp_approx(vsubq_f32(vld1q_f32(s + j), vdupq_n_f32(*m)));
    lanes.v[j / 4 % 4] = vaddq_f32(lanes.v[j / 4 % 4], p);
    vst1q_f32(s + j, p);
  }
  *l = tree(lanes);
}

/** o[r][d .. d + 16 kGroups) = sum over positions of p[r][j] * v[j][d ..]. */
template <KvType kType, int kRows, int kGroups>
inline void weighted_values(const AttentionBlock& b, size_t row, size_t d, const float* p) {
  Lanes acc[kRows][kGroups];
  for (int r = 0; r < kRows; r++)
    for (Lanes& a : acc[r])
      for (float32x4_t& v : a.v)
        v = vdupq_n_f32(0);
  for (size_t j = 0; j < b.positions; j++)
#pragma GCC unroll 4
    for (int g = 0; g < kGroups; g++) {
      const Lanes value = load_cached<kType>(b.v + j * b.row_bytes, b.head_dim, d + 16 * g);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; r++)
        for (int v = 0; v < 4; v++)
          acc[r][g].v[v] = vfmaq_n_f32(acc[r][g].v[v], value.v[v], p[kRows * j + r]);
    }
  for (int r = 0; r < kRows; r++)
    for (int g = 0; g < kGroups; g++)
      store(b.o + (row + r) * b.head_dim + d + 16 * g, 16, acc[r][g]);
}

template <KvType kType, int kRows> void attend_rows(const AttentionBlock& b, size_t row) {
  constexpr int kGroups = 4 / kRows; // 16 accumulators either way
  float s[kRows * 64];
  for (size_t j = 0; j < b.positions; j += 4 / kRows)
    vst1q_f32(s + kRows * j, scores<kType, kRows>(b, row, j));
  if (kRows == 4)
    softmax_of_four(s, b.positions, b.m + row, b.l + row);
  else
    softmax_of_one(s, b.positions, b.m + row, b.l + row);
  size_t d = 0;
  for (; d + 16 * kGroups <= b.head_dim; d += 16 * kGroups)
    weighted_values<kType, kRows, kGroups>(b, row, d, s);
  for (; d < b.head_dim; d += 16)
    weighted_values<kType, kRows, 1>(b, row, d, s);
}

template <KvType kType> void attention_block(const AttentionBlock& b) {
  size_t row = 0;
  for (; row + 4 <= b.rows; row += 4)
    attend_rows<kType, 4>(b, row);
  for (; row < b.rows; row++)
    attend_rows<kType, 1>(b, row);
}

void attention_combine(float* m, float* l, float* o, float m2, float l2, const float* o2,
                       size_t head_dim) {
  const float t = *m > m2 ? *m : m2;
  const float a = exp_of_one(*m - t), c = exp_of_one(m2 - t);
  *l = vget_lane_f32(vfma_f32(vdup_n_f32(l2 * c), vdup_n_f32(*l), vdup_n_f32(a)), 0);
  for (size_t d = 0; d < head_dim; d += 4)
    vst1q_f32(o + d, vfmaq_n_f32(vmulq_n_f32(vld1q_f32(o2 + d), c), vld1q_f32(o + d), a));
  *m = t;
}

} // namespace

extern const VectorKernel kVectorNeon;
const VectorKernel kVectorNeon = {
    .isa = "neon",
    .features = kCpuNeon,
    .rms_norm = rms_norm,
    .quantise = quantise,
    .scale_rows = scale_rows,
    .scale_all = scale_all,
    .relu2_mul = relu2_mul,
    .silu_mul = silu_mul,
    .gelu_tanh_mul = gelu_tanh_mul,
    .to_f16 = to_f16,
    .to_q8_0 = to_q8_0,
    .attention_block =
        {
            .f16 = attention_block<kKvF16>,
            .q8_0 = attention_block<kKvQ8_0>,
        },
    .attention_combine = attention_combine,
};

} // namespace bitnet
