// The machine's measured limits.
#include "roofs.h"

#include <algorithm>
#include <functional>
#include <vector>

#include "kernels/cpu_features.h"
#include "measure.h"
#include "roof.h"

extern const Roof kRoofScalar;
#if defined(__x86_64__) || defined(_M_X64)
extern const Roof kRoofAvx2, kRoofAvx512Vnni;
#if defined(BITNET_AVXVNNI)
extern const Roof kRoofAvxVnni;
#endif
#endif
#if defined(__aarch64__) || defined(_M_ARM64)
extern const Roof kRoofNeon, kRoofNeonDot, kRoofNeonI8mm;
#endif

namespace {

/** Strongest multiplication first. */
const Roof* const kRoofs[] = {
#if defined(__x86_64__) || defined(_M_X64)
    &kRoofAvx512Vnni,
#if defined(BITNET_AVXVNNI)
    &kRoofAvxVnni,
#endif
    &kRoofAvx2,
#endif
#if defined(__aarch64__) || defined(_M_ARM64)
    &kRoofNeonI8mm,   &kRoofNeonDot, &kRoofNeon,
#endif
    &kRoofScalar,
};

volatile uint64_t sink;

/** Ten times as long as a kernel, because every result is compared with it. */
double best_seconds(const std::function<void()>& run) {
  double best = 1e9;
  for (int i = 0; i < 10; i++)
    best = std::min(best, measure(run).best);
  return best;
}

const Roof& best_usable(bool reads) {
  const uint32_t features = bitnet::detect_cpu_features();
  for (const Roof* roof : kRoofs)
    if ((roof->features & ~features) == 0 && (!reads || roof->read != nullptr))
      return *roof;
  return kRoofScalar;
}

} // namespace

double measured_memory_gbps(bitnet::ThreadPool& pool) {
  const Roof& roof = best_usable(true);
  const size_t kPiece = 1 << 20,
               per_run = 16; // short runs, as neighbours leave few long ones alone
  Aligned<uint8_t> memory(kUncached);
  size_t at = 0; // in pieces
  const size_t step = per_run * pool.threads();
  const double seconds = best_seconds([&] {
    pool.parallel(step, [&](size_t chunk, size_t) {
      sink = roof.read(memory.data() + (at + chunk) % (kUncached / kPiece) * kPiece, kPiece);
    });
    at += step;
  });
  return static_cast<double>(step * kPiece) / 1e9 / seconds;
}

double measured_cache_gbps(bitnet::ThreadPool& pool) {
  const Roof& roof = best_usable(true);
  const size_t threads = pool.threads();
  Aligned<uint8_t> memory(kCached * threads);
  const size_t kRepeat = 16;
  const double seconds = best_seconds([&] {
    pool.parallel(threads, [&](size_t chunk, size_t) {
      for (size_t i = 0; i < kRepeat; i++)
        sink = roof.read(memory.data() + chunk * kCached, kCached);
    });
  });
  return static_cast<double>(kRepeat * threads * kCached) / 1e9 / seconds;
}

double measured_gmacs(bitnet::ThreadPool& pool) {
  const Roof& roof = best_usable(false);
  const size_t kRounds = 100000, threads = pool.threads();
  const double seconds = best_seconds(
      [&] { pool.parallel(threads, [&](size_t, size_t) { sink = roof.multiply(kRounds); }); });
  return static_cast<double>(kRounds * roof.macs * threads) / 1e9 / seconds;
}

const char* multiply_instruction() {
  return best_usable(false).instruction;
}
