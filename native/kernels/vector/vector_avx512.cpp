// Vector operations on 512-bit registers, bit-equal to vector_scalar.cpp: one register is the 16
// lanes.
#include "vector.h"

#include <immintrin.h>

#include "../cpu_features.h"
#include "lanes_avx512.h"

namespace bitnet {
namespace {

void rms_norm(const float* x, const float* w, size_t count, float eps, float* y) {
  __m512d low = _mm512_setzero_pd(), high = low; // lanes 0..7, 8..15
  for_groups(count, [&](size_t i, auto mask) {
    const __m512 v = load(mask, x + i);
    const __m512d a = _mm512_cvtps_pd(_mm512_castps512_ps256(v));
    const __m512d b = _mm512_cvtps_pd(_mm512_extractf32x8_ps(v, 1));
    low = _mm512_fmadd_pd(a, a, low);
    high = _mm512_fmadd_pd(b, b, high);
  });
  const __m512d l8 = _mm512_add_pd(low, high);
  const __m256d l4 = _mm256_add_pd(_mm512_castpd512_pd256(l8), _mm512_extractf64x4_pd(l8, 1));
  const __m128d l2 = _mm_add_pd(_mm256_castpd256_pd128(l4), _mm256_extractf128_pd(l4, 1));
  const double sum = _mm_cvtsd_f64(_mm_add_sd(l2, _mm_unpackhi_pd(l2, l2)));
  const __m128d mean = _mm_set_sd(sum / static_cast<double>(count) + static_cast<double>(eps));
  const __m512 r = _mm512_set1_ps(static_cast<float>(1.0 / _mm_cvtsd_f64(_mm_sqrt_sd(mean, mean))));
  for_groups(count, [&](size_t i, auto mask) {
    store(y + i, mask, _mm512_mul_ps(_mm512_mul_ps(load(mask, x + i), r), load(mask, w + i)));
  });
}

void quantise(const float* x, size_t count, int8_t* q, size_t q_stride, int32_t* sum, float* step) {
  __m512i top = _mm512_setzero_si512();
  for_groups(count, [&](size_t i, auto mask) {
    const __m512i bits = _mm512_castps_si512(load(mask, x + i));
    top = _mm512_max_epu32(top, _mm512_and_si512(bits, _mm512_set1_epi32(0x7fffffff)));
  });
  const uint32_t bits = _mm512_reduce_max_epu32(top);
  const float magnitude =
      _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(static_cast<int>(bits))));
  const bool finite = bits < 0x7f800000;
  const float a = magnitude > 1e-5f ? magnitude : 1e-5f, s = 127.0f / a;
  __m512i total = _mm512_setzero_si512();
  for_groups(finite ? count : 0, [&](size_t i, auto mask) {
    const __m512i v = _mm512_cvtps_epi32(_mm512_mul_ps(load(mask, x + i), _mm512_set1_ps(s)));
    total = _mm512_add_epi32(total, v);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(q + i), _mm512_cvtepi32_epi8(v));
  });
  for (size_t i = finite ? (count + 15) / 16 * 16 : 0; i < q_stride; i += 16)
    _mm_storeu_si128(reinterpret_cast<__m128i*>(q + i), _mm_setzero_si128());
  *sum = _mm512_reduce_add_epi32(total);
  *step = finite ? a / 127.0f : _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(0x7fc00000)));
}

void scale_rows(const int32_t* acc, const float* row_scale, float step, size_t count, float* y) {
  for_groups(count, [&](size_t i, auto mask) {
    const __m512 v = _mm512_cvtepi32_ps(load(mask, acc + i));
    store(y + i, mask,
          _mm512_mul_ps(v, _mm512_mul_ps(load(mask, row_scale + i), _mm512_set1_ps(step))));
  });
}

void scale_all(const int32_t* acc, float scale, size_t count, float* y) {
  for_groups(count, [&](size_t i, auto mask) {
    const __m512 v = _mm512_cvtepi32_ps(load(mask, acc + i));
    store(y + i, mask, _mm512_mul_ps(v, _mm512_set1_ps(scale)));
  });
}

void relu2_mul(const float* g, const float* u, size_t count, float* y) {
  for_groups(count, [&](size_t i, auto mask) {
    const __m512 r =
        _mm512_max_ps(load(mask, g + i), _mm512_setzero_ps()); // MAXPS gives 0 when g is NaN
    store(y + i, mask, _mm512_mul_ps(_mm512_mul_ps(r, r), load(mask, u + i)));
  });
}

