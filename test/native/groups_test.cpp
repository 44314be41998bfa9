// Group kernels: every usable one gives the bits of the definition, for every shape and input.
#include <math.h>
#include <string.h>

#include <string>
#include <vector>

#include "check.h"
#include "common/half.h"
#include "guarded.h"
#include "kernels/cpu_features.h"
#include "kernels/kernels.h"

using namespace bitnet;
using check::Guarded;
using check::Random;

namespace {

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

uint8_t code(Pattern pattern, size_t k, Random& random) {
  switch (pattern) {
  case kAllMax:
    return 2;
  case kAllMin:
    return 0;
  case kAlternating:
    return k % 2 ? 0 : 2;
  case kZeros:
    return 1;
  default:
    return static_cast<uint8_t>(random.below(3));
  }
}

// Any finite f16, subnormal, negative and zero ones too.
uint16_t any_half(Random& random) {
  const uint16_t bits = static_cast<uint16_t>(random.bits());
  return (bits >> 10 & 31) == 31 ? static_cast<uint16_t>(bits & 0x83ff) : bits;
}

// What trained weights have.
uint16_t usual_half(Random& random) {
  return static_cast<uint16_t>(0x2000 + random.below(0x800));
}

struct Shape {
  size_t tiles, cols, group;
};

struct Matrix {
  const GroupKernel& kernel;
  Shape shape;
  size_t rows, groups;
  std::vector<uint8_t> codes;   // [rows, cols]
  std::vector<uint16_t> scales; // [rows, groups]
  Guarded<uint8_t> packed;

  Matrix(const GroupKernel& kernel, Shape shape, Pattern pattern, bool usual)
      : kernel(kernel), shape(shape), rows(shape.tiles * kernel.tile_rows),
        groups(shape.cols / shape.group), codes(rows * shape.cols), scales(rows * groups),
        packed(shape.tiles * kernel.tile_bytes(shape.cols, shape.group)) {
    Random random(rows * 131 + shape.cols * 17);
    for (size_t i = 0; i < codes.size(); i++)
      codes[i] = code(pattern, i, random);
    for (uint16_t& scale : scales)
      scale = usual ? usual_half(random) : any_half(random);
    for (size_t tile = 0; tile < shape.tiles; tile++)
      kernel.pack_tile(&codes[tile * kernel.tile_rows * shape.cols],
                       &scales[tile * kernel.tile_rows * groups], shape.cols, shape.group,
                       packed.data() + tile * kernel.tile_bytes(shape.cols, shape.group));
  }
};

float defined(const Matrix& m, size_t row, const int8_t* q, float factor, float step) {
  float sum = 0;
  for (size_t g = 0; g < m.groups; g++) {
    int32_t product = 0;
    for (size_t k = g * m.shape.group; k < (g + 1) * m.shape.group; k++)
      product += (m.codes[row * m.shape.cols + k] - 1) * q[k];
    sum = fmaf(static_cast<float>(product), half_to_float(m.scales[row * m.groups + g]) * factor,
               sum);
  }
  return sum * step;
}

struct Batch {
  size_t n, row_begin, row_end, extra_stride;
};

constexpr float kUntouched = 12345.0f;

void compare(const Matrix& m, const Batch& s, Pattern activations, float factor = 1) {
  Random random(m.shape.cols * 17 + s.n);
  const size_t cols = m.shape.cols, parts = cols / kGroupSumCols;
  Guarded<int8_t> q(s.n * cols);
  Guarded<int32_t> sums(s.n * parts);
  Guarded<float> step(s.n);
  for (size_t i = 0; i < s.n * cols; i++) {
    q[i] = activation(activations, i, random);
    sums[i / kGroupSumCols] = (i % kGroupSumCols ? sums[i / kGroupSumCols] : 0) + q[i];
  }
  for (float& value : step)
    value = 0.01f + random.real() * 0.005f;
  const size_t count = s.row_end - s.row_begin, stride = count + s.extra_stride;
  Guarded<float> out((s.n - 1) * stride + count);
  for (float& value : out)
    value = kUntouched;
  Guarded<uint8_t> scratch((m.kernel.scratch_bytes + 63) / 64 * 64);
  m.kernel.product({m.packed.data(), cols, m.shape.group, factor, q.data(), cols, sums.data(),
                    parts, step.data(), s.n, out.data(), stride, scratch.data()},
                   s.row_begin, s.row_end);
  for (size_t i = 0; i < s.n; i++)
    for (size_t r = 0; r < (i + 1 < s.n ? stride : count); r++) {
      const float expected = r < count
                                 ? defined(m, s.row_begin + r, q.data() + i * cols, factor, step[i])
                                 : kUntouched;
      const float actual = out[i * stride + r];
      if (memcmp(&actual, &expected, sizeof actual) != 0) {
        CHECK_EQ(actual, expected,
                 std::string(m.kernel.family) + "-" + m.kernel.isa + " row " + std::to_string(r) +
                     " token " + std::to_string(i) + " of " + std::to_string(s.n) + ", columns " +
                     std::to_string(cols) + " group " + std::to_string(m.shape.group));
        return;
      }
    }
}

std::vector<const GroupKernel*> kernels() {
  return usable_group_kernels(detect_cpu_features());
}

} // namespace

