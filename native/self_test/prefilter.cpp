// Products of the head's int8 copy beside plain sums of integers.
#include <math.h>

#include "array.h"
#include "self_test.h"

namespace bitnet {
namespace {

std::string check_product(const PrefilterKernel& kernel, size_t cols, size_t n, bool extreme) {
  std::mt19937 random(static_cast<uint32_t>(cols));
  const size_t rows = 2 * kernel.tile_rows, tile_bytes = kernel.tile_bytes(cols);
  Array<int8_t> q(rows * cols), high(n * cols), low(n * cols);
  for (size_t i = 0; i < q.size(); ++i)
    q[i] = static_cast<int8_t>(extreme ? -127 : number(random, -127, 127));
  Array<uint8_t> packed(2 * tile_bytes);
  for (size_t tile = 0; tile < 2; ++tile)
    kernel.pack_tile(q.data() + tile * kernel.tile_rows * cols, cols,
                     packed.data() + tile * tile_bytes);
  Array<int32_t> high_sum(n), low_sum(n);
  for (size_t i = 0; i < n * cols; ++i) {
    high[i] = static_cast<int8_t>(extreme ? -127 : number(random, -127, 127));
    low[i] = static_cast<int8_t>(extreme ? -64 : number(random, -64, 63));
    high_sum[i / cols] += high[i];
    low_sum[i / cols] += low[i];
  }
  Array<float> out(n * rows);
  kernel.product({.packed = packed.data(),
                  .cols = cols,
                  .high = high.data(),
                  .low = low.data(),
                  .high_sum = high_sum.data(),
                  .low_sum = low_sum.data(),
                  .n = n,
                  .out = out.data(),
                  .out_stride = rows},
                 0, rows);
  for (size_t i = 0; i < n; ++i)
    for (size_t r = 0; r < rows; ++r) {
      int32_t of_high = 0, of_low = 0;
      for (size_t k = 0; k < cols; ++k) {
        of_high += q[r * cols + k] * high[i * cols + k];
        of_low += q[r * cols + k] * low[i * cols + k];
      }
      const float expected = fmaf(128.0f, static_cast<float>(of_high), static_cast<float>(of_low));
      if (out[i * rows + r] != expected)
        return difference("product of " + std::to_string(n) + " vectors", i * rows + r,
                          out[i * rows + r], expected);
    }
  return {};
}

} // namespace

std::string check_kernel(const PrefilterKernel& kernel) {
  for (size_t n : {1, 3})
    for (bool extreme : {false, true}) {
      const std::string wrong = check_product(kernel, 16 * kernel.tile_cols, n, extreme);
      if (!wrong.empty())
        return wrong;
    }
  return {};
}

} // namespace bitnet