void silu_mul(const float* g, const float* u, size_t count, float* y) {
  for_groups(count, [&](size_t i, auto mask) {
    const __m512 v = load(mask, g + i);
    const __m512 e = exp_approx(_mm512_xor_ps(v, _mm512_set1_ps(-0.0f)));
    store(
        y + i, mask,
        _mm512_mul_ps(_mm512_div_ps(v, _mm512_add_ps(_mm512_set1_ps(1.0f), e)), load(mask, u + i)));
  });
}

void gelu_tanh_mul(const float* g, const float* u, size_t count, float* y) {
  const __m512 linear = _mm512_set1_ps(kGeluLinear), cubic = _mm512_set1_ps(kGeluCubic);
  for_groups(count, [&](size_t i, auto mask) {
    const __m512 v = load(mask, g + i);
    const __m512 w = _mm512_mul_ps(v, _mm512_fmadd_ps(_mm512_mul_ps(v, v), cubic, linear));
    const __m512 below = _mm512_add_ps(_mm512_set1_ps(1.0f), exp_approx(w));
    store(y + i, mask, _mm512_mul_ps(_mm512_div_ps(v, below), load(mask, u + i)));
  });
}

void to_f16(const float* x, size_t count, uint16_t* y) {
  for_groups(count, [&](size_t i, auto mask) {
    store(y + i, mask, _mm512_cvtps_ph(load(mask, x + i), _MM_FROUND_TO_NEAREST_INT));
  });
}

void to_q8_0(const float* x, size_t count, uint8_t* row) {
  const size_t padded = (count + 31) / 32 * 32;
  for (size_t begin = 0; begin < padded; begin += 32) {
    const size_t exist = count - begin < 32 ? count - begin : 32;
    const auto mask = static_cast<__mmask32>((uint64_t{1} << exist) - 1);
    const __m512 low = _mm512_maskz_loadu_ps(static_cast<__mmask16>(mask), x + begin);
    const __m512 high = _mm512_maskz_loadu_ps(static_cast<__mmask16>(mask >> 16), x + begin + 16);
    const __m512i sign = _mm512_set1_epi32(0x7fffffff);
    const __m512i top = _mm512_max_epu32(_mm512_and_si512(_mm512_castps_si512(low), sign),
                                         _mm512_and_si512(_mm512_castps_si512(high), sign));
    const float a = _mm_cvtss_f32(
        _mm_castsi128_ps(_mm_cvtsi32_si128(static_cast<int>(_mm512_reduce_max_epu32(top)))));
    uint16_t half = static_cast<uint16_t>(
        _mm_cvtsi128_si32(_mm_cvtps_ph(_mm_set_ss(a / 127.0f), _MM_FROUND_TO_NEAREST_INT)));
    if (half >= 0x7c00)
      half = 0x7e00;
    const bool empty = half == 0 || half == 0x7e00;
    const __m512 s = _mm512_set1_ps(empty ? 0.0f : 1.0f / float_of_half(half));
    const auto code = [&](__m512 v) {
      // Out of range, NaN or infinity only where the block is empty or d is subnormal.
      const __m512i q = _mm512_cvtps_epi32(_mm512_mul_ps(v, s));
      return _mm512_cvtepi32_epi8(
          _mm512_max_epi32(_mm512_min_epi32(q, _mm512_set1_epi32(127)), _mm512_set1_epi32(-127)));
    };
    const __m128i zero = _mm_setzero_si128();
    _mm_storeu_si128(reinterpret_cast<__m128i*>(row + begin), empty ? zero : code(low));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(row + begin + 16), empty ? zero : code(high));
    memcpy(row + padded + begin / 16, &half, sizeof half);
  }
}

/**
 * s[r][j .. j + 16 / kRows) for kRows query rows: 16 accumulators, reduced together. Missing
 * positions repeat the last.
 */
