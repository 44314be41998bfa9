// Ternary products: every kernel on the matrices of a layer.
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

/**
 * Tiles of one matrix, all the same, as many as no cache holds, and tokens to multiply them with.
 */
class Workload {
public:
  Workload(const TernaryKernel& kernel, const Shape& shape, size_t tokens, size_t threads)
      : kernel_(kernel), cols_(rounded_up(shape.cols, kernel.tile_cols)),
        matrix_tiles_(rounded_up(shape.rows, kernel.tile_rows) / kernel.tile_rows),
        tile_(kernel.tile_bytes(cols_)), ring_tiles_(std::max(kUncached / tile_, matrix_tiles_)),
        packed_(ring_tiles_ * tile_), codes_(kernel.tile_rows * cols_),
        q_stride_(rounded_up(cols_, 64)), q_(tokens * q_stride_), q_sum_(tokens),
        scratch_stride_(rounded_up(kernel.scratch_bytes(cols_), 64)),
        scratch_(threads * scratch_stride_ + 64) {
    for (uint8_t& c : codes_)
      c = static_cast<uint8_t>(random_bits() % 3);
    kernel.pack_tile(codes_.data(), cols_, packed_.data());
    for (size_t i = 1; i < ring_tiles_; i++)
      memcpy(packed_.data() + i * tile_, packed_.data(), tile_);
    for (size_t i = 0; i < tokens; i++)
      for (size_t k = 0; k < shape.cols; k++) {
        q_[i * q_stride_ + k] = static_cast<int8_t>(static_cast<int>(random_bits() % 255) - 127);
        q_sum_[i] += q_[i * q_stride_ + k];
      }
  }

  size_t tile_bytes() const { return tile_; }
  size_t matrix_tiles() const { return matrix_tiles_; }
  double macs(size_t tiles, size_t n) const {
    return static_cast<double>(tiles * kernel_.tile_rows * cols_ * n);
  }

  /**
   * `tiles` tiles from `first` of the ring on, times n tokens; rows are shared out as the engine
   * does.
   */
  void run(ThreadPool& pool, size_t first, size_t tiles, size_t n, int32_t* out) {
    const size_t rows = tiles * kernel_.tile_rows;
    const size_t chunk =
        rounded_up(std::min<size_t>(128, rows / (pool.threads() * 4) + 1), kernel_.tile_rows);
    pool.parallel((rows + chunk - 1) / chunk, [&](size_t i, size_t thread) {
      const size_t begin = i * chunk, end = std::min(rows, begin + chunk);
      kernel_.product({.packed = packed_.data() + first * tile_,
                       .cols = cols_,
                       .q = q_.data(),
                       .q_stride = q_stride_,
                       .q_sum = q_sum_.data(),
                       .n = n,
                       .out = out + begin,
                       .out_stride = rows,
                       .scratch = scratch_.data() + thread * scratch_stride_},
                      begin, end);
    });
  }

  /**
   * For at least 37 tokens. Exits with 1 when a tile is not what the scalar kernel makes of the
   * same codes.
   */
  void verify(const std::string& name) {
    const TernaryKernel& scalar = *usable_ternary_kernels(0).front();
    const size_t cols = rounded_up(cols_, scalar.tile_cols);
    const size_t rows = rounded_up(kernel_.tile_rows, scalar.tile_rows);
    std::vector<uint8_t> codes(rows * cols, 1);
    for (size_t r = 0; r < kernel_.tile_rows; r++)
      memcpy(&codes[r * cols], &codes_[r * cols_], cols_);
    Aligned<uint8_t> packed(rows / scalar.tile_rows * scalar.tile_bytes(cols));
    for (size_t r = 0; r < rows; r += scalar.tile_rows)
      scalar.pack_tile(&codes[r * cols], cols,
                       packed.data() + r / scalar.tile_rows * scalar.tile_bytes(cols));
    ThreadPool one(1);
    for (size_t n : {1, 2, 3, 4, 5, 7, 16, 37}) {
      Aligned<int32_t> out(n * kernel_.tile_rows), expected(n * rows);
      run(one, 0, 1, n, out.data());
      scalar.product({.packed = packed.data(),
                      .cols = cols,
                      .q = q_.data(),
                      .q_stride = q_stride_,
                      .q_sum = q_sum_.data(),
                      .n = n,
                      .out = expected.data(),
                      .out_stride = rows,
                      .scratch = nullptr},
                     0, rows);
      for (size_t i = 0; i < n; i++)
        if (memcmp(&out[i * kernel_.tile_rows], &expected[i * rows],
                   kernel_.tile_rows * sizeof(int32_t)) != 0) {
          fprintf(stderr, "%s differs from scalar with %zu columns, token %zu of %zu.\n",
                  name.c_str(), cols_, i, n);
          exit(1);
        }
    }
  }

  size_t ring_tiles() const { return ring_tiles_; }

private:
  const TernaryKernel& kernel_;
  const size_t cols_, matrix_tiles_, tile_, ring_tiles_;
  Aligned<uint8_t> packed_;
  std::vector<uint8_t> codes_;
  const size_t q_stride_;
  Aligned<int8_t> q_;
  Aligned<int32_t> q_sum_;
  const size_t scratch_stride_;
  Aligned<uint8_t> scratch_;
};

} // namespace

void bench_ternary(const TernaryKernel& kernel, const Shape& shape, const Options& options,
                   const Machine& machine) {
  const std::string name = std::string(kernel.family) + "-" + kernel.isa;
  const size_t most = std::max(options.batches.back(), kVerifiedTokens);
  Workload work(kernel, shape, most, options.threads.back());
  work.verify(name);
  for (size_t n : options.batches) {
    if (strcmp(kernel.isa, "scalar") == 0 && n > 4)
      break; // seconds per run
    time_tiles<int32_t>(work, kernel.tile_rows, n, machine, [&](Row& row) {
      row.text("kernel", name, 18)
          .text("shape", shape.name, 14)
          .number("rows", static_cast<double>(shape.rows))
          .number("cols", static_cast<double>(shape.cols));
    });
  }
}
