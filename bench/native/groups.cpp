// Ternary products with a scale for every group of columns.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <string>
#include <vector>

#include "bench.h"
#include "measure.h"
#include "report.h"
#include "tile_timing.h"

using namespace bitnet;

namespace {

constexpr uint16_t kHalf = 0x2c00; // 1/16 as f16

/** Tiles of one matrix, all the same, as many as no cache holds, and tokens. */
class Workload {
public:
  Workload(const GroupKernel& kernel, const Shape& shape, size_t group, size_t tokens,
           size_t threads)
      : kernel_(kernel), group_(group), cols_(rounded_up(shape.cols, group)),
        matrix_tiles_(rounded_up(shape.rows, kernel.tile_rows) / kernel.tile_rows),
        tile_(kernel.tile_bytes(cols_, group)),
        ring_tiles_(std::max(kUncached / tile_, matrix_tiles_)), packed_(ring_tiles_ * tile_),
        codes_(kernel.tile_rows * cols_), scales_(kernel.tile_rows * cols_ / group),
        parts_(cols_ / kGroupSumCols), q_(tokens * cols_), q_sums_(tokens * parts_), step_(tokens),
        scratch_stride_(rounded_up(kernel.scratch_bytes, 64)),
        scratch_(threads * scratch_stride_ + 64) {
    for (uint8_t& c : codes_)
      c = static_cast<uint8_t>(random_bits() % 3);
    for (uint16_t& scale : scales_)
      scale = static_cast<uint16_t>(kHalf + random_bits() % 1024);
    kernel.pack_tile(codes_.data(), scales_.data(), cols_, group, packed_.data());
    for (size_t i = 1; i < ring_tiles_; i++)
      memcpy(packed_.data() + i * tile_, packed_.data(), tile_);
    for (size_t i = 0; i < tokens * cols_; i++) {
      q_[i] = static_cast<int8_t>(static_cast<int>(random_bits() % 255) - 127);
      q_sums_[i / kGroupSumCols] += q_[i];
    }
    for (size_t i = 0; i < tokens; i++)
      step_[i] = 0.01f;
  }

  size_t tile_bytes() const { return tile_; }
  size_t matrix_tiles() const { return matrix_tiles_; }
  size_t ring_tiles() const { return ring_tiles_; }
  double macs(size_t tiles, size_t n) const {
    return static_cast<double>(tiles * kernel_.tile_rows * cols_ * n);
  }

  /** `tiles` tiles from `first` of the ring on, times n tokens, shared out as the engine does. */
  void run(ThreadPool& pool, size_t first, size_t tiles, size_t n, float* out) {
    const size_t rows = tiles * kernel_.tile_rows;
    const size_t chunk =
        rounded_up(std::min<size_t>(128, rows / (pool.threads() * 4) + 1), kernel_.tile_rows);
    pool.parallel((rows + chunk - 1) / chunk, [&](size_t i, size_t thread) {
      const size_t begin = i * chunk, end = std::min(rows, begin + chunk);
      kernel_.product({packed_.data() + first * tile_, cols_, group_, 1, q_.data(), cols_,
                       q_sums_.data(), parts_, step_.data(), n, out + begin, rows,
                       scratch_.data() + thread * scratch_stride_},
                      begin, end);
    });
  }

  /** Exits with 1 when a tile is not what the scalar kernel of the same family makes of it. */
  void verify(const std::string& name) {
    const GroupKernel* scalar = nullptr;
    for (const GroupKernel* kernel : usable_group_kernels(0))
      if (strcmp(kernel->family, kernel_.family) == 0)
        scalar = kernel;
    ThreadPool one(1);
    for (size_t n : {1, 2, 3, 4, 5, 7, 16, 37}) {
      Aligned<float> out(n * kernel_.tile_rows), expected(n * kernel_.tile_rows);
      run(one, 0, 1, n, out.data());
      scalar->product({packed_.data(), cols_, group_, 1, q_.data(), cols_, q_sums_.data(), parts_,
                       step_.data(), n, expected.data(), kernel_.tile_rows, nullptr},
                      0, kernel_.tile_rows);
      if (memcmp(out.data(), expected.data(), n * kernel_.tile_rows * sizeof(float)) == 0)
        continue;
      fprintf(stderr, "%s differs from scalar with %zu columns and %zu tokens.\n", name.c_str(),
              cols_, n);
      exit(1);
    }
  }

private:
  const GroupKernel& kernel_;
  const size_t group_, cols_, matrix_tiles_, tile_, ring_tiles_;
  Aligned<uint8_t> packed_;
  std::vector<uint8_t> codes_;
  std::vector<uint16_t> scales_;
  const size_t parts_;
  Aligned<int8_t> q_;
  Aligned<int32_t> q_sums_;
  Aligned<float> step_;
  const size_t scratch_stride_;
  Aligned<uint8_t> scratch_;
};

void bench_group(const GroupKernel& kernel, const Shape& shape, size_t group,
                 const Options& options, const Machine& machine) {
  const std::string name = std::string("groups-") + kernel.family + "-" + kernel.isa;
  const size_t most = std::max(options.batches.back(), kVerifiedTokens);
  Workload work(kernel, shape, group, most, options.threads.back());
  work.verify(name);
  for (size_t n : options.batches) {
    if (strcmp(kernel.isa, "scalar") == 0 && n > 4)
      break; // seconds per run
    time_tiles<float>(work, kernel.tile_rows, n, machine, [&](Row& row) {
      row.text("kernel", name, 24)
          .text("shape", shape.name, 14)
          .number("rows", static_cast<double>(shape.rows))
          .number("cols", static_cast<double>(shape.cols))
          .number("group", static_cast<double>(group));
    });
  }
}

} // namespace

void bench_groups(const GroupKernel& kernel, const Shape& shape, const Options& options,
                  const Machine& machine) {
  for (size_t group : {64, 128, 256})
    bench_group(kernel, shape, group, options, machine);
}
