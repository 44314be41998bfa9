// Limits of 256-bit registers without VPDPBUSD.
#include <immintrin.h>

#include "../cpu_features.h"
#include "peak.h"

namespace bitnet {
namespace {

uint64_t low_half(__m256i v) {
  return static_cast<uint64_t>(_mm_cvtsi128_si64(_mm256_castsi256_si128(v)));
}

uint64_t read(const void* p, size_t bytes) {
  const __m256i* at = static_cast<const __m256i*>(p);
  __m256i sum[8] = {};
  for (size_t i = 0; i < bytes / 32; i += 8)
#pragma GCC unroll 8
    for (size_t j = 0; j < 8; j++)
      sum[j] = _mm256_xor_si256(sum[j], _mm256_load_si256(at + i + j));
  for (size_t j = 1; j < 8; j++)
    sum[0] = _mm256_xor_si256(sum[0], sum[j]);
  return low_half(sum[0]);
}

/** Each sum is multiplied itself: a constant product would be computed once. */
uint64_t multiply(size_t rounds) {
  __m256i sum[12];
#pragma GCC unroll 12
  for (int i = 0; i < 12; i++)
    sum[i] = _mm256_set1_epi16(static_cast<short>(rounds + i));
  const __m256i a = _mm256_set1_epi8(static_cast<char>(rounds));
  for (size_t round = 0; round < rounds; round++)
#pragma GCC unroll 12
    for (int i = 0; i < 12; i++)
      sum[i] = _mm256_add_epi16(sum[i], _mm256_maddubs_epi16(sum[i], a));
#pragma GCC unroll 12
  for (int i = 1; i < 12; i++)
    sum[0] = _mm256_add_epi16(sum[0], sum[i]);
  return low_half(sum[0]);
}

} // namespace

extern const Peak kPeakAvx2;
const Peak kPeakAvx2 = {
    .instruction = "VPMADDUBSW ymm",
    .features = kCpuAvx2,
    .read = read,
    .multiply = multiply,
    .macs = 12 * 32,
};

} // namespace bitnet
