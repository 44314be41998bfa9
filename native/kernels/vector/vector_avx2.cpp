// Vector operations on 256-bit registers, bit-equal to vector_scalar.cpp: two registers are the 16
// lanes.
#include "vector.h"

#include <immintrin.h>

#include "../cpu_features.h"
#include "lanes_avx2.h"

namespace bitnet {
namespace {

/** lane[0] += squares of the first four of v, lane[1] += of the others, in double. */
inline void add_squares(__m256 v, __m256d lane[2]) {
  const __m256d a = _mm256_cvtps_pd(_mm256_castps256_ps128(v)),
                b = _mm256_cvtps_pd(_mm256_extractf128_ps(v, 1));
  lane[0] = _mm256_fmadd_pd(a, a, lane[0]);
  lane[1] = _mm256_fmadd_pd(b, b, lane[1]);
}

void rms_norm(const float* x, const float* w, size_t count, float eps, float* y) {
  __m256d lane[4]; // 0..3, 4..7, 8..11, 12..15
  for (int i = 0; i < 4; i++)
    lane[i] = _mm256_setzero_pd();
  const size_t whole = count / 16 * 16;
  for (size_t i = 0; i < whole; i += 16) {
    add_squares(_mm256_loadu_ps(x + i), lane);
    add_squares(_mm256_loadu_ps(x + i + 8), lane + 2);
  }
  for_groups(count - whole,
             [&](size_t i, auto mask) { add_squares(load(mask, x + whole + i), lane + i / 4); });
  const __m256d l4 =
      _mm256_add_pd(_mm256_add_pd(lane[0], lane[2]), _mm256_add_pd(lane[1], lane[3]));
  const __m128d l2 = _mm_add_pd(_mm256_castpd256_pd128(l4), _mm256_extractf128_pd(l4, 1));
  const double sum = _mm_cvtsd_f64(_mm_add_sd(l2, _mm_unpackhi_pd(l2, l2)));
  const __m128d mean = _mm_set_sd(sum / static_cast<double>(count) + static_cast<double>(eps));
  const __m256 r = _mm256_set1_ps(static_cast<float>(1.0 / _mm_cvtsd_f64(_mm_sqrt_sd(mean, mean))));
  for_groups(count, [&](size_t i, auto mask) {
    store(y + i, mask, _mm256_mul_ps(_mm256_mul_ps(load(mask, x + i), r), load(mask, w + i)));
  });
}

/** Eight int32 of int8 range as bytes. */
inline __m128i narrow(__m256i v) {
  const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  return _mm_packs_epi16(words, words);
}

inline __m128i fold(__m256i v, __m128i (*op)(__m128i, __m128i)) {
  __m128i r = op(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  r = op(r, _mm_shuffle_epi32(r, 0x4e));
  return op(r, _mm_shuffle_epi32(r, 0xb1));
}
inline __m128i max32(__m128i a, __m128i b) {
  return _mm_max_epu32(a, b);
}
inline __m128i add32(__m128i a, __m128i b) {
  return _mm_add_epi32(a, b);
}

void quantise(const float* x, size_t count, int8_t* q, size_t q_stride, int32_t* sum, float* step) {
  __m256i top = _mm256_setzero_si256();
  for_groups(count, [&](size_t i, auto mask) {
    const __m256i bits = _mm256_castps_si256(load(mask, x + i));
    top = _mm256_max_epu32(top, _mm256_and_si256(bits, _mm256_set1_epi32(0x7fffffff)));
  });
  const uint32_t bits = static_cast<uint32_t>(_mm_cvtsi128_si32(fold(top, max32)));
  const float magnitude = float_of_bits(bits);
  const bool finite = bits < 0x7f800000;
  const float a = magnitude > 1e-5f ? magnitude : 1e-5f, s = 127.0f / a;
  __m256i total = _mm256_setzero_si256();
  for_groups(finite ? count : 0, [&](size_t i, auto mask) {
    const __m256i v = _mm256_cvtps_epi32(_mm256_mul_ps(load(mask, x + i), _mm256_set1_ps(s)));
    total = _mm256_add_epi32(total, v);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(q + i), narrow(v));
  });
  for (size_t i = finite ? (count + 7) / 8 * 8 : 0; i < q_stride; i += 8)
    _mm_storel_epi64(reinterpret_cast<__m128i*>(q + i), _mm_setzero_si128());
  *sum = _mm_cvtsi128_si32(fold(total, add32));
  *step = finite ? a / 127.0f : float_of_bits(0x7fc00000);
}

void scale_rows(const int32_t* acc, const float* row_scale, float step, size_t count, float* y) {
  for_groups(count, [&](size_t i, auto mask) {
    const __m256 scale = _mm256_mul_ps(load(mask, row_scale + i), _mm256_set1_ps(step));
    store(y + i, mask, _mm256_mul_ps(_mm256_cvtepi32_ps(load(mask, acc + i)), scale));
  });
}

void scale_all(const int32_t* acc, float scale, size_t count, float* y) {
  for_groups(count, [&](size_t i, auto mask) {
    store(y + i, mask,
          _mm256_mul_ps(_mm256_cvtepi32_ps(load(mask, acc + i)), _mm256_set1_ps(scale)));
  });
}

void relu2_mul(const float* g, const float* u, size_t count, float* y) {
  for_groups(count, [&](size_t i, auto mask) {
    const __m256 r =
        _mm256_max_ps(load(mask, g + i), _mm256_setzero_ps()); // MAXPS gives 0 when g is NaN
    store(y + i, mask, _mm256_mul_ps(_mm256_mul_ps(r, r), load(mask, u + i)));
  });
}

void silu_mul(const float* g, const float* u, size_t count, float* y) {
  for_groups(count, [&](size_t i, auto mask) {
    const __m256 v = load(mask, g + i);
    const __m256 e = exp_approx(_mm256_xor_ps(v, _mm256_set1_ps(-0.0f)));
    store(
        y + i, mask,
        _mm256_mul_ps(_mm256_div_ps(v, _mm256_add_ps(_mm256_set1_ps(1.0f), e)), load(mask, u + i)));
  });
}

void gelu_tanh_mul(const float* g, const float* u, size_t count, float* y) {
  const __m256 linear = _mm256_set1_ps(kGeluLinear), cubic = _mm256_set1_ps(kGeluCubic);
  for_groups(count, [&](size_t i, auto mask) {
    const __m256 v = load(mask, g + i);
    const __m256 w = _mm256_mul_ps(v, _mm256_fmadd_ps(_mm256_mul_ps(v, v), cubic, linear));
    const __m256 below = _mm256_add_ps(_mm256_set1_ps(1.0f), exp_approx(w));
    store(y + i, mask, _mm256_mul_ps(_mm256_div_ps(v, below), load(mask, u + i)));
  });
}

void to_f16(const float* x, size_t count, uint16_t* y) {
  for_groups(count, [&](size_t i, auto mask) {
    const __m128i h = _mm256_cvtps_ph(load(mask, x + i), _MM_FROUND_TO_NEAREST_INT);
    alignas(16) uint16_t last[8];
    uint16_t* out = i + 8 <= count ? y + i : last; // AVX2 has no masked store of 16 bits
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), h);
    for (size_t j = i; out == last && j < count; j++)
      y[j] = last[j - i];
  });
}

