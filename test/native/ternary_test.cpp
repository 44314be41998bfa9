// Ternary kernels: every usable one gives exactly the integers of a naive sum, for every shape and
// input.
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

std::vector<const TernaryKernel*> kernels() {
  const uint32_t features = detect_cpu_features();
  std::vector<const TernaryKernel*> list = usable_ternary_kernels(features);
  for (const TernaryKernel* kernel : evex_ternary_kernels(features))
    list.push_back(kernel);
  return list;
}

enum Pattern { kRandom, kAllMax, kAllMin, kAlternating, kZeros, kPatterns };

int8_t activation(Pattern pattern, size_t k, Random& random) {
  switch (pattern) {
  case kAllMax:
    return 127;
  case kAllMin:
    return -127;
  case kAlternating:
    return k % 2 ? -127 : 127;
  case kZeros:
    return 0;
  default:
    return static_cast<int8_t>(static_cast<int>(random.below(255)) - 127);
  }
}

uint8_t code(Pattern pattern, Random& random) {
  switch (pattern) {
  case kAllMax:
    return 2; // a positive weight everywhere
  case kAllMin:
    return 0;
  default:
    return static_cast<uint8_t>(random.below(3));
  }
}

/** Codes [rows, cols] and what a kernel packs of them; both are multiples of the kernel's tile. */
struct Matrix {
  const TernaryKernel& kernel;
  size_t rows, cols;
  Pattern pattern;
  std::vector<uint8_t> codes;
  Guarded<uint8_t> packed;

  Matrix(const TernaryKernel& kernel, size_t tiles, size_t cols, Pattern pattern)
      : kernel(kernel), rows(tiles * kernel.tile_rows), cols(cols), pattern(pattern),
        codes(rows * cols), packed(tiles * kernel.tile_bytes(cols)) {
    Random random(rows * 131 + cols * 17);
    for (uint8_t& c : codes)
      c = code(pattern, random);
    for (size_t tile = 0; tile < tiles; tile++)
      kernel.pack_tile(&codes[tile * kernel.tile_rows * cols], cols,
                       packed.data() + tile * kernel.tile_bytes(cols));
  }
};

/**
 * Σ t q, which fits: 127 * kMaxTernaryCols < 2^31. The loop would take most of the tests' time
 * where all trits are equal.
 */
int32_t naive_sum(const Matrix& m, size_t row, const int8_t* q, int32_t q_sum) {
  if (m.pattern == kAllMax)
    return q_sum;
  if (m.pattern == kAllMin)
    return -q_sum;
  int32_t sum = 0;
  const uint8_t* c = &m.codes[row * m.cols];
  for (size_t k = 0; k < m.cols; k++)
    sum += (c[k] - 1) * q[k];
  return sum;
}

struct Batch {
  size_t n, row_begin, row_end, extra_stride;
};

/**
 * Runs one product with guarded buffers and compares it with the naive sum; gaps in out must stay
 * untouched.
 */
void compare(const Matrix& m, const Batch& s, Pattern activations) {
  Random random(m.cols * 17 + s.n);
  const size_t q_stride = (m.cols + 63) / 64 * 64;
  Guarded<int8_t> q(s.n * q_stride);
  Guarded<int32_t> q_sum(s.n);
  for (size_t i = 0; i < s.n; i++) {
    q_sum[i] = 0;
    for (size_t k = 0; k < q_stride; k++) {
      q[i * q_stride + k] = k < m.cols ? activation(activations, k, random) : int8_t{0};
      q_sum[i] += q[i * q_stride + k];
    }
  }

  const size_t rows = s.row_end - s.row_begin, out_stride = rows + s.extra_stride;
  const int32_t kUntouched = 0x5a5a5a5a;
  Guarded<int32_t> out((s.n - 1) * out_stride + rows);
  for (int32_t& o : out)
    o = kUntouched;
  Guarded<uint8_t> scratch(m.kernel.scratch_bytes(m.cols));
  m.kernel.product({.packed = m.packed.data(),
                    .cols = m.cols,
                    .q = q.data(),
                    .q_stride = q_stride,
                    .q_sum = q_sum.data(),
                    .n = s.n,
                    .out = out.data(),
                    .out_stride = out_stride,
                    .scratch = scratch.data()},
                   s.row_begin, s.row_end);

  for (size_t j = 0; j < out.size(); j++) {
    const size_t i = j / out_stride, r = j % out_stride;
    const int32_t expected =
        r < rows ? naive_sum(m, s.row_begin + r, &q[i * q_stride], q_sum[i]) : kUntouched;
    if (out[j] != expected)
      CHECK_EQ(out[j], expected,
               std::string(m.kernel.family) + "-" + m.kernel.isa + " rows " +
                   std::to_string(m.rows) + " cols " + std::to_string(m.cols) + " n " +
                   std::to_string(s.n) + " from " + std::to_string(s.row_begin) + " patterns " +
                   std::to_string(m.pattern) + "," + std::to_string(activations) + " token " +
                   std::to_string(i) + " row " + std::to_string(r));
  }
}

size_t rounded_up(size_t value, size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

} // namespace