TEST("group kernels give the bits of the definition for every small shape and batch") {
  const std::vector<size_t> batches =
      check::values({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 33, 34, 65},
                    {1, 2, 7, 16, 33});
  for (const GroupKernel* kernel : kernels())
    for (size_t group : {64, 128, 256})
      for (size_t groups : check::values({1, 2, 3, 5}, {1, 3})) {
        const Matrix matrix(*kernel, {2, groups * group, group}, kRandom, true);
        for (size_t n : batches)
          compare(matrix, {n, 0, matrix.rows, 0}, kRandom);
      }
}

TEST("group kernels are right at the limits of activations, codes and scales") {
  for (const GroupKernel* kernel : kernels())
    for (size_t group : {64, 128, 256})
      for (int w = 0; w < kPatterns; w++) {
        const Matrix matrix(*kernel, {1, 512, group}, static_cast<Pattern>(w), false);
        for (size_t n : check::values({1, 2, 3, 6, 9, 17, 34}, {1, 6}))
          for (int a = 0; a < kPatterns; a++)
            compare(matrix, {n, 0, matrix.rows, 0}, static_cast<Pattern>(a));
      }
}

TEST("group kernels round a scale of the tensor's own into the scales of groups") {
  for (const GroupKernel* kernel : kernels())
    for (float factor : {0.3f, -1.7e-3f, 0.0f, kLeastGroupFactor, kMostGroupFactor}) {
      const Matrix matrix(*kernel, {1, 384, 128}, kRandom, false);
      for (size_t n : {1, 2, 5, 40})
        compare(matrix, {n, 0, matrix.rows, 0}, kRandom, factor);
    }
}

TEST("group kernels keep to their rows and to the stride of the output") {
  for (const GroupKernel* kernel : kernels()) {
    const size_t tile = kernel->tile_rows;
    const Matrix matrix(*kernel, {4, 192, 64}, kRandom, true);
    for (size_t n : {1, 2, 5, 13, 40}) {
      compare(matrix, {n, tile, 3 * tile, 0}, kRandom);
      compare(matrix, {n, 3 * tile, 4 * tile, 5}, kRandom);
      compare(matrix, {n, 0, 2 * tile, 77}, kRandom);
    }
  }
}

TEST("group kernels are right for more columns than are unpacked together") {
  for (const GroupKernel* kernel : kernels())
    for (size_t cols : check::values({2816, 5376}, {2816})) {
      const Matrix matrix(*kernel, {1, cols, 256}, kRandom, true);
      for (size_t n : {1, 18, 38})
        compare(matrix, {n, 0, matrix.rows, 0}, kRandom);
    }
}