void to_q8_0(const float* x, size_t count, uint8_t* row) {
  const size_t padded = (count + 31) / 32 * 32;
  for (size_t begin = 0; begin < padded; begin += 32) {
    const size_t exist = count - begin < 32 ? count - begin : 32;
    __m256 v[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(),
                   _mm256_setzero_ps()};
    __m256i top = _mm256_setzero_si256();
    for_groups(exist, [&](size_t i, auto mask) {
      v[i / 8] = load(mask, x + begin + i);
      top = _mm256_max_epu32(
          top, _mm256_and_si256(_mm256_castps_si256(v[i / 8]), _mm256_set1_epi32(0x7fffffff)));
    });
    const float a = float_of_bits(static_cast<uint32_t>(_mm_cvtsi128_si32(fold(top, max32))));
    uint16_t half = static_cast<uint16_t>(
        _mm_cvtsi128_si32(_mm_cvtps_ph(_mm_set_ss(a / 127.0f), _MM_FROUND_TO_NEAREST_INT)));
    if (half >= 0x7c00)
      half = 0x7e00;
    const bool empty = half == 0 || half == 0x7e00;
    const __m256 s = _mm256_set1_ps(empty ? 0.0f : 1.0f / float_of_half(half));
    for (size_t i = 0; i < 4; i++) {
      // Out of range, NaN or infinity only where the block is empty or d is subnormal.
      const __m256i q = _mm256_cvtps_epi32(_mm256_mul_ps(v[i], s));
      const __m256i code =
          _mm256_max_epi32(_mm256_min_epi32(q, _mm256_set1_epi32(127)), _mm256_set1_epi32(-127));
      _mm_storel_epi64(reinterpret_cast<__m128i*>(row + begin + 8 * i),
                       empty ? _mm_setzero_si128() : narrow(code));
    }
    memcpy(row + padded + begin / 16, &half, sizeof half);
  }
}

/**
 * s[r][j .. j + 8 / kRows) for kRows query rows: 8 dots, reduced together. Missing positions
 * repeat the last.
 */
