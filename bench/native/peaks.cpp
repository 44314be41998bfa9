// The machine's measured limits.
#include "peaks.h"

#include <algorithm>
#include <functional>
#include <vector>

#include "kernels/cpu_features.h"
#include "kernels/kernels.h"
#include "machine/multiply_peak.h"
#include "measure.h"

using bitnet::Peak;

namespace {

volatile uint64_t sink;

/** Ten times as long as a kernel, because every result is compared with it. */
double best_seconds(const std::function<void()>& run) {
  double best = 1e9;
  for (int i = 0; i < 10; i++)
    best = std::min(best, measure(run).best);
  return best;
}

const Peak& best_reader() {
  for (const Peak* peak : bitnet::usable_peaks(bitnet::detect_cpu_features()))
    if (peak->read != nullptr)
      return *peak;
  abort(); // the scalar one can
}

} // namespace

double measured_memory_gbps(bitnet::ThreadPool& pool) {
  const Peak& peak = best_reader();
  const size_t kPiece = 1 << 20,
               per_run = 16; // short runs, as neighbors leave few long ones alone
  Aligned<uint8_t> memory(kUncached);
  size_t at = 0; // in pieces
  const size_t step = per_run * pool.threads();
  const double seconds = best_seconds([&] {
    pool.parallel(step, [&](size_t chunk, size_t) {
      sink = peak.read(memory.data() + (at + chunk) % (kUncached / kPiece) * kPiece, kPiece);
    });
    at += step;
  });
  return static_cast<double>(step * kPiece) / 1e9 / seconds;
}

double measured_cache_gbps(bitnet::ThreadPool& pool) {
  const Peak& peak = best_reader();
  const size_t threads = pool.threads();
  Aligned<uint8_t> memory(kCached * threads);
  const size_t kRepeat = 16;
  const double seconds = best_seconds([&] {
    pool.parallel(threads, [&](size_t chunk, size_t) {
      for (size_t i = 0; i < kRepeat; i++)
        sink = peak.read(memory.data() + chunk * kCached, kCached);
    });
  });
  return static_cast<double>(kRepeat * threads * kCached) / 1e9 / seconds;
}

double measured_gmacs(bitnet::ThreadPool& pool) {
  double best = 0;
  best_seconds([&] { best = std::max(best, bitnet::measure_multiply_peak(pool)); });
  return best;
}
