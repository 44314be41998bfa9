// The prefilter with VPMADDUBSW on 256-bit registers: 8 rows x 4 columns per load.
#include "prefilter.h"

#include <immintrin.h>
#include <string.h>

#include "../cpu_features.h"
#include "prefilter_layout.h"

namespace bitnet {
namespace {

/** Four values of a plane in every int32 lane. */
inline __m256i broadcast4(const int8_t* plane) {
  int32_t group;
  memcpy(&group, plane, sizeof group);
  return _mm256_set1_epi32(group);
}

/**
 * acc + Σ of four products per lane. |q| times a with q's sign: unsigned times signed pairs of at
 * most 2 * 127 * 127 = 32,258 fit int16, where q + 128 would saturate.
 */
inline __m256i add_products(__m256i acc, __m256i magnitude, __m256i q, __m256i a) {
  const __m256i pairs = _mm256_maddubs_epi16(magnitude, _mm256_sign_epi8(a, q));
  return _mm256_add_epi32(acc, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

/**
 * 32 rows times vector `v`: half of a tile at a time, so that eight accumulators and their
 * operands fit the registers.
 */
inline void rows32(const PrefilterProduct& p, size_t v, const uint8_t* half, float* out) {
  const int8_t* high_plane = p.high + v * p.cols;
  const int8_t* low_plane = p.low + v * p.cols;
  const __m256i offset = _mm256_set1_epi8(static_cast<char>(128));
  __m256i high[4], low[4];
  for (int i = 0; i < 4; i++)
    high[i] = low[i] = _mm256_setzero_si256();
  for (size_t k = 0; k < p.cols; k += 4) {
    const __m256i h = broadcast4(high_plane + k), l = broadcast4(low_plane + k);
    for (int i = 0; i < 4; i++) {
      const uint8_t* at = half + k / 4 * kPrefilterGroup + i * 32;
      const __m256i stored = _mm256_load_si256(reinterpret_cast<const __m256i*>(at));
      const __m256i q = _mm256_sub_epi8(stored, offset);
      const __m256i magnitude = _mm256_abs_epi8(q);
      high[i] = add_products(high[i], magnitude, q, h);
      low[i] = add_products(low[i], magnitude, q, l);
    }
  }
  for (int i = 0; i < 4; i++)
    _mm256_storeu_ps(out + i * 8,
                     _mm256_fmadd_ps(_mm256_set1_ps(128.0f), _mm256_cvtepi32_ps(high[i]),
                                     _mm256_cvtepi32_ps(low[i])));
}

void product(const PrefilterProduct& p, size_t row_begin, size_t row_end) {
  for (size_t row = row_begin; row < row_end; row += kPrefilterRows) {
    const uint8_t* tile = p.packed + row / kPrefilterRows * prefilter_tile_bytes(p.cols);
    for (size_t i = 0; i < p.n; i++) // the tile stays in the L2 cache
      for (size_t half = 0; half < 2; half++)
        rows32(p, i, tile + half * 128, p.out + i * p.out_stride + (row - row_begin) + half * 32);
  }
}

} // namespace

extern const PrefilterKernel kPrefilterAvx2;
const PrefilterKernel kPrefilterAvx2 = {
    .isa = "avx2",
    .features = kCpuAvx2,
    .tile_rows = kPrefilterRows,
    .tile_cols = kPrefilterCols,
    .tile_bytes = prefilter_tile_bytes,
    .pack_tile = prefilter_pack_tile,
    .product = product,
};

} // namespace bitnet
