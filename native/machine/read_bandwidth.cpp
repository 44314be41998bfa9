// A plain loop over a large block, in pieces that the threads take in turn as they do with weights.
#include "read_bandwidth.h"

#include <stdint.h>
#include <string.h>

#include <algorithm>
#include <atomic>
#include <chrono>

#include "../common/aligned_buffer.h"

namespace bitnet {
namespace {

constexpr size_t kPiece = size_t{1} << 20;
constexpr int kPasses = 6;

// Sums that do not depend on each other, so that loads need not wait for additions.
uint64_t sum_of(const uint64_t* words, size_t count) {
  uint64_t sums[16] = {};
  for (size_t i = 0; i < count; i += 16)
    for (size_t j = 0; j < 16; ++j)
      sums[j] += words[i + j];
  uint64_t sum = 0;
  for (uint64_t part : sums)
    sum += part;
  return sum;
}

} // namespace

Status measure_read_bandwidth(ThreadPool& pool, size_t bytes, double* gigabytes_per_second) {
  AlignedBuffer block;
  if (!block.allocate(bytes, AlignedBuffer::Pages::kHuge))
    return Status::error(Code::kMemory, "Not enough memory to measure how fast memory is read.");
  // Untouched pages would all be the system's one page of zeros.
  pool.parallel(bytes / kPiece,
                [&](size_t piece, size_t) { memset(block.data() + piece * kPiece, 1, kPiece); });
  std::atomic<uint64_t> sink{0}; // what is never used might never be read
  double best = 0;
  for (int pass = 0; pass < kPasses; ++pass) {
    const auto begin = std::chrono::steady_clock::now();
    pool.parallel(bytes / kPiece, [&](size_t piece, size_t) {
      sink += sum_of(block.as<uint64_t>(piece * kPiece), kPiece / sizeof(uint64_t));
    });
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    best = std::max(best, static_cast<double>(bytes) / 1e9 / seconds.count());
  }
  *gigabytes_per_second = best;
  return {};
}

} // namespace bitnet
