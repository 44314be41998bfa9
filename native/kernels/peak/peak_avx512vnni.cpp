// Limits of 512-bit registers with VPDPBUSD.
#include <immintrin.h>

#include "../cpu_features.h"
#include "peak.h"

namespace bitnet {
namespace {

uint64_t low_part(__m512i v) {
  return static_cast<uint64_t>(_mm_cvtsi128_si64(_mm512_castsi512_si128(v)));
}

uint64_t read(const void* p, size_t bytes) {
  const __m512i* at = static_cast<const __m512i*>(p);
  __m512i sum[8];
  for (size_t j = 0; j < 8; j++)
    sum[j] = _mm512_setzero_si512();
  for (size_t i = 0; i < bytes / 64; i += 8)
#pragma GCC unroll 8
    for (size_t j = 0; j < 8; j++)
      sum[j] = _mm512_xor_si512(sum[j], _mm512_load_si512(at + i + j));
  for (size_t j = 1; j < 8; j++)
    sum[0] = _mm512_xor_si512(sum[0], sum[j]);
  return low_part(sum[0]);
}

uint64_t multiply(size_t rounds) {
  __m512i sum[12]; // all different: otherwise the compiler merges them
#pragma GCC unroll 12
  for (int i = 0; i < 12; i++)
    sum[i] = _mm512_set1_epi32(i);
  const __m512i a = _mm512_set1_epi8(static_cast<char>(rounds));
  for (size_t round = 0; round < rounds; round++)
#pragma GCC unroll 12
    for (int i = 0; i < 12; i++)
      sum[i] = _mm512_dpbusd_epi32(sum[i], a, a);
#pragma GCC unroll 12
  for (int i = 1; i < 12; i++)
    sum[0] = _mm512_xor_si512(sum[0], sum[i]);
  return low_part(sum[0]);
}

} // namespace

extern const Peak kPeakAvx512Vnni;
const Peak kPeakAvx512Vnni = {
    .instruction = "VPDPBUSD zmm",
    .features = kCpuAvx2 | kCpuAvx512 | kCpuAvx512Vnni,
    .read = read,
    .multiply = multiply,
    .macs = 12 * 64,
};

} // namespace bitnet