template <KvType kType, int kRows>
inline void scores(const AttentionBlock& b, size_t row, size_t j, float (*s)[64]) {
  constexpr int kPositions = 8 / kRows;
  const uint8_t* k[kPositions];
  for (int i = 0; i < kPositions; i++)
    k[i] = b.k + (j + i < b.positions ? j + i : b.positions - 1) * b.row_bytes;
  __m256 sum[8];
  for (size_t half = 0; half < 16;
       half += 8) { // lanes 0..7, then 8..15: eight accumulators at a time
    const float* q = b.q + row * b.head_dim + half;
    __m256 acc[8];
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++)
      acc[i] = _mm256_setzero_ps();
    for (size_t d = 0; d < b.head_dim; d += 16) {
#pragma GCC unroll 8
      for (int i = 0; i < kPositions; i++) {
        const __m256 key = load_cached<kType>(k[i], b.head_dim, half + d);
#pragma GCC unroll 4
        for (int r = 0; r < kRows; r++)
          acc[r * kPositions + i] = _mm256_fmadd_ps(_mm256_loadu_ps(q + r * b.head_dim + d), key,
                                                    acc[r * kPositions + i]);
      }
    }
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++)
      sum[i] = half == 0 ? acc[i] : _mm256_add_ps(sum[i], acc[i]);
  }
  alignas(32) float result[8];
  _mm256_store_ps(result, _mm256_mul_ps(tree8(sum), _mm256_set1_ps(b.scale)));
  for (int r = 0; r < kRows; r++)
    for (int i = 0; i < kPositions; i++)
      s[r][j + i] = result[r * kPositions + i];
}

/** s[0 .. positions) to exp(s - max), zeros up to a multiple of 8; returns through *m and *l. */
inline void softmax(float* s, size_t positions, float* m, float* l) {
  const __m256 lowest = _mm256_set1_ps(float_of_bits(0xff800000)); // -inf
  __m256 top = lowest;
  for_groups(positions, [&](size_t j, auto mask) {
    top = _mm256_max_ps(top, choose(mask, load(mask, s + j), lowest));
  });
  __m128 max = _mm_max_ps(_mm256_castps256_ps128(top), _mm256_extractf128_ps(top, 1));
  max = _mm_max_ps(max, _mm_movehl_ps(max, max));
  *m = _mm_cvtss_f32(_mm_max_ss(max, _mm_movehdup_ps(max)));
  __m256 low = _mm256_setzero_ps(), high = low;
  for_groups(positions, [&](size_t j, auto mask) {
    const __m256 shifted = _mm256_sub_ps(load(mask, s + j), _mm256_set1_ps(*m));
    const __m256 p = choose(mask, exp_approx(shifted), _mm256_setzero_ps());
    __m256& lane = j % 16 == 0 ? low : high;
    lane = _mm256_add_ps(lane, p);
    _mm256_storeu_ps(s + j, p);
  });
  *l = tree(low, high);
}

/** o[r][d .. d + 8 kVectors) = sum over positions of p[r][j] * v[j][d ..]. */
template <KvType kType, int kRows, int kVectors>
inline void weighted_values(const AttentionBlock& b, size_t row, size_t d, const float (*p)[64]) {
  __m256 acc[kRows][kVectors];
#pragma GCC unroll 4
  for (int r = 0; r < kRows; r++)
    for (int i = 0; i < kVectors; i++)
      acc[r][i] = _mm256_setzero_ps();
  for (size_t j = 0; j < b.positions; j++) {
#pragma GCC unroll 8
    for (int i = 0; i < kVectors; i++) {
      const __m256 v = load_cached<kType>(b.v + j * b.row_bytes, b.head_dim, d + 8 * i);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; r++)
        acc[r][i] = _mm256_fmadd_ps(_mm256_set1_ps(p[r][j]), v, acc[r][i]);
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; r++)
    for (int i = 0; i < kVectors; i++)
      _mm256_storeu_ps(b.o + (row + r) * b.head_dim + d + 8 * i, acc[r][i]);
}

template <KvType kType, int kRows> void attend_rows(const AttentionBlock& b, size_t row) {
  constexpr int kVectors = kRows == 4 ? 2 : 8; // eight accumulators
  float p[kRows][64];
  for (size_t j = 0; j < b.positions; j += 8 / kRows)
    scores<kType, kRows>(b, row, j, p);
  for (int r = 0; r < kRows; r++)
    softmax(p[r], b.positions, b.m + row + r, b.l + row + r);
  size_t d = 0;
  for (; d + 8 * kVectors <= b.head_dim; d += 8 * kVectors)
    weighted_values<kType, kRows, kVectors>(b, row, d, p);
  for (; d < b.head_dim; d += 16)
    weighted_values<kType, kRows, 2>(b, row, d, p);
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
  const __m256 va = _mm256_set1_ps(a), vc = _mm256_set1_ps(c);
  *l = _mm_cvtss_f32(_mm_fmadd_ss(_mm_set_ss(*l), _mm_set_ss(a), _mm_set_ss(l2 * c)));
  for (size_t d = 0; d < head_dim; d += 8)
    _mm256_storeu_ps(o + d, _mm256_fmadd_ps(_mm256_loadu_ps(o + d), va,
                                            _mm256_mul_ps(_mm256_loadu_ps(o2 + d), vc)));
  *m = t;
}

} // namespace

extern const VectorKernel kVectorAvx2;
const VectorKernel kVectorAvx2 = {
    .isa = "avx2",
    .features = kCpuAvx2,
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
