// Products with group scales beside their definition.
#include <math.h>
#include <string.h>

#include <vector>

#include "array.h"
#include "common/half.h"
#include "self_test.h"

namespace bitnet {
namespace {

constexpr size_t kCols = 1280; // more than some kernels unpack together

std::string check_product(const GroupKernel& kernel, size_t group, size_t n, bool extreme) {
  std::mt19937 random(static_cast<uint32_t>(group + n));
  const size_t rows = kernel.tile_rows, groups = kCols / group, parts = kCols / kGroupSumCols;
  Array<uint8_t> codes(rows * kCols), packed(kernel.tile_bytes(kCols, group));
  for (size_t i = 0; i < codes.size(); ++i)
    codes[i] = static_cast<uint8_t>(extreme ? 2 : number(random, 0, 2));
  std::vector<uint16_t> scales(rows * groups);
  for (uint16_t& scale : scales)
    scale = static_cast<uint16_t>(number(random, 0x2000, 0x27ff)); // 1/128 to 1/32
  kernel.pack_tile(codes.data(), scales.data(), kCols, group, packed.data());
  Array<int8_t> q(n * kCols);
  Array<int32_t> q_sums(n * parts);
  Array<float> step(n), out(n * rows);
  for (size_t i = 0; i < n; ++i) {
    step[i] = real(random);
    for (size_t k = 0; k < kCols; ++k)
      q_sums[i * parts + k / kGroupSumCols] += q[i * kCols + k] =
          static_cast<int8_t>(extreme ? (i % 2 ? -127 : 127) : number(random, -127, 127));
  }
  Array<uint8_t> scratch(std::max<size_t>(1, kernel.scratch_bytes));
  kernel.product({.packed = packed.data(),
                  .cols = kCols,
                  .group = group,
                  .factor = 1,
                  .q = q.data(),
                  .q_stride = kCols,
                  .q_sums = q_sums.data(),
                  .sums_stride = parts,
                  .step = step.data(),
                  .n = n,
                  .out = out.data(),
                  .out_stride = rows,
                  .scratch = scratch.data()},
                 0, rows);
  for (size_t i = 0; i < n; ++i)
    for (size_t r = 0; r < rows; ++r) {
      float sum = 0;
      for (size_t g = 0; g < groups; ++g) {
        int32_t product = 0;
        for (size_t k = g * group; k < (g + 1) * group; ++k)
          product += (codes[r * kCols + k] - 1) * q[i * kCols + k];
        sum = fmaf(static_cast<float>(product), half_to_float(scales[r * groups + g]), sum);
      }
      const float expected = sum * step[i];
      if (memcmp(&out[i * rows + r], &expected, sizeof expected) != 0)
        return difference("product with groups of " + std::to_string(group) + " columns and " +
                              std::to_string(n) + " tokens",
                          i * rows + r, out[i * rows + r], expected);
    }
  return {};
}

} // namespace

std::string check_kernel(const GroupKernel& kernel) {
  for (size_t group : {64, 128, 256})
    for (size_t n : {1, 2, 5, 17, 33})
      for (bool extreme : {false, true}) {
        const std::string wrong = check_product(kernel, group, n, extreme);
        if (!wrong.empty())
          return wrong;
      }
  return {};
}

} // namespace bitnet
