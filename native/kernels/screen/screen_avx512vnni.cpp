// The screen with VPDPBUSD on 512-bit registers: 16 rows x 4 columns per load, two products of it.
#include "screen.h"

#include <immintrin.h>
#include <string.h>

#include "../cpu_features.h"
#include "screen_layout.h"

namespace bitnet {
namespace {

/** Four values of a plane in every int32 lane. */
inline __m512i broadcast4(const int8_t* plane) {
  int32_t group;
  memcpy(&group, plane, sizeof group);
  return _mm512_set1_epi32(group);
}

void product(const ScreenProduct& p, size_t row_begin, size_t row_end) {
  // Σ (q + 128) a - 128 Σ a, modulo 2^32: the true sum fits.
  const __m512i high_bias =
      _mm512_set1_epi32(static_cast<int32_t>(0u - 128u * static_cast<uint32_t>(p.high_sum)));
  const __m512i low_bias =
      _mm512_set1_epi32(static_cast<int32_t>(0u - 128u * static_cast<uint32_t>(p.low_sum)));
  for (size_t row = row_begin; row < row_end; row += kScreenRows) {
    const uint8_t* tile = p.packed + row / kScreenRows * screen_tile_bytes(p.cols);
    __m512i high[4], low[4];
    for (int i = 0; i < 4; i++) {
      high[i] = high_bias;
      low[i] = low_bias;
    }
    for (size_t k = 0; k < p.cols; k += 4) {
      const __m512i h = broadcast4(p.high + k), l = broadcast4(p.low + k);
      for (int i = 0; i < 4; i++) {
        const __m512i w = _mm512_load_si512(tile + k / 4 * kScreenGroup + i * 64);
        high[i] = _mm512_dpbusd_epi32(high[i], w, h);
        low[i] = _mm512_dpbusd_epi32(low[i], w, l);
      }
    }
    for (int i = 0; i < 4; i++)
      _mm512_storeu_ps(p.out + (row - row_begin) + i * 16,
                       _mm512_fmadd_ps(_mm512_set1_ps(128.0f), _mm512_cvtepi32_ps(high[i]),
                                       _mm512_cvtepi32_ps(low[i])));
  }
}

} // namespace

extern const ScreenKernel kScreenAvx512Vnni;
const ScreenKernel kScreenAvx512Vnni = {"avx512vnni",
                                        kCpuAvx2 | kCpuAvx512 | kCpuAvx512Vnni,
                                        kScreenRows,
                                        kScreenCols,
                                        screen_tile_bytes,
                                        screen_pack_tile,
                                        product};

} // namespace bitnet
