// The prefilter with VPDPBUSD on 512-bit registers: 16 rows x 4 columns per load, two
// products of it for each vector.
#include "prefilter.h"

#include <immintrin.h>
#include <string.h>

#include "../cpu_features.h"
#include "prefilter_layout.h"

namespace bitnet {
namespace {

/** Four values of a plane in every int32 lane. */
inline __m512i broadcast4(const int8_t* plane) {
  int32_t group;
  memcpy(&group, plane, sizeof group);
  return _mm512_set1_epi32(group);
}

/**
 * One tile times kVectors vectors from `v` on. Three vectors are 24 accumulators, four weight
 * vectors and the broadcasts:
 *
 *           w[0] w[1] w[2] w[3]     16 rows each, loaded once
 *   high 0    +    +    +    +      4 columns of one plane in every lane
 *   low  0    +    +    +    +
 *   high 1    …
 */
template <int kVectors>
inline void tile_times(const PrefilterProduct& p, const uint8_t* tile, size_t v, float* out) {
  constexpr int kPlanes = 2 * kVectors; // high and low of each vector
  const int8_t* plane[kPlanes];
  __m512i sum[kPlanes][4];
#pragma GCC unroll 6
  for (int i = 0; i < kPlanes; i++) {
    const size_t vector = v + static_cast<size_t>(i / 2);
    plane[i] = (i % 2 ? p.low : p.high) + vector * p.cols;
    // Σ (q + 128) a - 128 Σ a, modulo 2^32: the true sum fits.
    const int32_t total = (i % 2 ? p.low_sum : p.high_sum)[vector];
#pragma GCC unroll 4
    for (int r = 0; r < 4; r++) // unrolled, like every loop over sums: else they go through memory
      sum[i][r] = _mm512_set1_epi32(static_cast<int32_t>(0u - 128u * static_cast<uint32_t>(total)));
  }
  size_t k = 0;
  do { // never empty; a loop that might be makes GCC 12 store all sums in every turn
    __m512i w[4];
#pragma GCC unroll 4
    for (int r = 0; r < 4; r++)
      w[r] = _mm512_load_si512(tile + k / 4 * kPrefilterGroup + r * 64);
#pragma GCC unroll 6
    for (int i = 0; i < kPlanes; i++) {
      const __m512i a = broadcast4(plane[i] + k);
#pragma GCC unroll 4
      for (int r = 0; r < 4; r++)
        sum[i][r] = _mm512_dpbusd_epi32(sum[i][r], w[r], a);
    }
    k += 4;
  } while (k < p.cols);
#pragma GCC unroll 3
  for (int i = 0; i < kVectors; i++)
#pragma GCC unroll 4
    for (int r = 0; r < 4; r++)
      _mm512_storeu_ps(out + i * p.out_stride + r * 16,
                       _mm512_fmadd_ps(_mm512_set1_ps(128.0f), _mm512_cvtepi32_ps(sum[2 * i][r]),
                                       _mm512_cvtepi32_ps(sum[2 * i + 1][r])));
}

void product(const PrefilterProduct& p, size_t row_begin, size_t row_end) {
  for (size_t row = row_begin; row < row_end; row += kPrefilterRows) {
    const uint8_t* tile = p.packed + row / kPrefilterRows * prefilter_tile_bytes(p.cols);
    float* out = p.out + (row - row_begin);
    size_t v = 0;
    for (; v + 3 <= p.n; v += 3) // the tile stays in the L2 cache
      tile_times<3>(p, tile, v, out + v * p.out_stride);
    if (p.n - v == 2)
      tile_times<2>(p, tile, v, out + v * p.out_stride);
    else if (p.n - v == 1)
      tile_times<1>(p, tile, v, out + v * p.out_stride);
  }
}

} // namespace

extern const PrefilterKernel kPrefilterAvx512Vnni;
const PrefilterKernel kPrefilterAvx512Vnni = {
    .isa = "avx512vnni",
    .features = kCpuAvx2 | kCpuAvx512 | kCpuAvx512Vnni,
    .tile_rows = kPrefilterRows,
    .tile_cols = kPrefilterCols,
    .tile_bytes = prefilter_tile_bytes,
    .pack_tile = prefilter_pack_tile,
    .product = product,
};

} // namespace bitnet
