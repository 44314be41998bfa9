// Short passes, because neighbors leave few long ones alone.
#include "multiply_peak.h"

#include <stdint.h>

#include <algorithm>
#include <atomic>
#include <chrono>

#include "../kernels/cpu_features.h"
#include "../kernels/kernels.h"

namespace bitnet {
namespace {

constexpr size_t kRounds = 100000; // about a millisecond
constexpr int kPasses = 200;       // new threads may share a core until the system spreads them

const Peak& strongest() {
  return *usable_peaks(detect_cpu_features()).front();
}

} // namespace

double measure_multiply_peak(ThreadPool& pool) {
  const Peak& peak = strongest();
  std::atomic<uint64_t> sink{0}; // what is never used might never be computed
  double best = 0;
  for (int pass = 0; pass < kPasses; ++pass) {
    const auto begin = std::chrono::steady_clock::now();
    pool.parallel(pool.threads(), [&](size_t, size_t) { sink += peak.multiply(kRounds); });
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    const double macs = static_cast<double>(kRounds * peak.macs * pool.threads());
    best = std::max(best, macs / 1e9 / seconds.count());
  }
  return best;
}

const char* multiply_instruction() {
  return strongest().instruction;
}

} // namespace bitnet
