// Prefilter kernels: every usable one gives exactly what its contract defines, for every shape and
// input.
#include <math.h>
#include <string.h>

#include <string>
#include <vector>

#include "check.h"
#include "evex/evex.h"
#include "guarded.h"
#include "kernels/cpu_features.h"
#include "kernels/kernels.h"

using namespace bitnet;
using check::Guarded;
using check::Random;

namespace {

constexpr size_t kMaxCols = 1 << 17;

std::vector<const PrefilterKernel*> kernels() {
  const uint32_t features = detect_cpu_features();
  std::vector<const PrefilterKernel*> list = usable_prefilter_kernels(features);
  for (const PrefilterKernel* kernel : evex_prefilter_kernels(features))
    list.push_back(kernel);
  return list;
}

enum Pattern { kRandom, kAllMax, kAllMin, kAlternating, kZeros, kPatterns };

/** A value in [least, most]. */
int8_t value(Pattern pattern, size_t k, int least, int most, Random& random) {
  switch (pattern) {
  case kAllMax:
    return static_cast<int8_t>(most);
  case kAllMin:
    return static_cast<int8_t>(least);
  case kAlternating:
    return static_cast<int8_t>(k % 2 ? least : most);
  case kZeros:
    return 0;
  default:
    return static_cast<int8_t>(
        least + static_cast<int>(random.below(static_cast<uint32_t>(most - least + 1))));
  }
}

struct Shape {
  size_t rows, cols, row_begin, row_end;
  size_t n = 1; // vectors
};

struct Patterns {
  Pattern q, high, low;
};

/** Runs one product on guarded arrays and compares it, to the bit, with sums in int64. */
void compare(const PrefilterKernel& kernel, const Shape& s, const Patterns& patterns) {
  Random random(s.rows * 131 + s.cols * 17 + s.row_begin);
  std::vector<int8_t> q(s.rows * s.cols);
  for (size_t i = 0; i < q.size(); i++)
    q[i] = value(patterns.q, i, -127, 127, random);
  Guarded<uint8_t> packed(s.rows / kernel.tile_rows * kernel.tile_bytes(s.cols));
  for (size_t r = 0; r < s.rows; r += kernel.tile_rows)
    kernel.pack_tile(&q[r * s.cols], s.cols,
                     packed.data() + r / kernel.tile_rows * kernel.tile_bytes(s.cols));

  const size_t count = s.row_end - s.row_begin;
  Guarded<int8_t> high(s.n * s.cols), low(s.n * s.cols);
  Guarded<int32_t> high_sum(s.n), low_sum(s.n);
  for (size_t i = 0; i < s.n; i++) {
    high_sum[i] = low_sum[i] = 0;
    for (size_t k = i * s.cols; k < (i + 1) * s.cols; k++) {
      high_sum[i] += high[k] = value(patterns.high, k, -127, 127, random);
      low_sum[i] += low[k] = value(patterns.low, k, -64, 63, random);
    }
  }
  Guarded<float> out(s.n * count);
  kernel.product({.packed = packed.data(),
                  .cols = s.cols,
                  .high = high.data(),
                  .low = low.data(),
                  .high_sum = high_sum.data(),
                  .low_sum = low_sum.data(),
                  .n = s.n,
                  .out = out.data(),
                  .out_stride = count},
                 s.row_begin, s.row_end);

  for (size_t i = 0; i < s.n; i++)
    for (size_t r = s.row_begin; r < s.row_end; r++) {
      int64_t high_product = 0, low_product = 0;
      for (size_t k = 0; k < s.cols; k++) {
        high_product += q[r * s.cols + k] * high[i * s.cols + k];
        low_product += q[r * s.cols + k] * low[i * s.cols + k];
      }
      const float expected =
          fmaf(128.0f, static_cast<float>(high_product), static_cast<float>(low_product));
      const float got = out[i * count + (r - s.row_begin)];
      if (memcmp(&got, &expected, sizeof expected) != 0)
        CHECK_EQ(got, expected,
                 std::string(kernel.isa) + " rows " + std::to_string(s.rows) + " from " +
                     std::to_string(s.row_begin) + " cols " + std::to_string(s.cols) + " vector " +
                     std::to_string(i) + " of " + std::to_string(s.n) + " row " +
                     std::to_string(r) + " patterns " + std::to_string(patterns.q) + "," +
                     std::to_string(patterns.high) + "," + std::to_string(patterns.low));
    }
}

size_t rounded_up(size_t count, size_t multiple) {
  return (count + multiple - 1) / multiple * multiple;
}

} // namespace

TEST("prefilter kernels are exact for every small shape, within the arrays they are given") {
  for (const PrefilterKernel* kernel : kernels())
    for (size_t tiles = 1; tiles <= 3; tiles++)
      for (size_t blocks = 1; blocks <= 21; blocks++) {
        const size_t rows = tiles * kernel->tile_rows, cols = blocks * kernel->tile_cols;
        compare(*kernel, {rows, cols, 0, rows}, {kRandom, kRandom, kRandom});
      }
}

TEST("prefilter kernels are exact for any number of vectors") {
  for (const PrefilterKernel* kernel : kernels())
    for (size_t n = 1; n <= 8; n++)
      for (size_t blocks : {1, 9}) {
        const size_t tile = kernel->tile_rows, cols = blocks * kernel->tile_cols;
        compare(*kernel, {3 * tile, cols, tile, 3 * tile, n}, {kRandom, kRandom, kRandom});
      }
}

TEST("prefilter kernels keep to their rows") {
  for (const PrefilterKernel* kernel : kernels()) {
    const size_t tile = kernel->tile_rows, cols = rounded_up(144, kernel->tile_cols);
    for (size_t begin = 0; begin < 4; begin++)
      for (size_t end = begin + 1; end <= 4; end++)
        compare(*kernel, {4 * tile, cols, begin * tile, end * tile}, {kRandom, kRandom, kRandom});
  }
}

TEST("prefilter kernels are exact at the limits of head_copy and planes") {
  for (const PrefilterKernel* kernel : kernels())
    for (size_t cols : {16, 48, 2560})
      for (int q = 0; q < kPatterns; q++)
        for (int high = 0; high < kPatterns; high++) {
          const int low = (q + high) % kPatterns; // meets every q and every high
          const size_t rows = kernel->tile_rows;
          compare(*kernel, {rows, rounded_up(cols, kernel->tile_cols), 0, rows},
                  {static_cast<Pattern>(q), static_cast<Pattern>(high), static_cast<Pattern>(low)});
        }
}

TEST("prefilter kernels do not overflow at the widest matrix the contract allows") {
  for (const PrefilterKernel* kernel : kernels())
    for (const Patterns& patterns : {Patterns{kAllMax, kAllMax, kAllMin},
                                     {kAllMin, kAllMax, kAllMax},
                                     {kAllMin, kAllMin, kAllMin}})
      for (size_t cols : check::values({kMaxCols}, {kMaxCols / 8}))
        compare(*kernel, {kernel->tile_rows, cols, 0, kernel->tile_rows}, patterns);
}