TEST("ternary tiles unpack to the codes that were packed") {
  for (const TernaryKernel* kernel : kernels())
    for (size_t cols = kernel->tile_cols; cols <= 6 * kernel->tile_cols;
         cols += kernel->tile_cols) {
      Random random(cols);
      std::vector<uint8_t> codes(kernel->tile_rows * cols), back(codes.size());
      for (uint8_t& c : codes)
        c = static_cast<uint8_t>(random.below(3));
      Guarded<uint8_t> tile(kernel->tile_bytes(cols));
      kernel->pack_tile(codes.data(), cols, tile.data());
      kernel->unpack_tile(tile.data(), cols, back.data());
      CHECK(codes == back, std::string(kernel->isa) + " cols " + std::to_string(cols));
    }
}

TEST("ternary kernels are exact for every small shape and batch") {
  const std::vector<size_t> batches =
      check::values({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 33, 65},
                    {1, 2, 7, 16, 33});
  for (const TernaryKernel* kernel : kernels())
    for (size_t tiles : check::values({1, 2, 3}, {1, 3}))
      for (size_t cols : check::values({64, 128, 192, 256, 320, 576}, {64, 192, 320})) {
        const Matrix matrix(*kernel, tiles, rounded_up(cols, kernel->tile_cols), kRandom);
        for (size_t n : batches)
          if (tiles < 3 || n <= 20)
            compare(matrix, {n, 0, matrix.rows, 0}, kRandom);
      }
}

TEST("ternary kernels are exact at the limits of int8 activations") {
  for (const TernaryKernel* kernel : kernels())
    for (size_t cols : check::values({64, 256, 2560}, {64, 2560}))
      for (int w = 0; w < kAlternating; w++) {
        const Matrix matrix(*kernel, 1, rounded_up(cols, kernel->tile_cols),
                            static_cast<Pattern>(w));
        for (size_t n : check::values({1, 2, 3, 6, 17}, {1, 6}))
          for (int a = 0; a < kPatterns; a++)
            compare(matrix, {n, 0, matrix.rows, 0}, static_cast<Pattern>(a));
      }
}

TEST("ternary kernels keep to their rows and to the stride of the output") {
  for (const TernaryKernel* kernel : kernels()) {
    const size_t tile = kernel->tile_rows;
    const Matrix matrix(*kernel, 4, rounded_up(192, kernel->tile_cols), kRandom);
    for (size_t n : {1, 2, 5, 13}) {
      compare(matrix, {n, tile, 3 * tile, 0}, kRandom);
      compare(matrix, {n, 3 * tile, 4 * tile, 5}, kRandom);
      compare(matrix, {n, 0, 2 * tile, 77}, kRandom);
    }
  }
}

TEST("ternary kernels are exact for long rows") {
  for (const TernaryKernel* kernel : kernels())
    for (size_t cols : check::values(
             check::quick() ? std::vector<size_t>{28672, 131072 + 64}
                            : std::vector<size_t>{28672, 131072, 131072 + 64, 262144 + 192},
             {28672}))
      for (Pattern weights : {kAllMax, kAllMin, kRandom}) {
        const Matrix matrix(*kernel, 1, rounded_up(cols, kernel->tile_cols), weights);
        for (size_t n : {1, 2, 7})
          if (weights != kRandom || n == 7)
            compare(matrix, {n, 0, matrix.rows, 0}, weights == kRandom ? kRandom : kAllMax);
      }
}

TEST("ternary kernels are exact for many tokens and more columns than are unpacked together") {
  for (const TernaryKernel* kernel : kernels()) {
    const Matrix matrix(*kernel, 1, rounded_up(2624, kernel->tile_cols), kRandom);
    for (size_t n : {18, 38})
      compare(matrix, {n, 0, matrix.rows, 0}, kRandom);
  }
}

TEST("ternary kernels do not overflow at the widest matrix the contract allows") {
  for (const TernaryKernel* kernel : kernels())
    for (size_t cols : check::values({kMaxTernaryCols}, {kMaxTernaryCols / 8})) {
      std::vector<uint8_t> codes(kernel->tile_rows * cols, 2), packed(kernel->tile_bytes(cols));
      kernel->pack_tile(codes.data(), cols, packed.data());
      for (size_t n : check::values({1, 2, 9}, {2}))
        for (int value : {127, -127}) {
          if (check::quick() && value < 0 && n != 2)
            continue;
          const std::vector<int8_t> q(n * cols, static_cast<int8_t>(value));
          const int32_t sum = static_cast<int32_t>(cols) * value;
          const std::vector<int32_t> q_sum(n, sum);
          std::vector<int32_t> out(n * kernel->tile_rows);
          std::vector<uint8_t> scratch(kernel->scratch_bytes(cols));
          kernel->product({.packed = packed.data(),
                           .cols = cols,
                           .q = q.data(),
                           .q_stride = cols,
                           .q_sum = q_sum.data(),
                           .n = n,
                           .out = out.data(),
                           .out_stride = kernel->tile_rows,
                           .scratch = scratch.data()},
                          0, kernel->tile_rows);
          for (int32_t o : out)
            CHECK_EQ(o, sum, std::string(kernel->isa) + " n " + std::to_string(n));
        }
    }
}
