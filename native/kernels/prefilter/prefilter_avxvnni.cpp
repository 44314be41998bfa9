// The prefilter with VPDPBUSD on 256-bit registers: 8 rows x 4 columns per load, two products of
// it.
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

// Columns that both planes pass before the next: 4 kB of a tile stay in the L1 cache, and the CPU's
// own prefetching, which sees one stream, hardly stops in between.
constexpr size_t kPiece = 64;

/** Adds the products of 64 rows and one plane to `sums`: eight accumulators. */
void add_plane(const uint8_t* tile, size_t cols, const int8_t* plane,
               int32_t sums[kPrefilterRows]) {
  Lanes sum[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; i++)
    sum[i] = lanes(_mm256_load_si256(reinterpret_cast<const __m256i*>(sums + 8 * i)));
  for (size_t k = 0; k < cols; k += 4, tile += kPrefilterGroup) {
    const __m256i a = broadcast4(plane + k);
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++)
      sum[i] = dot(sum[i], _mm256_load_si256(reinterpret_cast<const __m256i*>(tile + 32 * i)), a);
  }
#pragma GCC unroll 8
  for (int i = 0; i < 8; i++)
    _mm256_store_si256(reinterpret_cast<__m256i*>(sums + 8 * i), vector(sum[i]));
}

/** What q + 128 counts too much: -128 Σ a, modulo 2^32, because the true sum fits. */
void start_rows(int32_t sum, int32_t sums[kPrefilterRows]) {
  for (size_t r = 0; r < kPrefilterRows; r++)
    sums[r] = static_cast<int32_t>(0u - 128u * static_cast<uint32_t>(sum));
}

/** One tile times vector `v`. */
void tile_times(const PrefilterProduct& p, const uint8_t* tile, size_t v, float* out) {
  alignas(32) int32_t high[kPrefilterRows], low[kPrefilterRows];
  start_rows(p.high_sum[v], high);
  start_rows(p.low_sum[v], low);
  for (size_t k = 0; k < p.cols; k += kPiece) {
    const size_t cols = p.cols - k < kPiece ? p.cols - k : kPiece;
    const uint8_t* piece = tile + prefilter_tile_bytes(k);
    add_plane(piece, cols, p.high + v * p.cols + k, high);
    add_plane(piece, cols, p.low + v * p.cols + k, low);
  }
  for (size_t r = 0; r < kPrefilterRows; r += 8) {
    const __m256i* h = reinterpret_cast<const __m256i*>(high + r);
    const __m256i* l = reinterpret_cast<const __m256i*>(low + r);
    _mm256_storeu_ps(out + r, _mm256_fmadd_ps(_mm256_set1_ps(128.0f),
                                              _mm256_cvtepi32_ps(_mm256_load_si256(h)),
                                              _mm256_cvtepi32_ps(_mm256_load_si256(l))));
  }
}

void product(const PrefilterProduct& p, size_t row_begin, size_t row_end) {
  for (size_t row = row_begin; row < row_end; row += kPrefilterRows) {
    const uint8_t* tile = p.packed + row / kPrefilterRows * prefilter_tile_bytes(p.cols);
    for (size_t v = 0; v < p.n; v++) // the tile stays in the L2 cache
      tile_times(p, tile, v, p.out + v * p.out_stride + (row - row_begin));
  }
}

} // namespace

extern const PrefilterKernel kPrefilterAvxVnni;
const PrefilterKernel kPrefilterAvxVnni = {
    .isa = "avxvnni",
    .features = kCpuAvx2 | kCpuAvxVnni,
    .tile_rows = kPrefilterRows,
    .tile_cols = kPrefilterCols,
    .tile_bytes = prefilter_tile_bytes,
    .pack_tile = prefilter_pack_tile,
    .product = product,
};

} // namespace bitnet
