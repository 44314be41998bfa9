// The screen with VPDPBUSD on 256-bit registers: 8 rows x 4 columns per load, two products of it.
#include "screen.h"

#include <immintrin.h>
#include <string.h>

#include "../cpu_features.h"
#include "screen_layout.h"

namespace bitnet {
namespace {

/** Four values of a plane in every int32 lane. */
inline __m256i broadcast4(const int8_t* plane) {
  int32_t group;
  memcpy(&group, plane, sizeof group);
  return _mm256_set1_epi32(group);
}

/**
 * Eight int32 sums. GCC gets a type with int lanes: passing a sum on as __m256i, which has 64-bit
 * lanes, makes it copy and spill every accumulator of a loop.
 */
#if defined(__GNUC__)
using Lanes = int __attribute__((vector_size(32)));
#else
using Lanes = __m256i;
#endif

inline Lanes lanes(__m256i v) {
#if defined(__GNUC__)
  return reinterpret_cast<Lanes>(v);
#else
  return v;
#endif
}

inline __m256i vector(Lanes v) {
#if defined(__GNUC__)
  return reinterpret_cast<__m256i>(v);
#else
  return v;
#endif
}

/** sum + the dot product of four u8 and four s8 in every int32 lane. */
inline Lanes dot(Lanes sum, __m256i weights, __m256i activations) {
#if defined(_MSC_VER) && !defined(__AVX512VL__) // there the plain name always means AVX-512
  return lanes(_mm256_dpbusd_avx_epi32(vector(sum), weights, activations));
#else
  return lanes(_mm256_dpbusd_epi32(vector(sum), weights, activations));
#endif
}

/** What q + 128 counts too much: -128 Σ a, modulo 2^32, because the true sum fits. */
inline Lanes bias(int32_t sum) {
  return lanes(_mm256_set1_epi32(static_cast<int32_t>(0u - 128u * static_cast<uint32_t>(sum))));
}

/** 32 rows: half of a tile at a time, so that eight accumulators and their operands fit the
 * registers. */
inline void rows32(const ScreenProduct& p, const uint8_t* half, float* out) {
  Lanes high[4], low[4];
  for (int i = 0; i < 4; i++) {
    high[i] = bias(p.high_sum);
    low[i] = bias(p.low_sum);
  }
  for (size_t k = 0; k < p.cols; k += 4) {
    const __m256i h = broadcast4(p.high + k), l = broadcast4(p.low + k);
    for (int i = 0; i < 4; i++) {
      const uint8_t* at = half + k / 4 * kScreenGroup + i * 32;
      const __m256i w = _mm256_load_si256(reinterpret_cast<const __m256i*>(at));
      high[i] = dot(high[i], w, h);
      low[i] = dot(low[i], w, l);
    }
  }
  for (int i = 0; i < 4; i++)
    _mm256_storeu_ps(out + i * 8,
                     _mm256_fmadd_ps(_mm256_set1_ps(128.0f), _mm256_cvtepi32_ps(vector(high[i])),
                                     _mm256_cvtepi32_ps(vector(low[i]))));
}

void product(const ScreenProduct& p, size_t row_begin, size_t row_end) {
  for (size_t row = row_begin; row < row_end; row += kScreenRows) {
    const uint8_t* tile = p.packed + row / kScreenRows * screen_tile_bytes(p.cols);
    for (size_t half = 0; half < 2; half++)
      rows32(p, tile + half * 128, p.out + (row - row_begin) + half * 32);
  }
}

} // namespace

extern const ScreenKernel kScreenAvxVnni;
const ScreenKernel kScreenAvxVnni = {"avxvnni",   kCpuAvx2 | kCpuAvxVnni, kScreenRows,
                                     kScreenCols, screen_tile_bytes,      screen_pack_tile,
                                     product};

} // namespace bitnet
