// The machine's limits: read bandwidth, and int8 multiply-adds of one thread.
#include "roofs.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

#include "kernels/cpu_features.h"
#include "measure.h"

using namespace bitnet;

namespace {

volatile uint64_t sink;

#if (defined(__x86_64__) || defined(_M_X64))
#if defined(__GNUC__)
__attribute__((target("avx512f,avx512vnni")))
#endif
void vpdpbusd_loop(size_t rounds) {
  __m512i acc[12], x[12]; // all different: otherwise the compiler merges them
#pragma GCC unroll 12
  for (int i = 0; i < 12; i++)
    acc[i] = x[i] = _mm512_set1_epi32(static_cast<int>(sink) + i);
  for (size_t round = 0; round < rounds; round++) {
#pragma GCC unroll 12
    for (int i = 0; i < 12; i++)
      acc[i] = _mm512_dpbusd_epi32(acc[i], x[i], x[i]);
  }
  __m512i sum = acc[0];
#pragma GCC unroll 12
  for (int i = 1; i < 12; i++)
    sum = _mm512_add_epi32(sum, acc[i]);
  sink = static_cast<uint64_t>(_mm_cvtsi128_si32(_mm512_castsi512_si128(sum)));
}
#endif

} // namespace

double read_gbps(const uint64_t* p, size_t bytes) {
  return static_cast<double>(bytes) / 1e9 / measure([&] {
                                              uint64_t sum[8] = {};
                                              for (size_t i = 0; i < bytes / 8; i += 8)
                                                for (size_t j = 0; j < 8; j++)
                                                  sum[j] ^= p[i + j];
                                              for (uint64_t s : sum)
                                                sink = s;
                                            }).best;
}

double vpdpbusd_gmacs() {
#if defined(__x86_64__) || defined(_M_X64)
  const size_t kRounds = 200000;
  if (detect_cpu_features() & kCpuAvx512Vnni)
    return kRounds * 12 * 64 / 1e9 / measure([] { vpdpbusd_loop(kRounds); }).best;
#endif
  return 0;
}
