// Limit of VPDPBUSD on 256-bit registers.
#include <immintrin.h>

#include "../cpu_features.h"
#include "peak.h"

namespace bitnet {
namespace {

#if defined(__GNUC__) // int lanes: GCC copies sums that are passed on as __m256i
using Lanes = int __attribute__((vector_size(32)));
Lanes dot(Lanes sum, __m256i a) {
  return reinterpret_cast<Lanes>(_mm256_dpbusd_epi32(reinterpret_cast<__m256i>(sum), a, a));
}
Lanes lanes(__m256i v) {
  return reinterpret_cast<Lanes>(v);
}
__m256i vector(Lanes v) {
  return reinterpret_cast<__m256i>(v);
}
#else
using Lanes = __m256i;
Lanes dot(Lanes sum, __m256i a) {
  return _mm256_dpbusd_avx_epi32(sum, a, a);
}
Lanes lanes(__m256i v) {
  return v;
}
__m256i vector(Lanes v) {
  return v;
}
#endif

uint64_t multiply(size_t rounds) {
  Lanes sum[12]; // all different: otherwise the compiler merges them
#pragma GCC unroll 12
  for (int i = 0; i < 12; i++)
    sum[i] = lanes(_mm256_set1_epi32(i));
  const __m256i a = _mm256_set1_epi8(static_cast<char>(rounds));
  for (size_t round = 0; round < rounds; round++)
#pragma GCC unroll 12
    for (int i = 0; i < 12; i++)
      sum[i] = dot(sum[i], a);
  __m256i total = vector(sum[0]);
#pragma GCC unroll 12
  for (int i = 1; i < 12; i++)
    total = _mm256_xor_si256(total, vector(sum[i]));
  return static_cast<uint64_t>(_mm_cvtsi128_si64(_mm256_castsi256_si128(total)));
}

} // namespace

extern const Peak kPeakAvxVnni;
const Peak kPeakAvxVnni = {
    .instruction = "VPDPBUSD ymm",
    .features = kCpuAvx2 | kCpuAvxVnni,
    .read = nullptr,
    .multiply = multiply,
    .macs = 12 * 32,
};

} // namespace bitnet