template <KvType kType, int kRows>
inline void scores(const AttentionBlock& b, size_t row, size_t j, float (*s)[64]) {
  constexpr int kPositions = 16 / kRows;
  const float* q = b.q + row * b.head_dim;
  const uint8_t* k[kPositions];
  for (int i = 0; i < kPositions; i++)
    k[i] = b.k + (j + i < b.positions ? j + i : b.positions - 1) * b.row_bytes;
  __m512 acc[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++)
    acc[i] = _mm512_setzero_ps();
  for (size_t d = 0; d < b.head_dim; d += 16) {
    __m512 w[kRows];
#pragma GCC unroll 4
    for (int r = 0; r < kRows; r++)
      w[r] = _mm512_loadu_ps(q + r * b.head_dim + d);
#pragma GCC unroll 16
    for (int i = 0; i < kPositions; i++) {
      const __m512 key = load_cached<kType>(k[i], b.head_dim, d);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; r++)
        acc[r * kPositions + i] = _mm512_fmadd_ps(w[r], key, acc[r * kPositions + i]);
    }
  }
  const __m512 result = _mm512_mul_ps(tree16(acc), _mm512_set1_ps(b.scale));
  if constexpr (kRows == 1) {
    _mm512_storeu_ps(s[0] + j, result);
  } else {
    _mm_storeu_ps(s[0] + j, _mm512_castps512_ps128(result));
    _mm_storeu_ps(s[1] + j, _mm512_extractf32x4_ps(result, 1));
    _mm_storeu_ps(s[2] + j, _mm512_extractf32x4_ps(result, 2));
    _mm_storeu_ps(s[3] + j, _mm512_extractf32x4_ps(result, 3));
  }
}

/** s[0 .. positions) to exp(s - max), zeros up to a multiple of 16; returns through *m and *l. */
inline void softmax(float* s, size_t positions, float* m, float* l) {
  const __m512 lowest =
      _mm512_castsi512_ps(_mm512_set1_epi32(static_cast<int>(0xff800000))); // -inf
  __m512 top = lowest;
  for_groups(positions, [&](size_t j, auto mask) {
    top = _mm512_max_ps(top, choose(mask, load(mask, s + j), lowest));
  });
  *m = _mm512_reduce_max_ps(top);
  __m512 lane = _mm512_setzero_ps();
  for_groups(positions, [&](size_t j, auto mask) {
    const __m512 shifted = _mm512_sub_ps(load(mask, s + j), _mm512_set1_ps(*m));
    const __m512 p = choose(mask, exp_approx(shifted), _mm512_setzero_ps());
    lane = _mm512_add_ps(lane, p);
    _mm512_storeu_ps(s + j, p);
  });
  *l = tree(lane);
}

/** o[r][d .. d + 16 kVectors) = sum over positions of p[r][j] * v[j][d ..]. */
template <KvType kType, int kRows, int kVectors>
inline void weighted_values(const AttentionBlock& b, size_t row, size_t d, const float (*p)[64]) {
  __m512 acc[kRows][kVectors];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; r++)
    for (int i = 0; i < kVectors; i++)
      acc[r][i] = _mm512_setzero_ps();
  for (size_t j = 0; j < b.positions; j++) {
    __m512 v[kVectors];
#pragma GCC unroll 4
    for (int i = 0; i < kVectors; i++)
      v[i] = load_cached<kType>(b.v + j * b.row_bytes, b.head_dim, d + 16 * i);
#pragma GCC unroll 4
    for (int r = 0; r < kRows; r++)
      for (int i = 0; i < kVectors; i++)
        acc[r][i] = _mm512_fmadd_ps(_mm512_set1_ps(p[r][j]), v[i], acc[r][i]);
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; r++)
    for (int i = 0; i < kVectors; i++)
      _mm512_storeu_ps(b.o + (row + r) * b.head_dim + d + 16 * i, acc[r][i]);
}

template <KvType kType, int kRows> void attend_rows(const AttentionBlock& b, size_t row) {
  float p[kRows][64];
  for (size_t j = 0; j < b.positions; j += 16 / kRows)
    scores<kType, kRows>(b, row, j, p);
  for (int r = 0; r < kRows; r++)
    softmax(p[r], b.positions, b.m + row + r, b.l + row + r);
  size_t d = 0;
  for (; d + 64 <= b.head_dim; d += 64)
    weighted_values<kType, kRows, 4>(b, row, d, p);
  for (; d < b.head_dim; d += 16)
    weighted_values<kType, kRows, 1>(b, row, d, p);
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
  const __m512 va = _mm512_set1_ps(a), vc = _mm512_set1_ps(c);
  *l = _mm_cvtss_f32(_mm_fmadd_ss(_mm_set_ss(*l), _mm_set_ss(a), _mm_set_ss(l2 * c)));
  for (size_t d = 0; d < head_dim; d += 16)
    _mm512_storeu_ps(o + d, _mm512_fmadd_ps(_mm512_loadu_ps(o + d), va,
                                            _mm512_mul_ps(_mm512_loadu_ps(o2 + d), vc)));
  *m = t;
}

} // namespace

extern const VectorKernel kVectorAvx512;
const VectorKernel kVectorAvx512 = {
    .isa = "avx512",
    .features = kCpuAvx2 | kCpuAvx512,
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
